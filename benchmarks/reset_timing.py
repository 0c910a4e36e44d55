"""Whether the time of "Forgot password" tells who has an account.

A server answers requests for known and unknown addresses in random order, each address once, and
after each one a request for the form, which would be slower if work for a known address went on.
The ratios of the medians, known to unknown, are put beside the band in which 95 % of the ratios of
unknown to unknown of the same run lie:

    python benchmarks/reset_timing.py --pairs 2000
    python benchmarks/reset_timing.py --pairs 2000 --busy 2 --tasks database
"""

import argparse
import http.client
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

SETTINGS = """
DEBUG = False
SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "urls"
DB_NAME = "db.sqlite3"
MAIL_BACKEND = "file"
MAIL_DIRECTORY = "mail"
MAIL_FROM = "site@example.org"
# One client sends all requests.
LOGIN_ATTEMPTS_PER_ADDRESS = 1000000
{tasks}
"""
URLS = """
from lback import include
urlpatterns = [include("lback.accounts.urls", "/accounts/")]
"""
ACCOUNTS = """
import sys
from lback.core.server import build_project_application
app = build_project_application()
app.db_manager.create_tables()
with app.db_manager.session() as session:
    first = app.user_manager.register(session, "person0", "correct horse", "p0@example.org")
    session.flush()
    kept = {c.name: getattr(first, c.name) for c in type(first).__table__.columns if c.name != "id"}
    for n in range(1, int(sys.argv[1])):
        name = f"person{n}"
        changed = {"username": name, "username_key": name, "email": f"p{n}@example.org"}
        session.add(type(first)(**{**kept, **changed}))
"""
PATH = "/accounts/forgot"
ROUNDS = 2000


def lback(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lback", *arguments]


@contextmanager
def serving(folder: Path, server: str) -> Iterator[int]:
    """Run the server on a free port until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = lback("serve", "--server", server, "--port", str(port), "--workers", "1")
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Keep a number of processors busy."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Visitor:
    """Asks for reset links on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        page, cookie = self._send("GET", None, {})
        self._cookie = cookie.partition(";")[0]
        self._token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        if not self._token:
            raise SystemExit(f"no form at {PATH}: {page[:500]}")

    def _send(self, method: str, body: str | None, headers: dict[str, str]) -> tuple[str, str]:
        self._connection.request(method, PATH, body, {"Host": "localhost", **headers})
        response = self._connection.getresponse()
        text = response.read().decode()
        if response.status not in (200, 202):
            raise SystemExit(f"{method} {PATH}: {response.status} {text[:500]}")
        return text, response.getheader("Set-Cookie") or ""

    def seconds(self, email: str) -> tuple[float, float]:
        """Return how long the answer for an address takes, and that of the next request."""
        body = urlencode({"email": email, "csrf_token": self._token})
        headers = {
            "Cookie": self._cookie,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "http://localhost",
        }
        begin = time.perf_counter()
        self._send("POST", body, headers)
        middle = time.perf_counter()
        self._send("GET", None, {"Cookie": self._cookie})
        return middle - begin, time.perf_counter() - middle


def measure(port: int, pairs: int) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds of each kind of address: known, and two groups of unknown ones."""
    visitor = Visitor(port)
    kinds = {"known": "p", "unknown": "q", "unknown too": "r"}
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for number in range(pairs):
        for kind in random.sample(list(kinds), len(kinds)):
            taken[kind].append(visitor.seconds(f"{kinds[kind]}{number}@example.org"))
    return taken


def band_of(unknown: list[float], size: int) -> tuple[float, float]:
    """Return the band in which 95 % of the ratios lie when the two groups are alike."""
    ratios = []
    for _ in range(ROUNDS):
        one, two = random.choices(unknown, k=size), random.choices(unknown, k=size)
        ratios.append(statistics.median(one) / statistics.median(two))
    ratios.sort()
    return ratios[int(0.025 * ROUNDS)], ratios[int(0.975 * ROUNDS) - 1]


def compared(taken: dict[str, list[float]]) -> str:
    """Return the medians, their ratio and whether it is within the band."""
    middle = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
    unknown = taken["unknown"] + taken["unknown too"]
    low, high = band_of(unknown, len(taken["known"]))
    ratio = middle["known"] / middle["unknown"]
    return (
        f"known {middle['known'] * 1000:.2f} ms, unknown {middle['unknown'] * 1000:.2f} ms, "
        f"ratio {ratio:.4f}, unknown to unknown {middle['unknown too'] / middle['unknown']:.4f}, "
        f"95 % band {low:.4f} to {high:.4f}: {'within' if low <= ratio <= high else 'OUTSIDE'}"
    )


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--busy", type=int, default=0, help="processors that are kept busy")
    parser.add_argument("--tasks", choices=["none", "database"], default="none")
    parser.add_argument("--server", choices=["granian", "gunicorn"], default="granian")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = 'TASKS = "database"' if options.tasks == "database" else ""
        (folder / "settings.py").write_text(SETTINGS.format(tasks=tasks))
        (folder / "urls.py").write_text(URLS)
        script = folder / "accounts.py"
        script.write_text(ACCOUNTS)
        subprocess.run(
            [sys.executable, str(script), str(options.pairs)],
            cwd=folder,
            check=True,
            env={**os.environ, "PYTHONPATH": f"{folder}"},
        )
        with serving(folder, options.server) as port, busy(options.busy):
            taken = measure(port, options.pairs)
    print(f"{options.server}, tasks: {options.tasks}, busy: {options.busy}, {options.pairs} pairs")
    for index, name in enumerate(("the answer", "the next one")):
        print(f"{name}: {compared({kind: [two[index] for two in taken[kind]] for kind in taken})}")


if __name__ == "__main__":
    main()
