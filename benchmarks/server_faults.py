"""What slow, broken and many clients, kills, stops and reloads cost on each production server.

Each row is a fault on the real server with two workers of four threads; the result of a row says
what was lost. Run it in an environment with the servers:

    python benchmarks/server_faults.py                       # all rows for `lback serve`
    python benchmarks/server_faults.py lback gunicorn --rows kills stop
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from server_project import write_project

WORKERS, THREADS = 2, 4
LBACK = ["-m", "lback", "serve", "--port", "{port}", "--workers", "2", "--threads", "4"]
HERE = Path(__file__).parent
ENTRY = "lback.core.wsgi_entry:create_served_app"
SERVERS = {
    "lback": LBACK,
    "gunicorn": [*LBACK, "--server", "gunicorn"],
    "gevent": [
        "-m", "gunicorn", f"{ENTRY}()", "--bind", "127.0.0.1:{port}", "--workers", "2",
        "--worker-class", "gevent",
    ],
    "granian": [
        "-m", "granian", "--interface", "wsgi", "--port", "{port}", "--workers", "2",
        "--blocking-threads", "4", "--no-ws", "--http", "1", "--respawn-failed-workers",
        "--respawn-interval", "0.5", "--factory", ENTRY,
    ],
    **{
        kind: [str(HERE / "server_candidates.py"), kind, "{port}", "2", "4"]
        for kind in ("granian-wsgi", "waitress", "uvicorn")
    },
}  # fmt: skip
ENVIRONMENT = {"CLIENT_TIMEOUT": "5", "SHUTDOWN_TIMEOUT": "15"}
GET = "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {kind}\r\n\r\n"


class Server:
    """A server that runs for one row."""

    def __init__(self, name: str, **variables: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._directory = tempfile.TemporaryDirectory()
        self.project = Path(self._directory.name)
        write_project(self.project)
        arguments = [part.format(port=self.port) for part in SERVERS[name]]
        self._log = (self.project / "log.txt").open("wb")
        environment = {**os.environ, **ENVIRONMENT, **variables, "PYTHONPATH": str(self.project)}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=self.project, stdout=self._log, stderr=self._log,
            env=environment,
        )  # fmt: skip

    def __enter__(self) -> "Server":
        until = time.monotonic() + 60
        while time.monotonic() < until and asyncio.run(get(self.port, "/"))[0] != "answered":
            time.sleep(0.1)
        time.sleep(1.5)  # for the second worker
        return self

    def __exit__(self, *_: object) -> None:
        for pid in [*self.workers(), self.process.pid]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        self._log.close()
        self._directory.cleanup()

    @property
    def log(self) -> str:
        return (self.project / "log.txt").read_text(errors="replace")

    def workers(self) -> list[int]:
        pid, found = self.process.pid, []
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
        return found

    def memory(self) -> int:
        total = 0
        for pid in [self.process.pid, *self.workers()]:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    total += int(line.split()[1]) if line.startswith("Pss:") else 0
        return total // 1024


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return status and body of one answer with a Content-Length, or up to the end."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    fields = head.lower().split(b"\r\n")
    lengths = [int(field[15:]) for field in fields if field.startswith(b"content-length:")]
    return status, await (reader.readexactly(lengths[0]) if lengths else reader.read())


async def get(port: int, path: str, seconds: float = 5) -> tuple[str, float]:
    """Send one request on a connection of its own; return the outcome and the seconds."""
    began, writer = time.monotonic(), None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET.format(path=path, kind="close").encode())
            _, body = await read_answer(reader)
            outcome = "answered" if body == b"hello" else "wrong"
    except TimeoutError:
        outcome = "timeout"
    except ConnectionRefusedError:
        outcome = "refused"
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        outcome = "reset"
    if writer is not None:
        writer.close()
    return outcome, time.monotonic() - began


class Load:
    """Clients that ask at a pace, each time on a new connection or on one that is kept."""

    def __init__(self, port: int, path: str, clients: int, rate: float, kept: bool = False) -> None:
        self.port, self.path, self.kept = port, path, kept
        self.clients, self.every = clients, clients / rate
        self.outcomes: Counter[str] = Counter()
        self.taken: list[float] = []
        self.answered: list[str] = []
        self.ends = False
        self._number = 0

    async def run(self) -> None:
        client = self._keep if self.kept else self._ask
        await asyncio.gather(*(client() for _ in range(self.clients)))

    async def _ask(self) -> None:
        await asyncio.sleep(random.random() * self.every)
        while not self.ends:
            self._number += 1
            name = str(self._number)
            outcome, seconds = await get(self.port, self.path.format(id=name))
            self.outcomes[outcome] += 1
            self.taken.append(seconds)
            if outcome == "answered":
                self.answered.append(name)
            await asyncio.sleep(max(0.0, self.every - seconds))

    async def _keep(self) -> None:
        await asyncio.sleep(random.random() * self.every)
        reader = writer = None
        while not self.ends:
            began = time.monotonic()
            try:
                async with asyncio.timeout(5):
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.write(GET.format(path=self.path, kind="keep-alive").encode())
                    head = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(5)
                self.outcomes["answered"] += 1
                if b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.outcomes[type(error).__name__] += 1
                if writer is not None:
                    writer.close()
                writer = None
            seconds = time.monotonic() - began
            self.taken.append(seconds)
            await asyncio.sleep(max(0.0, self.every - seconds))
        if writer is not None:
            writer.close()

    def facts(self) -> dict[str, object]:
        taken = sorted(self.taken) or [0.0]
        return {
            "how": dict(self.outcomes),
            "p50 ms": round(statistics.median(taken) * 1000, 1),
            "p99 ms": round(taken[int(len(taken) * 0.99) - 1] * 1000, 1),
            "worst ms": round(taken[-1] * 1000),
            "load": round(os.getloadavg()[0], 1),
        }


async def during(load: Load, doing) -> dict[str, object]:
    running = asyncio.create_task(load.run())
    await asyncio.sleep(1)
    result = await doing()
    load.ends = True
    await running
    return {**load.facts(), **(result or {})}


async def kills(server: Server, spares: int = 1) -> dict[str, object]:
    """Kill the newest worker every 1.5 s, config.json broken in the middle; writes are counted.

    The oldest is spared: while config.json is broken, none could take its place.
    """
    load = Load(server.port, "/write?id={id}", 16, 200)
    config = server.project / "config.json"

    async def doing() -> None:
        for number in range(10):
            if number == 3:
                config.write_text("{broken")
            if number == 7:
                config.unlink()
            for pid in sorted(server.workers())[spares:][-1:]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(1.5)
        await asyncio.sleep(3)

    facts = await during(load, doing)
    with contextlib.suppress(FileNotFoundError):
        written = set((server.project / "written.txt").read_text().split())
        facts["answered but not written"] = len(set(load.answered) - written)
    outcome, _ = await get(server.port, "/")
    return {**facts, "alive": server.process.poll() is None, "at the end": outcome}


async def kills_all(server: Server) -> dict[str, object]:
    """Kill the last worker as well while config.json is broken."""
    return await kills(server, 0)


SLOW = {
    "heads": b"GET / HTTP/1.1\r\nHost: x\r\nX-Part: ",
    "bodies": b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
    "readers of 20 MB": b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
    "readers of a stream": b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
}


async def slow_client(port: int, first: bytes, seconds: float) -> str:
    """Send the beginning of a request, then a byte now and then; return how it ended."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(first)
        reads = b"/big" in first or b"/stream" in first
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(0.5)
            if reads:
                continue
            if reader.at_eof():
                return "closed"
            writer.write(b"a")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    answer = await reader.read(64)
                    if not answer:
                        return "closed"
                    writer.close()
                    return answer.decode("latin-1").split("\r\n")[0] or "closed"
        writer.close()
    except OSError as error:
        return type(error).__name__
    return "held" if not reads else "read"


