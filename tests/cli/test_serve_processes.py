"""Processes of `lback serve`: kills, stops, replacements, Unix sockets and passed sockets."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.serving import PATIENCE, Running, running

URLS = """
import atexit, os, time
from pathlib import Path
from lback import Request, path

atexit.register(lambda: Path("ended").touch())

def home(request: Request) -> str:
    return request.environ.get("REMOTE_ADDR") or "no address"

def pid(request: Request) -> str:
    return str(os.getpid())

def slow(request: Request) -> str:
    Path("arrived").touch()
    time.sleep(float(request.GET["seconds"]))
    return "slow"

urlpatterns = [
    path("/", home, requires_auth=False),
    path("/pid", pid, requires_auth=False),
    path("/slow", slow, requires_auth=False),
]
"""
DEPLOYED = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
}
OPTIONS = ("serve", "--port", "0", "--workers", "2", "--threads", "4")
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text('ROOT_URLCONF = "urls"\nMIDDLEWARES = []\n')
    (tmp_path / "urls.py").write_text(URLS)
    return tmp_path


@contextmanager
def asked(program: Running, path: str = "/") -> Iterator[list[int]]:
    """Have two clients ask all the time, each request on a new connection; they need answers."""
    answers: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(program.get(path)[0])

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            yield answers
        finally:
            done.set()
        for future in asking:
            future.result()


def ready(program: Running) -> int:
    return program.printed.count(" is ready")


def test_fresh_workers_killed_with_a_broken_file_never_end_the_service(shop: Path) -> None:
    with running(*OPTIONS, cwd=shop, **DEPLOYED) as program:
        program.until(lambda: ready(program) == 2)
        oldest = program.workers()[0]
        for number in (1, 2, 3):  # the one that is starting as well
            program.until(lambda: len(program.workers()) == 2)
            os.kill(program.workers()[1], signal.SIGKILL)
            program.until(lambda n=number: program.printed.count("with SIGKILL") == n)  # type: ignore[misc]
        (shop / "config.json").write_text("{broken")
        program.until(lambda: len(program.workers()) == 2)
        os.kill(program.workers()[1], signal.SIGKILL)
        program.until(lambda: "worker failed to start" in program.printed)
        assert program.get("/pid") == (200, str(oldest))
        os.kill(oldest, signal.SIGKILL)  # none is left: connections wait
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(program.get, "/")
            program.until(lambda: program.printed.count("worker failed to start") > 1)
            (shop / "config.json").unlink()
            assert waiting.result()[0] == 200
        assert program.process.poll() is None


def test_a_second_signal_stops_at_once(shop: Path) -> None:
    with running(*OPTIONS, cwd=shop, **DEPLOYED) as program, ThreadPoolExecutor() as pool:
        answer = pool.submit(program.get, "/slow?seconds=20")
        program.until((shop / "arrived").exists)
        program.process.send_signal(signal.SIGTERM)
        program.until(lambda: "stopping: running requests" in program.printed)
        assert program.stop() == 0
        assert "stopping at once" in program.printed
        with pytest.raises((ConnectionError, OSError)):
            answer.result()


def test_a_stop_has_a_limit_and_ends_with_exit_functions(shop: Path) -> None:
    options = {**DEPLOYED, "SHUTDOWN_TIMEOUT": "3"}
    with running(*OPTIONS, cwd=shop, **options) as program, ThreadPoolExecutor() as pool:
        program.until(lambda: ready(program) == 2)
        answer = pool.submit(program.get, "/slow?seconds=60")
        program.until((shop / "arrived").exists)
        assert program.stop() == 0
        assert "killed after 3 seconds" in program.printed
        assert (shop / "ended").exists()  # of the other worker
        with pytest.raises((ConnectionError, OSError)):
            answer.result()


def test_a_drained_server_answers_and_says_that_it_stops(shop: Path) -> None:
    options = {**DEPLOYED, "DRAIN_SECONDS": "30", "HEALTH_PATH": "/health"}
    with running(*OPTIONS, cwd=shop, **options) as program:
        program.until(lambda: ready(program) == 2)
        assert program.get("/health/ready")[0] == 200
        program.process.send_signal(signal.SIGTERM)
        program.until(lambda: program.get("/health/ready")[0] == 503)
        assert program.get("/")[0] == 200
        assert program.stop() == 0
        assert "stopping in 30 seconds" in program.printed


def test_waiting_connections_are_answered_then_new_ones_refused(shop: Path) -> None:
    with running(*OPTIONS, cwd=shop, **DEPLOYED) as program:
        program.until(lambda: ready(program) == 2)
        port = program.port
        for worker in program.workers():
            os.kill(worker, signal.SIGSTOP)
        waiting = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(8)]
        for connection in waiting:
            connection.sendall(REQUEST)
        program.process.send_signal(signal.SIGTERM)
        for worker in program.workers():
            os.kill(worker, signal.SIGCONT)
        for connection in waiting:
            with closing(connection):
                answer = b"".join(iter(lambda c=connection: c.recv(4096), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 200 ")
        assert program.process.wait(PATIENCE) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 30)


def test_kept_connections_learn_of_a_reload(shop: Path) -> None:
    with running(*OPTIONS, "--workers", "1", cwd=shop, **DEPLOYED) as program:
        with closing(socket.create_connection(("127.0.0.1", program.port), 30)) as kept:
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            answer = b""
            program.process.send_signal(signal.SIGHUP)
            while b"connection: close" not in answer.lower():
                kept.sendall(request)
                answer = kept.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200 ")
                time.sleep(0.05)
        program.until(lambda: "has stopped" in program.printed)
        assert program.get("/")[0] == 200


@pytest.mark.parametrize(
    ("setting", "value"), [("WORKER_MAX_REQUESTS", "20"), ("WORKER_MAX_MEMORY", "1")]
)
def test_a_worn_worker_is_replaced_without_a_lost_request(
    shop: Path, setting: str, value: str
) -> None:
    variables = {**DEPLOYED, setting: value}
    with running("serve", "--port", "0", "--workers", "1", cwd=shop, **variables) as program:
        first = program.get("/pid")
        with asked(program) as answers:
            program.until(lambda: program.get("/pid") != first)
            program.until(lambda: "has stopped" in program.printed)
        assert set(answers) == {200}
        assert "asks for a replacement" in program.printed


def test_a_worker_ends_with_its_supervisor(shop: Path) -> None:
    with running(*OPTIONS, cwd=shop, **DEPLOYED) as program:
        program.until(lambda: ready(program) == 2)
        workers = program.workers()
        program.process.kill()
        program.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def started(shop: Path, *command: str, **options: object) -> Iterator[Running]:
    log = shop / "printed.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(  # type: ignore[call-overload]
            command,
            cwd=shop,
            env={**os.environ, **DEPLOYED},
            stdout=output,
            stderr=output,
            **options,
        )
    program = Running(process, log)
    try:
        program.until(lambda: ready(program) > 0)
        yield program
    finally:
        process.kill()
        process.wait(PATIENCE)


def over_unix(path: Path) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(REQUEST)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_a_unix_socket_is_served_and_removed(shop: Path, server: str) -> None:
    path = shop / "shop.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))  # as a server that was killed left it
    stale.close()
    lback = [sys.executable, "-m", "lback", "serve", "--host", f"unix:{path}", "--server", server]
    log = shop / "printed.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            lback, cwd=shop, env={**os.environ, **DEPLOYED}, stdout=output, stderr=output
        )
    program = Running(process, log)
    try:
        program.until(lambda: over_unix(path).endswith(b"no address"))
        assert program.stop() == 0
        assert not path.exists()
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_a_socket_of_systemd_is_used(shop: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as passed:
        port = passed.getsockname()[1]
        script = (
            "import os, sys\n"
            f"os.dup2({passed.fileno()}, 3)\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'lback', 'serve', '--workers', '1'])"
        )
        with started(shop, sys.executable, "-c", script, pass_fds=[passed.fileno()]) as program:
            with closing(socket.create_connection(("127.0.0.1", port), 30)) as connection:
                connection.sendall(REQUEST)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
            assert f"listening at http://127.0.0.1:{port}" in program.printed
