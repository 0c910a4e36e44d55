"""`lback check` and `lback doctor` connect to the broker of tasks and log in."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pika
import pytest
from pika.exceptions import AMQPConnectionError

from lback.cli.start_checks import START_CHECKS
from tests.cli.conftest import Run
from tests.conftest import unavailable

if TYPE_CHECKING:
    from redis import Redis

REFUSED = "cannot connect to 127.0.0.1:1 (TASK_BROKER_URL): Connection refused"
PASSWORD = "correct the user and password in TASK_BROKER_URL"


@pytest.fixture
def rabbitmq_url() -> str:
    url = os.environ.get("LBACK_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
    try:
        pika.BlockingConnection(pika.URLParameters(url)).close()
    except AMQPConnectionError as error:
        unavailable(f"RabbitMQ: {error!r} (set LBACK_TEST_RABBITMQ_URL to use another server)")
    return url


@pytest.fixture
def redis_user(redis_client: "Redis") -> Iterator[str]:
    """The name of a user of Redis who has a password and may do nothing but log in."""
    name = f"lback-test-{secrets.token_hex(4)}"
    redis_client.acl_setuser(name, enabled=True, passwords=["+hunter3"])
    yield name
    redis_client.acl_deluser(name)


def at(url: str, login: str, path: str = "") -> str:
    """Return the URL with another login, and another path if one is given."""
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 6379}"
    return parts._replace(netloc=f"{login}@{place}", path=path or parts.path).geturl()


def found(lback: Run, project: Path, url: str, **variables: str) -> tuple[str, str]:
    """What `lback check` and `lback doctor` print about a broker that cannot be used."""
    variables |= {"TASKS": "dramatiq", "TASK_BROKER_URL": url}
    checked = lback("check", cwd=project, **variables)
    diagnosed = lback("doctor", cwd=project, **variables)
    assert (checked.returncode, diagnosed.returncode) == (1, 1)
    assert "    check: tasks.broker\n" in checked.stdout
    for output in (checked, diagnosed):
        assert "hunter2" not in output.stdout + output.stderr
    return checked.stdout, diagnosed.stdout


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_refused_connection(scheme: str, lback: Run, project: Path) -> None:
    checked, diagnosed = found(lback, project, f"{scheme}://app:hunter2@127.0.0.1:1")

    assert f"error: {REFUSED}\n" in checked
    assert "    fix: start the server, or correct TASK_BROKER_URL\n" in checked
    assert f"broker of tasks: {REFUSED}; start the server" in diagnosed


def test_a_wrong_password_of_rabbitmq(lback: Run, project: Path, rabbitmq_url: str) -> None:
    checked, diagnosed = found(lback, project, at(rabbitmq_url, "guest:hunter2"))

    assert "error: cannot log in to RabbitMQ at " in checked
    assert "ACCESS_REFUSED" in checked
    assert f"    fix: {PASSWORD}\n" in checked
    assert f"; {PASSWORD}" in diagnosed


def test_a_virtual_host_that_does_not_exist(lback: Run, project: Path, rabbitmq_url: str) -> None:
    login = urlsplit(rabbitmq_url).netloc.partition("@")[0]
    checked, _ = found(lback, project, at(rabbitmq_url, login, "/lback-none"))

    assert "vhost lback-none not found" in checked
    assert "    fix: create the virtual host, or permit the user to use it: " in checked


def test_a_wrong_password_of_redis(
    lback: Run, project: Path, redis_url: str, redis_user: str
) -> None:
    checked, diagnosed = found(lback, project, at(redis_url, f"{redis_user}:hunter2"))

    assert "error: cannot log in to Redis at " in checked
    assert f"    fix: {PASSWORD}\n" in checked
    assert f"; {PASSWORD}" in diagnosed


def test_a_redis_user_without_permission(
    lback: Run, project: Path, redis_url: str, redis_user: str
) -> None:
    checked, _ = found(lback, project, at(redis_url, f"{redis_user}:hunter3"))

    assert "    fix: permit the user all commands on the keys lback:tasks* " in checked


def test_a_port_of_another_server(lback: Run, project: Path, redis_url: str) -> None:
    parts = urlsplit(redis_url)
    checked, _ = found(lback, project, f"amqp://app:hunter2@{parts.hostname}:{parts.port or 6379}")

    assert "error: cannot log in to RabbitMQ at " in checked
    assert "    fix: correct TASK_BROKER_URL: scheme, port, " in checked


def test_a_missing_address(lback: Run, project: Path) -> None:
    checked, _ = found(lback, project, "")

    assert "error: TASKS = 'dramatiq' needs TASK_BROKER_URL, such as amqp://" in checked


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [
        ("amqp", "dramatiq", "broker-rabbitmq"),
        ("amqp", "pika", "broker-rabbitmq"),
        ("redis", "dramatiq", "broker-redis"),
    ],
)
def test_a_missing_extra(scheme: str, module: str, extra: str, lback: Run, project: Path) -> None:
    # Python raises ModuleNotFoundError for a module that is None here.
    with (project / "settings.py").open("a") as file:
        file.write(f"import sys\nsys.modules[{module!r}] = None\n")
    checked, diagnosed = found(lback, project, f"{scheme}://127.0.0.1:1")

    message = f"TASKS = 'dramatiq' needs {module}; run: pip install \"lback-web[{extra}]\""
    assert f"error: {message}\n" in checked
    assert message in diagnosed


def test_a_broker_that_can_be_used(
    lback: Run, project: Path, rabbitmq_url: str, redis_url: str, redis_client: "Redis"
) -> None:
    for url in (rabbitmq_url, redis_url):
        variables = {"TASKS": "dramatiq", "TASK_BROKER_URL": url}
        assert "tasks.broker" not in lback("check", cwd=project, **variables).stdout
        assert "ok     broker of tasks\n" in lback("doctor", cwd=project, **variables).stdout


def test_without_a_broker_nothing_is_connected(lback: Run, project: Path) -> None:
    variables = {"TASKS": "database", "TASK_BROKER_URL": "amqp://127.0.0.1:1"}

    assert "tasks.broker" in START_CHECKS
    assert "tasks.broker" not in lback("check", cwd=project, **variables).stdout
