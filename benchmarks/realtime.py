"""Measures the realtime process: idle connections, a broadcast, and viewers beside requests.

Run with python -m benchmarks.realtime idle --connections 10000 --seconds 30
         python -m benchmarks.realtime viewers --viewers 500 --rounds 5

`idle` compares with the bare `websockets` library, in the same run and with the same clients.
`viewers` asks `lback serve` for pages with and without viewers of server-sent events.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

KEY = "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e"
HANDSHAKE = (
    b"GET /idle HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
EVENTS = b"GET /realtime/events?room=news HTTP/1.1\r\nHost: localhost\r\n\r\n"
SIZE = 200


def memory_of(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise ValueError(pid)


# The servers of `idle`, each in a process of its own.


def serve_bare(port: int) -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    async def main() -> None:
        everybody: set[ServerConnection] = set()

        async def handle(connection: ServerConnection) -> None:
            everybody.add(connection)
            try:
                await connection.wait_closed()
            finally:
                everybody.discard(connection)

        async with serve(handle, "127.0.0.1", port, compression=None, backlog=2048):
            await _publish_on_signal(lambda text: broadcast(everybody, text))

    asyncio.run(main())


def serve_lback(port: int) -> None:
    from lback import Application
    from lback.realtime import Connection, publish, room
    from lback.realtime.server import RealtimeServer

    app = Application(
        REALTIME="memory",
        SESSION_STORE="memory",
        DATABASE_URL="sqlite://",
        SECRET_KEY=KEY,
        ALLOWED_HOSTS=["localhost"],
    )

    @room("news")
    def everybody(user: Any) -> bool:
        return True

    @app.websocket("/idle", requires_auth=False)
    async def idle(connection: Connection) -> None:
        await connection.subscribe("news")
        await connection.receive()

    async def main() -> None:
        with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
            async with RealtimeServer(app).running([listener]):
                await _publish_on_signal(lambda text: publish("news", {"text": text}))

    asyncio.run(main())


async def _publish_on_signal(send: Any) -> None:
    """Publish the time whenever SIGUSR1 comes, until SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(
        signal.SIGUSR1, lambda: send(f"at @{time.perf_counter():.6f}@".ljust(SIZE, "x"))
    )
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    print("ready", flush=True)
    await ended.wait()


SERVERS = {"bare": serve_bare, "lback": serve_lback}


class Viewer(asyncio.Protocol):
    """A client that notes how late messages are; it answers pings."""

    late: ClassVar[list[float]] = []
    opened = 0
    lost = 0

    def __init__(self) -> None:
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.is_open and b"\r\n\r\n" in data:
            assert data.startswith(b"HTTP/1.1 101"), data
            self.is_open = True
            Viewer.opened += 1
            data = data.partition(b"\r\n\r\n")[2]
        if data[:1] == b"\x89":
            size = data[1]
            pong = b"\x8a" + bytes([0x80 | size]) + b"\0\0\0\0" + data[2 : 2 + size]
            self.transport.write(pong)
            data = data[2 + size :]
        if b"at @" in data:
            Viewer.late.append(now - float(data.partition(b"at @")[2].split(b"@")[0]))

    def connection_lost(self, error: Exception | None) -> None:
        Viewer.lost += 1


