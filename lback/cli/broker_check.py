"""Whether the broker of tasks can be used: `TASK_BROKER_URL` of `TASKS = "dramatiq"`."""

import socket
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.application import Application

CONNECT_SECONDS = 2.0
PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
_START = "start the server, or correct TASK_BROKER_URL"
_URL = "correct TASK_BROKER_URL: scheme, port, virtual host or database number"
# By the name of the exception, because the clients are extras.
_FIXES = {
    "ProbableAuthenticationError": "correct the user and password in TASK_BROKER_URL",
    "AuthenticationError": "correct the user and password in TASK_BROKER_URL",
    "ProbableAccessDeniedError": "create the virtual host, or permit the user to use it: "
    "rabbitmqctl set_permissions",
    "NoPermissionError": "permit the user all commands on the keys lback:tasks* (ACL SETUSER)",
}


class BrokerProblem(NamedTuple):
    """Why the broker cannot be used, and how to fix it."""

    what: str
    fix: str


def broker_problem(app: "Application") -> BrokerProblem | None:
    """Connect to the broker and log in; return the problem, or None if there is none.

    Args:
        app: The application. Without `TASKS = "dramatiq"` there is nothing to check.
    """
    if app.config.TASKS != "dramatiq":
        return None
    # Projects without tasks do not import these.
    from lback.tasks.broker import build_broker
    from lback.tasks.queues import build_queue

    url = app.config.TASK_BROKER_URL
    try:
        build_queue(app.dependencies)
        build_broker(url)
    except ConfigurationError as error:
        return BrokerProblem(str(error), "see the message")
    except ValueError as error:  # of a port that is not a number
        return BrokerProblem(f"TASK_BROKER_URL cannot be read: {error}", _URL)
    return _unreachable(url) or _refused(url)


def socket_problem(host: str, port: int, setting: str) -> str:
    """Return why a TCP connection cannot be opened; empty if it can.

    Args:
        host: Name or address.
        port: Port.
        setting: Name of the setting with the address, for the message.
    """
    try:
        with closing(socket.create_connection((host, port), CONNECT_SECONDS)):
            return ""
    except OSError as error:
        return f"cannot connect to {host}:{port} ({setting}): {error.strerror or error}"


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or PORTS[parts.scheme]


def _unreachable(url: str) -> BrokerProblem | None:
    problem = socket_problem(*_place(url), "TASK_BROKER_URL")
    return BrokerProblem(problem, _START) if problem else None


def _refused(url: str) -> BrokerProblem | None:
    is_rabbitmq = url.startswith("amqp")
    try:
        (_log_in_to_rabbitmq if is_rabbitmq else _log_in_to_redis)(url)
    except Exception as error:  # noqa: BLE001  each client has exceptions of its own
        host, port = _place(url)
        server = "RabbitMQ" if is_rabbitmq else "Redis"
        reason = " ".join(str(error).split()) or repr(error)
        what = f"cannot log in to {server} at {host}:{port} (TASK_BROKER_URL): {reason}"
        return BrokerProblem(what, _FIXES.get(type(error).__name__, _URL))
    return None


def _log_in_to_rabbitmq(url: str) -> None:
    import pika

    parameters = pika.URLParameters(url)
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_SECONDS
    pika.BlockingConnection(parameters).close()


def _log_in_to_redis(url: str) -> None:
    from redis import Redis

    client = Redis.from_url(
        url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
    )
    with closing(client):
        client.ping()
