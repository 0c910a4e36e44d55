"""Take away what a served project leans on, under load: `python -m tests.faults.run [ROW …]`.

Each row starts private servers and a project behind `lback serve`, sends requests all the time,
causes the fault for some seconds, ends it, and prints what became of the requests.
"""

import argparse
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults.disk import Skipped, small_disk
from tests.faults.load import UPLOAD_SIZE, Load, statuses, stored_numbers
from tests.faults.servers import MariaDB, PgBouncer, PostgreSQL, Redis, Server, until
from tests.faults.site import Site
from tests.faults.websocket import client_stops_reading

FAULT, AFTER = 15.0, 5.0
DATABASE = ("/read", "/write", "/read", "/plain")


@dataclass
class Result:
    """The figures of one row."""

    tried: int = 0
    answered: int = 0
    refused: int = 0
    others: dict[int, int] = field(default_factory=dict)
    longest: float = 0.0
    recovered: float = 0.0
    log: list[str] = field(default_factory=list)
    lost: int = 0
    waited: int = 0

    def __str__(self) -> str:
        return (
            f"tried {self.tried}, answered {self.answered}, 503/507 {self.refused}, "
            f"other {self.others or 0}, over 1 s {self.waited}, longest {self.longest:.2f} s, "
            f"all answered {self.recovered:.2f} s after, log lines {len(self.log)}, "
            f"lost writes {self.lost}"
        )


def measure(
    site: Site,
    begin: Callable[[], object],
    end: Callable[[], object],
    load: Load,
    uploads: Path | None = None,
) -> Result:
    """Cause a fault under load and return what became of the requests."""
    load.start()
    until(lambda: len(load.answers) > 20 * load.clients, "the site does not answer")
    wrong = [answer for answer in load.answers if answer.status not in (200, 201)]
    if wrong:
        raise RuntimeError(f"the site answers {wrong[0]} before the fault: {site.log[-20:]}")
    lines = len(site.log)
    began = time.monotonic()
    begin()
    time.sleep(FAULT)
    end()
    ended = time.monotonic()
    time.sleep(AFTER)
    over = time.monotonic()
    load.stop()
    answers = load.between(began, over)
    counts = statuses(answers)
    failed_later = [a.began + a.seconds for a in answers if a.began >= ended and a.status >= 400]
    refused = counts.pop(503, 0) + counts.pop(507, 0)
    answered = sum(counts.pop(status, 0) for status in (200, 201))
    lost = 0
    if "/write" in load.paths:
        lost = len(set(load.written) - stored_numbers(site.port))
    if uploads is not None:
        whole = {int(file.name) for file in uploads.iterdir()
                 if file.name.isdigit() and file.stat().st_size == UPLOAD_SIZE}  # fmt: skip
        # Files that are partial, temporary or of refused uploads count as well.
        lost = len(set(load.written) ^ whole) + len(list(uploads.iterdir())) - len(whole)
    return Result(
        len(answers), answered, refused, dict(counts),
        max((answer.seconds for answer in answers), default=0.0),
        max(failed_later, default=ended) - ended,
        site.log[lines:], lost, sum(answer.seconds > 1 for answer in answers),
    )  # fmt: skip


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.remove)
            server.start()
        yield


@contextmanager
def served(**settings: str) -> Iterator[Site]:
    site = Site(**settings)
    try:
        site.serve()
        yield site
    finally:
        site.close()


def database_hangs(kind: type[PostgreSQL | MariaDB]) -> Result:
    server = kind()
    with running(server), served(DATABASE_URL=server.url) as site:
        return measure(site, server.freeze, server.thaw, Load(site.port, DATABASE))


def database_ends(kind: type[PostgreSQL | MariaDB]) -> Result:
    server = kind()
    with running(server), served(DATABASE_URL=server.url) as site:
        return measure(site, server.stop, server.start, Load(site.port, DATABASE))