@contextmanager
def started(kind: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "benchmarks.realtime", "server", kind, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


async def measure_idle(
    kind: str, connections: int, seconds: float, broadcasts: int
) -> dict[str, Any]:
    Viewer.late, Viewer.opened, Viewer.lost = [], 0, 0
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started(kind, port) as process:
        before = memory_of(process.pid)
        began = time.perf_counter()
        clients = []
        for start in range(0, connections, 200):
            count = min(200, connections - start)
            # Addresses of this machine, so that ports suffice.
            local = (f"127.0.0.{2 + start // 20_000}", 0)
            clients += await asyncio.gather(
                *(
                    loop.create_connection(Viewer, "127.0.0.1", port, local_addr=local)
                    for _ in range(count)
                )
            )
            while Viewer.opened < start + count:
                await asyncio.sleep(0.01)
        opening = time.perf_counter() - began
        await asyncio.sleep(seconds)
        after = memory_of(process.pid)
        worst = []
        for _ in range(broadcasts):
            Viewer.late = []
            process.send_signal(signal.SIGUSR1)
            while len(Viewer.late) < connections - Viewer.lost:
                await asyncio.sleep(0.05)
            late = sorted(Viewer.late)
            worst.append(late[int(len(late) * 0.99) - 1])
            await asyncio.sleep(0.2)
        lost = Viewer.lost
        for transport, _ in clients:
            transport.abort()
    return {
        "server": kind,
        "connections": connections,
        "opening_seconds": round(opening, 1),
        "kib_each": round((after - before) / connections, 1),
        "dropped": lost,
        "broadcast_p99_ms": round(1000 * statistics.median(worst), 1),
    }


# `lback serve` with viewers.

URLS = """
from lback import path
def home(request):
    return "x" * 2000
urlpatterns = [path("/", home, requires_auth=False)]
"""
ROOMS = """
from lback.realtime import room
@room("news")
def everybody(user):
    return True
"""


@contextmanager
def served(workers: int) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "settings.py").write_text(
            'ROOT_URLCONF = "urls"\nREALTIME = "database"\nMIDDLEWARES = []\nACCESS_LOG = False\n'
        )
        (project / "urls.py").write_text(URLS)
        (project / "rooms.py").write_text(ROOMS)
        environ = {**os.environ, "DEBUG": "false", "ALLOWED_HOSTS": "localhost", "SECRET_KEY": KEY}
        make = (
            "from lback.core.server import build_project_application as build; "
            "build().db_manager.create_tables()"
        )
        subprocess.run([sys.executable, "-c", make], cwd=project, env=environ, check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "lback", "serve", "--port", str(port)]
        command += ["--workers", str(workers)]
        with subprocess.Popen(
            command, cwd=project, env=environ, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    with socket.create_connection(("127.0.0.1", port), 1) as stream:
                        stream.sendall(EVENTS)
                        stream.settimeout(30)
                        if stream.recv(100).startswith(b"HTTP/1.1 200"):
                            break
                except OSError:
                    time.sleep(0.1)
            try:
                yield process, port
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait()


def ask(port: int, rate: float, seconds: float, threads: int = 8) -> list[float]:
    """Return the times of requests that come at a rate; 0 asks as fast as possible."""
    times: list[float] = []
    began = time.perf_counter()
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def work(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as stream:
            due = began + number / rate if rate else began
            while time.perf_counter() < began + seconds:
                if rate:
                    time.sleep(max(0.0, due - time.perf_counter()))
                start = due if rate else time.perf_counter()
                stream.sendall(request)
                data = b""
                while len(data) < 2000 or not data.endswith(b"x" * 100):
                    data += stream.recv(65536)
                times.append(time.perf_counter() - start)
                due += threads / rate if rate else 0

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


def measure_viewers(viewers: int, rounds: int, seconds: float) -> dict[str, Any]:
    with served(2) as (process, port):
        capacity = len(ask(port, 0, 3)) / 3
        rate = 0.3 * capacity
        ratios = []
        for number in range(rounds):
            without = with_viewers = 0.0
            for is_with in (False, True) if number % 2 else (True, False):
                streams = []
                for _ in range(viewers if is_with else 0):
                    stream = socket.create_connection(("127.0.0.1", port), 20)
                    stream.sendall(EVENTS)
                    assert stream.recv(4096).startswith(b"HTTP/1.1 200")
                    streams.append(stream)
                value = p99(ask(port, rate, seconds))
                if is_with:
                    with_viewers = value
                else:
                    without = value
                for stream in streams:
                    stream.close()
            ratios.append(with_viewers / without)
        streams = []
        for _ in range(viewers):
            stream = socket.create_connection(("127.0.0.1", port), 20)
            stream.sendall(EVENTS)
            assert stream.recv(4096).startswith(b"HTTP/1.1 200")
            streams.append(stream)
        began = time.perf_counter()
        process.terminate()
        code = process.wait()
        stopping = time.perf_counter() - began
    return {
        "viewers": viewers,
        "capacity_per_second": round(capacity),
        "p99_ratios": [round(ratio, 2) for ratio in ratios],
        "p99_ratio_median": round(statistics.median(ratios), 2),
        "sigterm_seconds": round(stopping, 2),
        "exit_code": code,
    }


def main() -> None:
    """Run a measure and print its result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    idle = commands.add_parser("idle")
    idle.add_argument("--connections", type=int, default=10_000)
    idle.add_argument("--seconds", type=float, default=300)
    idle.add_argument("--broadcasts", type=int, default=9)
    idle.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    viewers = commands.add_parser("viewers")
    viewers.add_argument("--viewers", type=int, default=500)
    viewers.add_argument("--rounds", type=int, default=5)
    viewers.add_argument("--seconds", type=float, default=4)
    server = commands.add_parser("server")
    server.add_argument("kind", choices=SERVERS)
    server.add_argument("port", type=int)
    given = parser.parse_args()
    if given.command == "server":
        SERVERS[given.kind](given.port)
    elif given.command == "idle":
        for kind in given.servers:
            facts = asyncio.run(
                measure_idle(kind, given.connections, given.seconds, given.broadcasts)
            )
            print(json.dumps(facts), flush=True)
    else:
        print(json.dumps(measure_viewers(given.viewers, given.rounds, given.seconds)))


if __name__ == "__main__":
    main()
