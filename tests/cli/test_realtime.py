"""One address for pages, WebSockets and events: each server, its reload, its stop and a crash."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.cli.serving import PATIENCE, Running, running

URLS = """
import os
from lback import path, websocket
from lback.realtime import publish

def home(request):
    return request.environ.get("REMOTE_ADDR") or "no address"

def say(request):
    publish("news", {"event": "said", "text": request.GET["text"]})
    return "said"

async def who(connection):
    await connection.send({"pid": os.getpid(), "peer": connection.peer[0]})
    async for message in connection:
        await connection.send(message)

urlpatterns = [
    path("/", home, requires_auth=False),
    path("/say", say, requires_auth=False),
    websocket("/who", who, requires_auth=False),
]
"""
ROOMS = """
from lback.realtime import room

@room("news")
def everybody(user):
    return True
"""
DEPLOYED = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
}
SERVE = ("serve", "--port", "0", "--workers", "2", "--threads", "2")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(
        'ROOT_URLCONF = "urls"\nREALTIME = "database"\nMIDDLEWARES = []\n'
    )
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "rooms.py").write_text(ROOMS)
    make_tables = (
        "from lback.core.server import build_project_application as build; "
        "build().db_manager.create_tables()"
    )
    environ = {**os.environ, **DEPLOYED}
    subprocess.run([sys.executable, "-c", make_tables], cwd=tmp_path, env=environ, check=True)
    return tmp_path


@contextmanager
def serving(project: Path, *arguments: str) -> Iterator[Running]:
    with running(*arguments, cwd=project, **DEPLOYED) as program:
        yield program


@contextmanager
def who(port: int, path: str = "/who") -> Iterator[ClientConnection]:
    url = f"ws://localhost{path}"
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as stream,
        connect(url, sock=stream, proxy=None, open_timeout=PATIENCE) as connection,
    ):
        yield connection


def pid_of(port: int) -> int:
    with who(port) as connection:
        return int(json.loads(connection.recv(PATIENCE))["pid"])


@contextmanager
def events(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as stream:
        stream.sendall(b"GET /realtime/events?room=news HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_until(stream, b"id: ")
        yield stream


def read_until(stream: socket.socket, text: bytes) -> bytes:
    data = b""
    while text not in data:
        more = stream.recv(65536)
        assert more, data
        data += more
    return data


@pytest.mark.parametrize(
    "arguments",
    [
        (*SERVE, "--server", "granian"),
        (*SERVE, "--server", "gunicorn"),
        ("runserver", "--port", "0"),
    ],
    ids=["granian", "gunicorn", "runserver"],
)
def test_pages_sockets_and_events_have_one_address(project: Path, arguments: list[str]) -> None:
    with serving(project, *arguments) as program:
        port = program.port
        assert program.get("/who")[0] == 426
        with events(port) as stream, who(port) as connection:
            assert '"peer":"127.0.0.1"' in str(connection.recv(PATIENCE))
            connection.send("x" * 60_000)
            assert connection.recv(PATIENCE) == "x" * 60_000
            assert program.get("/say?text=hello") == (200, "said")
            assert b'"text":"hello"' in read_until(stream, b'"hello"')
            with pytest.raises(InvalidStatus) as refused, who(port, "/nothing"):
                pass
            assert refused.value.response.status_code == 404
            assert program.get("/") == (200, "127.0.0.1")


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_a_stop_closes_with_1001_at_once(project: Path, server: str) -> None:
    with (
        serving(project, *SERVE, "--server", server) as program,
        events(program.port) as stream,
        who(program.port) as connection,
    ):
        connection.recv(PATIENCE)
        assert program.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert b"retry: " in read_until(stream, b"\n\n")
        assert stream.recv(10) == b""


def test_a_reload_closes_with_1012_when_the_new_process_serves(project: Path) -> None:
    with serving(project, *SERVE) as program, who(program.port) as connection:
        connection.recv(PATIENCE)
        before = pid_of(program.port)
        os.kill(program.process.pid, signal.SIGHUP)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                connection.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert pid_of(program.port) != before


def test_a_killed_realtime_process_is_replaced_and_clients_wait_for_it(project: Path) -> None:
    with serving(project, *SERVE) as program:
        before = pid_of(program.port)
        os.kill(before, signal.SIGKILL)
        assert pid_of(program.port) != before
        assert "starting another one" in program.printed


def test_connections_are_shared_by_several_processes(project: Path) -> None:
    with serving(project, *SERVE, "--realtime-processes", "2") as program:
        program.until(lambda: program.printed.count("realtime process") >= 2)
        seen = {pid_of(program.port) for _ in range(30)}
        assert 1 <= len(seen) <= 2
        assert seen <= set(program.workers())


def test_lback_realtime_serves_sockets_and_events_alone(project: Path) -> None:
    with serving(project, "realtime", "--port", "0") as program:
        program.until(lambda: program.get("/")[0] == 404)
        with events(program.port), who(program.port) as connection:
            connection.recv(PATIENCE)
            assert program.stop() == 0
            with pytest.raises(ConnectionClosed):
                connection.recv(PATIENCE)


def test_a_pattern_of_the_project_does_not_hide_the_events(project: Path) -> None:
    """Such as the page of a program in the browser, which is the answer to every other path."""
    with (project / "urls.py").open("a") as file:
        file.write(
            "\ndef app(request, rest):\n    return 'app'\n"
            "urlpatterns += [path('/{rest:path}', app, requires_auth=False)]\n"
        )
    with serving(project, *SERVE) as program:
        assert program.get("/realtime/other") == (200, "app")
        with events(program.port) as stream:
            assert program.get("/say?text=hello") == (200, "said")
            read_until(stream, b"event: said")
    with serving(project, *SERVE, "--no-realtime") as program:
        assert program.get("/realtime/events?room=news")[0] == 503


def test_a_route_at_the_address_of_the_events_is_refused_at_the_start(project: Path) -> None:
    with (project / "urls.py").open("a") as file:
        file.write('\nurlpatterns += [path("/realtime/events", say)]\n')
    environ = {**os.environ, **DEPLOYED}
    for command in ("check", "serve"):
        done = subprocess.run(
            [sys.executable, "-m", "lback", command],
            cwd=project, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "<Route * '/realtime/events' urls.say>" in done.stderr
        assert "<EventRoute GET '/realtime/events'" in done.stderr
        assert "REALTIME_PATH" in done.stderr
    with (project / "settings.py").open("a") as file:
        file.write('REALTIME_PATH = "/live/"\n')
    done = subprocess.run(
        [sys.executable, "-m", "lback", "routes"],
        cwd=project, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert "/live/events" in done.stdout


def test_a_worker_without_realtime_answers_426_and_503(project: Path) -> None:
    with serving(project, *SERVE, "--no-realtime") as program:
        refusing = pytest.raises(InvalidStatus)
        with refusing as refused, who(program.port):
            pass
        assert refused.value.response.status_code == 426
        assert program.get("/realtime/events?room=news")[0] == 503


def over_unix(path: Path, request: bytes) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(path))
    connection.sendall(request)
    return connection


def answers(path: Path) -> bool:
    with over_unix(path, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        return connection.recv(9) == b"HTTP/1.1 "


@contextmanager
def serving_unix(project: Path, path: Path, *arguments: str) -> Iterator[Running]:
    """Run `lback serve` on a Unix socket until it is there, or the program has ended."""
    log = project / "printed.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lback", "serve", "--host", f"unix:{path}", *arguments],
            cwd=project,
            env={**os.environ, **DEPLOYED, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def test_gunicorn_passes_connections_of_a_unix_socket_on(project: Path) -> None:
    path = project / "shop.sock"
    with serving_unix(project, path, "--server", "gunicorn", "--workers", "1") as program:
        host = b"Host: localhost\r\n\r\n"
        program.until(lambda: path.exists() and answers(path))
        asked = b"GET /realtime/events?room=news HTTP/1.1\r\n" + host
        with over_unix(path, asked) as stream:
            assert read_until(stream, b"id: ").startswith(b"HTTP/1.1 200 ")
            say = b"GET /say?text=hello HTTP/1.1\r\nConnection: close\r\n" + host
            with over_unix(path, say) as page:
                read_until(page, b"said")
            read_until(stream, b'"hello"')
        with (
            over_unix(path, b"") as stream,
            connect("ws://localhost/who", sock=stream, proxy=None) as connection,
        ):
            assert json.loads(connection.recv(PATIENCE))["peer"] == ""
            connection.send("through")
            assert connection.recv(PATIENCE) == "through"


def check_refusal(program: Running, path: Path) -> None:
    assert program.process.wait(PATIENCE) == 1
    assert f"cannot pass WebSockets and events on from unix:{path}" in program.printed
    assert "lback serve --no-realtime" in program.printed
    assert "--server gunicorn" in program.printed


def test_granian_refuses_a_unix_socket_at_the_start(project: Path) -> None:
    path = project / "shop.sock"
    with serving_unix(project, path) as program:
        check_refusal(program, path)
        assert not path.exists()


def test_granian_refuses_a_unix_socket_of_systemd(project: Path) -> None:
    path = project / "passed.sock"
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(path))
        passed.listen()
        script = (
            "import os, sys\n"
            f"os.dup2({passed.fileno()}, 3)\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'lback', 'serve'])"
        )
        log = project / "printed.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", script],
                cwd=project,
                env={**os.environ, **DEPLOYED},
                stdout=output,
                stderr=output,
                pass_fds=[passed.fileno()],
            )
        try:
            check_refusal(Running(process, log), path)
        finally:
            process.kill()
            process.wait(PATIENCE)
        assert path.exists()  # it is of systemd
