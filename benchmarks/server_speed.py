"""Requests a second of production servers with the same project, one after another by wrk.

Each round asks every server for each page; the medians of the rounds are compared with bare
Granian. Run it in an environment with the servers, on an otherwise idle machine:

    python benchmarks/server_speed.py --rounds 5 granian lback gunicorn
"""

import argparse
import os
import re
import statistics
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from server_faults import Server

PAGES = {
    "plain": "/", "JSON": "/json", "typed": "/typed/7", "row": "/row/7", "template": "/table",
    "1 KB form": "/form",
}  # fmt: skip
FORM = """
wrk.method = "POST"
wrk.body = string.rep("a", 1000)
wrk.headers["Content-Type"] = "text/plain"
"""
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(server: Server) -> float:
    total = 0
    for pid in server.workers():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def ask(server: Server, path: str, connections: int, seconds: int) -> tuple[float, float]:
    """Return requests a second, and microseconds of processor time of the workers for each."""
    script = server.project / "form.lua"
    script.write_text(FORM)
    before = processor_seconds(server)
    told = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "Host: x",
         *(["-s", str(script)] if path == "/form" else []),
         f"http://127.0.0.1:{server.port}{path}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in told:
        raise AssertionError(told)
    count = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", told)[1])  # type: ignore[index]
    return rate, (processor_seconds(server) - before) / max(count, 1) * 1e6


def check(servers: dict[str, Server]) -> None:
    """Raise unless all servers give the same pages."""
    for path in PAGES.values():
        if path != "/form":
            answers = set()
            for server in servers.values():
                url = f"http://127.0.0.1:{server.port}{path}"
                answers.add(urllib.request.urlopen(url).read())
            if len(answers) != 1:
                raise AssertionError(f"{path}: {answers}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=["granian", "lback", "gunicorn"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 256])
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=list(PAGES))
    parser.add_argument("--access-log", action="store_true")
    options = parser.parse_args()
    log = str(options.access_log).lower()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(name, ACCESS_LOG=log, CLIENT_TIMEOUT="30"))
            for name in options.servers
        }
        check(servers)
        for page in options.pages:
            for connections in options.connections:
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
                for _ in range(options.rounds):
                    for name, server in servers.items():
                        taken[name].append(ask(server, PAGES[page], connections, options.seconds))
                show(page, connections, taken)
        print({name: server.memory() for name, server in servers.items()}, "MiB", flush=True)


def show(page: str, connections: int, taken: dict[str, list[tuple[float, float]]]) -> None:
    base = next(iter(taken.values()))
    for name, pairs in taken.items():
        ratios = [rate / before for (rate, _), (before, _) in zip(pairs, base, strict=True)]
        rate = statistics.median(rate for rate, _ in pairs)
        cost = statistics.median(cost for _, cost in pairs)
        print(
            f"{page:10} {connections:4} {name:14} {rate:9,.0f}/s  "
            f"{statistics.median(ratios):5.2f} of {next(iter(taken))}  {cost:6.0f} us",
            flush=True,
        )


if __name__ == "__main__":
    main()
