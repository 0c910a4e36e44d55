"""Behind a server: one worker of Granian, asked by wrk over loopback, one contestant after another.

The requests per second of a server on two cores are noisy, so the processor time that the worker
spent on each request is told as well: what else the machine does hardly changes that.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from contestants import TITLES
from report import significant
from scenarios import BY_NAME, HOST

HERE = Path(__file__).parent
CONTESTANTS = ("raw", "lback", "lback-defaults", "falcon", "flask")
SCENARIOS = ("plaintext", "params")
SECONDS = 2
CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """One Granian with one worker on a free port."""

    def __init__(self, contestant: str, app: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            **os.environ, "CONTESTANT": contestant, "CONTESTANT_APP": app,
            "LBACK_DEFAULTS": str(int(contestant == "lback-defaults")),
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1",
             "--blocking-threads", "1", "--http", "1", "--no-ws", "--log-level", "warning",
             "--host", "127.0.0.1", "--port", str(self.port), "served_app:app"],
            cwd=HERE, env=environment,
        )  # fmt: skip
        self._wait()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._worker = int(children.read_text().split()[-1])
        os.sched_setaffinity(self._worker, {0})

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self._worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def ask(server: Server, path: str) -> tuple[float, float]:
    """Return requests per second, and processor seconds of the worker per request."""
    before = server.processor_seconds()
    told = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Host: {HOST}",
         f"http://127.0.0.1:{server.port}{path}"],
        check=True, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    ).stdout  # fmt: skip
    if "Non-2xx" in told:
        raise AssertionError(told)
    count = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", told)[1])  # type: ignore[index]
    return rate, (server.processor_seconds() - before) / count


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for scenario in map(BY_NAME.__getitem__, SCENARIOS):
        servers = {name: Server(name, scenario.app) for name in CONTESTANTS}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
        try:
            for server in servers.values():
                ask(server, scenario.path)  # warm
            for _ in range(rounds):
                for name, server in servers.items():
                    taken[name].append(ask(server, scenario.path))
        finally:
            for server in servers.values():
                server.close()
        rows += _rows(scenario.title, taken)
    return {
        "title": "Behind Granian, one worker",
        "text": f"{rounds} interleaved rounds of {SECONDS} seconds over {CONNECTIONS} kept "
        "connections of wrk; medians, and the ratio of each to raw WSGI. The worker and wrk have "
        "a core each, as far as the machine leaves it to them.",
        "columns": ["requests/s", "of raw", "best round, of raw's best", "worker's µs/request",
                    "of raw"],
        "rows": rows,
    }  # fmt: skip


def _rows(title: str, taken: dict[str, list[tuple[float, float]]]) -> list[Any]:
    rates = {name: [rate for rate, _ in pairs] for name, pairs in taken.items()}
    costs = {name: statistics.median(cost for _, cost in pairs) for name, pairs in taken.items()}
    raw = statistics.median(rates["raw"])
    return [
        [
            f"{title}: {TITLES[name]}",
            [
                f"{statistics.median(rates[name]):,.0f}",
                f"{statistics.median(rates[name]) / raw:.2f}",
                f"{max(rates[name]) / max(rates['raw']):.2f}",
                significant(costs[name] * 1e6),
                f"{costs[name] / costs['raw']:.2f}",
            ],
        ]
        for name in taken
    ]
