"""The production server: what it costs to kill, to reload and to stop it, over real sockets."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.serving import Running, running

URLS = """
import os, time
from pathlib import Path
from lback import Request, path

def home(request: Request) -> str:
    return "home of " + request.config.SHOP_NAME

def scheme(request: Request) -> str:
    return request.environ["wsgi.url_scheme"]

def pid(request: Request) -> str:
    return str(os.getpid())

def slow(request: Request) -> str:
    Path("arrived").touch()
    time.sleep(1)
    return "slow"

urlpatterns = [
    path("/", home, requires_auth=False),
    path("/scheme", scheme, requires_auth=False),
    path("/pid", pid, requires_auth=False),
    path("/slow", slow, requires_auth=False),
]
"""
DEPLOYED = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost", "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"}
OPTIONS = ("serve", "--port", "0", "--workers", "2", "--threads", "4")


@pytest.fixture
def shop(project: Path) -> Path:
    return deployed(project)


def deployed(project: Path) -> Path:
    (project / "settings.py").write_text('ROOT_URLCONF = "urls"\nSHOP_NAME = "Corner"\n')
    (project / "urls.py").write_text(URLS)
    return project


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    """A server with two workers that answer."""
    with running(*OPTIONS, cwd=deployed(tmp_path), **DEPLOYED) as program:
        program.until(lambda: len(program.workers()) == 2)
        yield program


def test_a_killed_worker_is_replaced_while_the_other_answers(served: Running) -> None:
    first = set(served.workers())
    os.kill(min(first), signal.SIGKILL)

    for _ in range(20):
        assert served.get("/") == (200, "home of Corner")
    served.until(lambda: len(served.workers()) == 2 and set(served.workers()) != first)


def test_the_log_names_server_workers_and_threads(served: Running) -> None:
    assert ": granian 2." in served.printed
    assert ", 2 workers, 4 threads each" in served.printed


def test_the_access_log_has_a_line_a_request_and_no_query(served: Running) -> None:
    served.get("/?token=swordfish")
    served.get("/no%0Asuch")

    served.until(lambda: "/no%0Asuch" in served.printed)
    assert "INFO lback.access: 127.0.0.1 GET / 200 " in served.printed
    assert " GET /no%0Asuch 404 " in served.printed
    assert "swordfish" not in served.printed


def test_forwarding_headers_are_believed_by_the_settings_alone(served: Running) -> None:
    with closing(socket.create_connection(("127.0.0.1", served.port))) as connection:
        connection.sendall(
            b"GET /scheme HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n"
            b"Connection: close\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.endswith(b"\r\n\r\nhttp")


def test_broken_code_keeps_the_old_workers(served: Running) -> None:
    before = wait_for_two(served)
    urls = served.project / "urls.py"
    urls.write_text("urlpatterns = [\n")
    try:
        served.process.send_signal(signal.SIGHUP)
        served.until(lambda: "cannot start, keeping the old workers" in served.printed)
        assert "the urls module 'urls' cannot be imported: SyntaxError" in served.printed
        assert set(served.workers()) == before

        os.kill(min(before), signal.SIGKILL)  # its successor finds the broken code
        served.until(lambda: "worker failed to start" in served.printed)
        assert served.get("/") == (200, "home of Corner")
    finally:
        urls.write_text(URLS)
    wait_for_two(served)


def wait_for_two(served: Running) -> set[int]:
    """Return the two workers once both answer."""
    answered: set[int] = set()

    def both() -> bool:
        answered.add(int(served.get("/pid")[1]))
        return set(served.workers()) <= answered and len(served.workers()) == 2

    served.until(both)
    return set(served.workers())


def test_a_reload_takes_new_code_and_loses_no_request(served: Running) -> None:
    done = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not done.is_set():
            answers.append(served.get("/")[0])

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        (served.project / ".env").write_text("SHOP_NAME=Market\n")
        served.process.send_signal(signal.SIGHUP)
        try:
            served.until(lambda: served.get("/")[1] == "home of Market")
        finally:
            done.set()
        assert [future.result() for future in asking] == [None, None]
    assert set(answers) == {200}


def test_a_stop_answers_what_is_under_way_and_ends_well(served: Running) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(served.get, "/slow")
        served.until((served.project / "arrived").exists)
        assert served.stop() == 0
        assert answer.result() == (200, "slow")


def test_gunicorn_serves_as_well(shop: Path) -> None:
    with running(*OPTIONS, "--server", "gunicorn", cwd=shop, **DEPLOYED) as program:
        assert program.get("/?token=swordfish") == (200, "home of Corner")
        assert "starting gunicorn: 2 workers, 4 threads each" in program.printed
        assert program.stop() == 0
        assert "127.0.0.1 GET / 200" in program.printed
        assert "swordfish" not in program.printed


def test_debug_is_refused_with_its_origin_unless_forced(lback: Run, shop: Path) -> None:
    (shop / ".env").write_text("DEBUG=true\nSECRET_KEY=for these tests alone\n")

    result = lback("serve", "--port", "0", cwd=shop)

    assert result.returncode == 1
    assert (
        "Error: DEBUG is on (from .env), so error pages would show code and settings to "
        "visitors; set DEBUG=false, or serve anyway with --force" in result.stderr
    )
    with running(*OPTIONS, "--force", cwd=shop, ACCESS_LOG="false") as program:
        assert program.get("/") == (200, "home of Corner")
        assert "lback.access" not in program.printed


def test_a_project_that_cannot_start_is_one_message(lback: Run, shop: Path) -> None:
    result = lback("serve", cwd=shop)

    assert result.returncode == 1
    assert result.stderr.startswith("Error: 2 settings cannot work:\n- SECRET_KEY = '' (default)")
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_answered_with_a_free_one(lback: Run, shop: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

        result = lback("serve", "--port", str(port), cwd=shop, **DEPLOYED)

    assert result.returncode == 1
    assert f"Error: port {port} of 127.0.0.1 is taken by another program; " in result.stderr
    assert re.search(
        r"; (\d+) is free: give --port \1, or set PORT=\1 in the environment\n$", result.stderr
    )


@pytest.mark.parametrize(("server", "extra"), [("gunicorn", "gunicorn"), ("granian", "serve")])
def test_a_missing_server_is_answered_with_the_extra(
    server: str, extra: str, python: Run, shop: Path
) -> None:
    script = f"""
import os, sys
os.environ.update({DEPLOYED!r})
sys.modules[{server!r}] = None
from lback.cli.main import run
sys.exit(run(["serve", "--port", "0", "--server", {server!r}]))
"""
    result = python(script, cwd=shop)

    assert result.returncode == 1
    assert result.stderr == (
        f'Error: the server {server} is not installed; run: pip install "lback-web[{extra}]"\n'
    )