async def slow(server: Server) -> dict[str, object]:
    """Hold 4 slow clients per thread of each kind while others ask."""
    facts = {}
    for kind, first in SLOW.items():
        load = Load(server.port, "/", 8, 80)

        async def doing(first: bytes = first) -> dict[str, object]:
            number = 4 * THREADS * WORKERS
            ends = await asyncio.gather(
                *(slow_client(server.port, first, 8) for _ in range(number))
            )
            return {"slow": dict(Counter(ends))}

        facts[kind] = await during(load, doing)
    return facts


async def stop(server: Server) -> dict[str, object]:
    """Stop under load; a request of 3 s is under way."""
    load = Load(server.port, "/slow", 16, 300)
    facts: dict[str, object] = {}

    async def doing() -> None:
        long = asyncio.create_task(get(server.port, "/slow?s=3", 10))
        await asyncio.sleep(0.3)
        server.process.terminate()
        began = time.monotonic()
        await asyncio.sleep(2)
        load.ends = True
        facts["under way"] = (await long)[0]
        while server.process.poll() is None and time.monotonic() - began < 30:
            await asyncio.sleep(0.05)
        facts["seconds"] = round(time.monotonic() - began, 1)
        facts["exit"] = server.process.poll()

    return {**await during(load, doing), **facts}


async def second(server: Server) -> dict[str, object]:
    """Send SIGTERM twice while a request of 10 s is under way."""
    long = asyncio.create_task(get(server.port, "/slow?s=10", 30))
    await asyncio.sleep(0.5)
    server.process.terminate()
    await asyncio.sleep(1)
    server.process.terminate()
    began = time.monotonic()
    while server.process.poll() is None and time.monotonic() - began < 30:
        await asyncio.sleep(0.05)
    return {"seconds after the second": round(time.monotonic() - began, 1), "long": (await long)[0]}


async def reload_fresh(server: Server, kept: bool = False) -> dict[str, object]:
    """Reload three times under load, each request on a new connection."""
    load = Load(server.port, "/slow" if not kept else "/", 16, 300, kept)

    async def doing() -> None:
        for _ in range(3):
            server.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(6)

    return await during(load, doing)


