"""What a worker killed with -9, a reload or a stop costs under load: requests lost.

Two workers answer paced requests, each on a connection of its own. Every few seconds one of the
workers is killed, or the server is told to reload; or it is told to stop in the middle. Run it in
a virtual environment that has the servers:

    python benchmarks/worker_kills.py gunicorn-gthread granian-respawn
    python benchmarks/worker_kills.py --event reload
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

APPLICATION = """
import time
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
"""
SETTINGS = """
DEBUG = False
SECRET_KEY = "for this measurement alone, and known to all"
ALLOWED_HOSTS = ["x"]
ROOT_URLCONF = "urls"
MIDDLEWARES = []
"""
URLS = """
import time
from lback import path
def hello(request):
    return "hello"
def slow(request):
    time.sleep(0.02)
    return "hello"
urlpatterns = [
    path("/", hello, requires_auth=False), path("/slow", slow, requires_auth=False),
]
"""
LBACK = ["-m", "lback", "serve", "--port", "{port}", "--workers", "2", "--threads", "8"]
GUNICORN = ["-m", "gunicorn", "app:application", "--bind", "127.0.0.1:{port}", "--workers", "2"]
GRANIAN = ["-m", "granian", "--interface", "wsgi", "--port", "{port}", "--workers", "2", "--no-ws"]
RESPAWN = ["--respawn-failed-workers", "--respawn-interval", "0"]
SERVERS = {
    "lback-serve": LBACK,
    "lback-serve-granian": [*LBACK, "--server", "granian"],
    "gunicorn-sync": [*GUNICORN],
    "gunicorn-gthread": [*GUNICORN, "--worker-class", "gthread", "--threads", "8"],
    "gunicorn-preload": [*GUNICORN, "--worker-class", "gthread", "--threads", "8", "--preload"],
    "gunicorn-reuseport": [
        *GUNICORN, "--worker-class", "gthread", "--threads", "8", "--reuse-port",
    ],
    "granian-default": [*GRANIAN, "app:application"],
    "granian-respawn": [*GRANIAN, *RESPAWN, "app:application"],
    "granian-8-threads": [*GRANIAN, *RESPAWN, "--blocking-threads", "8", "app:application"],
    "granian-mt": [*GRANIAN, *RESPAWN, "--runtime-mode", "mt", "app:application"],
    "granian-backpressure": [*GRANIAN, *RESPAWN, "--backpressure", "16", "app:application"],
    "granian-http1": [
        *GRANIAN, *RESPAWN, "--http", "1", "--no-http1-keep-alive", "app:application",
    ],
}  # fmt: skip


def children(pid: int) -> list[int]:
    """Return the worker processes of a server, the helper of multiprocessing left out."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    workers = []
    for child in found:
        with contextlib.suppress(OSError):
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                workers.append(int(child))
    return workers


async def get(port: int, path: str) -> str:
    """Send one request; return "" or the word for what went wrong."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
                )
                answer = await reader.read()
            finally:
                writer.close()
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "reset"
    return "" if answer.endswith(b"hello") else "cut"


class Trial:
    def __init__(self, port: int, master: int) -> None:
        self.port, self.master = port, master
        self.outcomes: Counter[str] = Counter()
        self.until = 0.0
        self.replaced: list[float] = []

    async def client(self, every: float) -> None:
        await asyncio.sleep(random.random() * every)
        while time.monotonic() < self.until:
            began = time.monotonic()
            outcome = await get(self.port, "/slow")
            self.outcomes[outcome or "answered"] += 1
            await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))

    async def disturb(self, event: str, times: int, every: float) -> None:
        if event == "kill":
            await self.kill(times, every)
            return
        for _ in range(times):
            await asyncio.sleep(every)
            os.kill(self.master, signal.SIGHUP if event == "reload" else signal.SIGTERM)
            if event == "stop":
                self.until = 0.0
        await asyncio.sleep(every)

    async def kill(self, times: int, every: float) -> None:
        for _ in range(times):
            await asyncio.sleep(every)
            workers = children(self.master)
            if not workers:
                return
            victim = random.choice(workers)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            while time.monotonic() - killed < every / 2:
                await asyncio.sleep(0.01)
                with contextlib.suppress(OSError):
                    present = children(self.master)
                    if victim not in present and len(present) == 2:
                        self.replaced.append(time.monotonic() - killed)
                        break
        await asyncio.sleep(every)

    async def run(self, options: argparse.Namespace) -> None:
        self.until = time.monotonic() + (options.times + 1) * options.every
        every = options.clients / options.rate
        await asyncio.gather(
            self.disturb(options.event, options.times, options.every),
            *(self.client(every) for _ in range(options.clients)),
        )

    async def capacity(self, seconds: float = 4.0) -> float:
        """Return the requests a second of 16 clients that never wait."""
        until, count = time.monotonic() + seconds, 0

        async def client() -> None:
            nonlocal count
            while time.monotonic() < until:
                if not await get(self.port, "/"):
                    count += 1

        await asyncio.gather(*(client() for _ in range(16)))
        return count / seconds


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def memory_of(pids: list[int]) -> float:
    kilobytes = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


def measure(name: str, options: argparse.Namespace) -> dict[str, object]:
    port = free_port()
    arguments = [argument.format(port=port) for argument in SERVERS[name]]
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as log:
        for file, source in (("app", APPLICATION), ("settings", SETTINGS), ("urls", URLS)):
            Path(directory, f"{file}.py").write_text(source)
        server = subprocess.Popen(
            [sys.executable, *arguments], cwd=directory, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and asyncio.run(get(port, "/")):
                time.sleep(0.05)
            trial = Trial(port, server.pid)
            memory = memory_of([server.pid, *children(server.pid)])
            capacity = asyncio.run(trial.capacity())
            asyncio.run(trial.run(options))
            alive = server.poll() is None
        finally:
            server.terminate()
            try:
                code = server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                code = None
    total = sum(trial.outcomes.values())
    lost = total - trial.outcomes["answered"]
    return {
        "server": name,
        "requests": total,
        "lost": lost,
        "lost %": round(100 * lost / max(total, 1), 2),
        "lost each time": round(lost / options.times, 1),
        "how": {k: v for k, v in trial.outcomes.items() if k != "answered"},
        "replaced in s (worst)": round(max(trial.replaced, default=-1), 2),
        "replaced": len(trial.replaced),
        "requests/s": round(capacity),
        "memory MiB": round(memory),
        "alive at the end": alive,
        "exit": code,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", help=f"of {', '.join(SERVERS)}; none: all")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, default=300, help="requests a second, all clients")
    parser.add_argument("--event", choices=["kill", "reload", "stop"], default="kill")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between them")
    options = parser.parse_args()
    options.times = 1 if options.event == "stop" else options.times
    for name in options.servers or SERVERS:
        print(json.dumps(measure(name, options)), flush=True)


if __name__ == "__main__":
    main()