def pooled_database_hangs() -> Result:
    database = PostgreSQL()
    bouncer = PgBouncer(database.port)
    settings = {"DATABASE_URL": bouncer.url, "DATABASE_DIRECT_URL": database.url}
    with running(database, bouncer), served(**settings) as site:
        return measure(site, database.freeze, database.thaw, Load(site.port, DATABASE))


def redis_hangs_under_sessions() -> Result:
    server = Redis()
    with running(server), served(SESSION_STORE="redis", REDIS_URL=server.url) as site:
        return measure(site, server.freeze, server.thaw, Load(site.port, ("/visits", "/plain")))


def redis_hangs_under_the_cache() -> Result:
    server = Redis()
    caches = '{"default": {"backend": "redis"}}'
    with running(server), served(CACHES=caches, REDIS_URL=server.url) as site:
        return measure(site, server.freeze, server.thaw, Load(site.port, ("/cached", "/plain")))


def sqlite_is_locked() -> Result:
    with served() as site:
        other = sqlite3.connect(
            site.root / "db.sqlite3", isolation_level=None, check_same_thread=False
        )
        with closing(other):
            return measure(
                site,
                lambda: other.execute("BEGIN IMMEDIATE"),
                lambda: other.execute("ROLLBACK"),
                Load(site.port, DATABASE),
            )


def disk_of_the_database_is_full() -> Result:
    with small_disk() as disk, served(DATABASE_URL=f"sqlite:///{disk.folder}/db.sqlite3") as site:
        return measure(site, disk.fill, disk.free, Load(site.port, ("/read", "/write")))


def disk_of_uploads_is_full() -> Result:
    with small_disk() as disk, served(UPLOADS=str(disk.uploads)) as site:
        load = Load(site.port, ("/upload", "/plain"))
        return measure(site, disk.fill, disk.free, load, disk.uploads)


def disk_of_temporary_files_is_full() -> Result:
    with small_disk() as disk, TemporaryDirectory() as uploads:
        settings = {
            "UPLOADS": uploads,
            "MAX_UPLOAD_MEMORY_SIZE": "1000",
            "TMPDIR": str(disk.folder),
        }
        with served(**settings) as site:
            load = Load(site.port, ("/upload", "/plain"))
            return measure(site, disk.fill, disk.free, load, Path(uploads))


ROWS: dict[str, tuple[Callable[[], Any], tuple[type[Server], ...]]] = {
    "postgresql-hangs": (lambda: database_hangs(PostgreSQL), (PostgreSQL,)),
    "postgresql-ends": (lambda: database_ends(PostgreSQL), (PostgreSQL,)),
    "mariadb-hangs": (lambda: database_hangs(MariaDB), (MariaDB,)),
    "mariadb-ends": (lambda: database_ends(MariaDB), (MariaDB,)),
    "pgbouncer": (pooled_database_hangs, (PostgreSQL, PgBouncer)),
    "redis-sessions": (redis_hangs_under_sessions, (Redis,)),
    "redis-cache": (redis_hangs_under_the_cache, (Redis,)),
    "sqlite-locked": (sqlite_is_locked, ()),
    "full-database": (disk_of_the_database_is_full, ()),
    "full-uploads": (disk_of_uploads_is_full, ()),
    "full-temporary": (disk_of_temporary_files_is_full, ()),
    "websocket": (client_stops_reading, ()),
}


def main() -> int:
    """Run the rows and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", action="store_true", help="show what the server logged")
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=", ".join(ROWS))
    options, failed = parser.parse_args(), 0
    for name in options.rows:
        row, servers = ROWS[name]
        missing = next(filter(None, (server.missing() for server in servers)), "")
        if missing:
            text = f"skipped, {missing} is not installed"
        else:
            try:
                result = row()
                lines = getattr(result, "log", []) if options.log else []
                text = "\n    ".join([str(result), *lines])
            except Skipped as reason:
                text = f"skipped, {reason}"
            except Exception:  # noqa: BLE001  shown; the other rows go on
                traceback.print_exc()
                text, failed = "FAILED", failed + 1
        sys.stdout.write(f"{name}: {text}\n")
        sys.stdout.flush()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