async def reload_kept(server: Server) -> dict[str, object]:
    """Reload three times under load on kept connections."""
    return await reload_fresh(server, True)


CHUNKED = b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "short": b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc",
    "no last chunk": CHUNKED + b"3\r\nabc\r\n",
    "half a chunk": CHUNKED + b"50\r\nabc",
    "bad size": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "chunk too long": CHUNKED + b"3\r\nabcXX0\r\n\r\n",
    "length and chunks": b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /said HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Content-Length: 4\r\n\r\nabcd",
    "length +3": b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
    "space before colon": b"GET / HTTP/1.1\r\nHost: x\r\nX-A : b\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "chunked, chunked": b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked"
    b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "xchunked": b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: evil\r\n\r\n",
}
WHOLE = {
    "chunked": (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"5"),
    "chunked with a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", b"3"),
    "1.2 MB": (
        b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 1200000\r\n\r\n" + b"z" * 1200000,
        b"1200000",
    ),
    "underscores": (b"GET /said HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 9.9.9.9\r\n\r\n", b"noth"),
    "field in UTF-8": (
        "GET /said HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: é\r\n\r\n".encode(),
        b"\xc3\x83\xc2\xa9",  # latin-1 in the environ (PEP 3333)
    ),
    "pipelined": (
        b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /pid HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /typed/7 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"7",
    ),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", b"hello"),
}  # fmt: skip


def send(port: int, octets: bytes, ends: bool) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
        connection.sendall(octets)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


async def bodies(server: Server) -> dict[str, object]:
    """Send broken and whole requests; the views must not run with half a body."""
    facts: dict[str, object] = {}
    ran = server.project / "ran.txt"
    for name, octets in BROKEN.items():
        ran.unlink(missing_ok=True)
        answer = await asyncio.to_thread(send, server.port, octets, True)
        status = answer[9:12].decode() or "closed"
        more = f" + {answer.count(b'HTTP/1.1 ') - 1} more" if answer.count(b"HTTP/1.1 ") > 1 else ""
        facts[name] = f"{status}{more}{', VIEW RAN' if ran.exists() else ''}"
    for name, (octets, end) in WHOLE.items():
        answer = await asyncio.to_thread(send, server.port, octets, False)
        body = answer.rpartition(b"\r\n\r\n")[2]
        facts[name] = "right" if body.startswith(end) else f"WRONG {answer[:15]!r} {body[:20]!r}"
    answer = await asyncio.to_thread(
        send, server.port, b"GET /breaks HTTP/1.1\r\nHost: x\r\n\r\n", False
    )
    facts["answer that breaks off"] = (
        "LOOKS WHOLE" if answer.endswith(b"0\r\n\r\n") else "broken off"
    )
    return facts


async def restart(server: Server) -> dict[str, object]:
    """Answer 6,000 requests with WORKER_MAX_REQUESTS = 500."""
    load = Load(server.port, "/", 16, 300)
    seen = set(server.workers())

    async def doing() -> dict[str, object]:
        for _ in range(40):
            await asyncio.sleep(0.5)
            seen.update(server.workers())
        return {"workers seen": len(seen)}

    return await during(load, doing)


async def many(server: Server) -> dict[str, object]:
    """Ask on 1,000 kept connections at 1,000 requests a second; then hold 10,000 idle ones."""
    load = Load(server.port, "/", 1000, 500, kept=True)

    async def doing() -> None:
        await asyncio.sleep(10)

    facts = await during(load, doing)
    before, idle = server.memory(), []
    for _ in range(10000):
        with contextlib.suppress(OSError):
            async with asyncio.timeout(1):
                idle.append((await asyncio.open_connection("127.0.0.1", server.port))[1])
    outcomes = Counter([(await get(server.port, "/"))[0] for _ in range(50)])
    facts["10,000 idle"] = {
        "connected": len(idle), "others": dict(outcomes), "MiB before": before,
        "MiB with them": server.memory(),
    }  # fmt: skip
    for writer in idle:
        writer.close()
    return facts


ROWS = {
    "kills": kills, "kills-all": kills_all, "slow": slow, "stop": stop,
    "second": second, "reload": reload_fresh,
    "reload-kept": reload_kept, "bodies": bodies, "restart": restart, "many": many,
}  # fmt: skip
VARIABLES = {
    "restart": {"WORKER_MAX_REQUESTS": "500", "GUNICORN_CMD_ARGS": "--max-requests=500"},
    "many": {"CLIENT_TIMEOUT": "30"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=["lback"], help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for row in options.rows:
        for name in options.servers:
            with Server(name, **VARIABLES.get(row, {})) as server:
                try:
                    facts = asyncio.run(ROWS[row](server))
                except OSError as error:
                    facts = {"failed": repr(error), "log": server.log[-300:]}
                if "-v" in os.environ.get("FAULTS", ""):
                    print(server.log[-3000:])
            print(json.dumps({"row": row, "server": name, **facts}), flush=True)


if __name__ == "__main__":
    main()
