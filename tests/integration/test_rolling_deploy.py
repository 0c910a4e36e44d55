"""Two machines behind a balancer that asks `/health/ready`: a deploy loses no request."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from lback.database import DatabaseManager
from tests.cli.serving import PATIENCE, Running, running
from tests.conftest import new_postgresql
from tests.integration.machines import SERVE, Site, visit

pytestmark = [pytest.mark.postgresql, pytest.mark.integration]

STYLE = re.compile(r'href="(/static/style\.\w+\.css)"')
READY = (200, '{"status": "ok"}')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    databases = new_postgresql()
    yield Site(tmp_path_factory.mktemp("site"), next(databases), DRAIN_SECONDS="2")
    next(databases, None)


@contextmanager
def machine(site: Site, name: str, **variables: str) -> Iterator[Running]:
    folder = site.machine(name)
    try:
        with running(*SERVE, cwd=folder, **{**site.settings, **variables}) as program:
            program.until(lambda: len(program.workers()) == 2)
            yield program
    finally:
        shutil.rmtree(folder)


def readiness(machine: Running) -> tuple[int, str]:
    return machine.get("/health/ready")


def problems(machine: Running) -> dict[str, str]:
    answers = [readiness(machine)]

    def is_told() -> bool:  # each worker looks for itself
        answers.append(readiness(machine))
        return answers[-1][0] == 503

    machine.until(is_told)
    found: dict[str, str] = json.loads(answers[-1][1])["problems"]
    return found


class Balancer:
    """Sends requests to the first machine that is ready, one after another."""

    def __init__(self, machines: list[Running]) -> None:
        self._machines = machines
        self.done = threading.Event()
        self.answers: list[int] = []

    def run(self) -> None:
        while not self.done.is_set():
            up = next(one for one in self._machines if self._is_ready(one))
            # As between two checks: some requests arrive after the machine began to stop.
            for _ in range(5):
                self.answers.append(up.get("/")[0])

    def _is_ready(self, machine: Running) -> bool:
        try:
            return readiness(machine)[0] == 200
        except OSError:
            return False


def styles_of_both_releases_are_served(site: Site, *machines: Running) -> None:
    """Collect a changed style sheet on each machine, while the old code serves."""
    (before,) = STYLE.findall(machines[0].get("/")[1])
    for one in machines:
        style = one.project / "static" / "style.css"
        style.write_text(f"{style.read_text()}\nbody {{ color: #123 }}\n")
        site.lback("collectstatic", cwd=one.project)
    for one in machines:
        one.until(lambda: before not in one.get("/")[1])  # noqa: B023  ends in this round
        (after,) = STYLE.findall(one.get("/")[1])
        for other in machines:
            other.until(lambda: other.get(after)[0] == 200)  # noqa: B023
            assert "#123" in other.get(after)[1]
            assert "#123" not in other.get(before)[1]


def test_a_machine_that_stops_is_left_in_time(site: Site) -> None:
    with machine(site, "one") as one, machine(site, "two") as two:
        assert readiness(one) == readiness(two) == READY
        styles_of_both_releases_are_served(site, one, two)
        balancer = Balancer([one, two])
        with ThreadPoolExecutor() as pool:
            asking = pool.submit(balancer.run)
            try:
                one.process.send_signal(signal.SIGTERM)
                one.until(lambda: readiness(one)[0] == 503)
                # It serves on for a while, so that the balancer can notice.
                assert problems(one) == {"server": "stopping"}
                assert one.get("/health/live") == READY
                assert one.get("/")[0] == 200
                assert one.process.wait(PATIENCE) == 0
                before = len(balancer.answers)
                two.until(lambda: len(balancer.answers) > before + 20)
            finally:
                balancer.done.set()
            asking.result()
        assert set(balancer.answers) == {200}
        assert readiness(two) == READY


def test_a_reload_stays_ready_and_the_check_of_compose_notices_a_stop(site: Site) -> None:
    text = (site.project / "compose.yaml").read_text()
    (script,) = (line.strip("- ").strip() for line in text.splitlines() if "urllib" in line)
    settings = {"ACCESS_LOG": "true", "ALLOWED_HOSTS": "example.com", "DRAIN_SECONDS": "3600"}
    with machine(site, "one", **settings) as one:
        before = set(one.workers())
        one.process.send_signal(signal.SIGHUP)
        one.until(lambda: len(one.workers()) == 2 and not before & set(one.workers()))
        one.until(lambda: readiness(one) == READY)

        command = [sys.executable, "-c", script.replace(":8000/", f":{one.port}/")]
        assert subprocess.run(command, check=False).returncode == 0
        one.process.send_signal(signal.SIGTERM)
        one.until(lambda: readiness(one)[0] == 503)
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        assert result.returncode == 1
        assert "503" in result.stderr

        # The host is not allowed, and the access log has neither check.
        assert one.get("/")[0] == 400
        one.until(lambda: " GET / 400 " in one.printed)
        assert "/health/" not in one.printed
        # A second signal stops at once.
        assert one.stop() == 0


def test_new_code_waits_for_its_migrations_and_old_code_stays_ready(site: Site) -> None:
    with machine(site, "old") as old:
        assert readiness(old) == READY
        newer = site.machine("new")
        (models,) = (path for path in newer.glob("*/models.py"))
        models.write_text(
            f"{models.read_text()}    rating: Mapped[int] = mapped_column(default=3)\n"
        )
        site.lback("makemigrations", "--no-input", cwd=newer)
        with running(*SERVE, cwd=newer, **site.settings) as new:
            assert "1 not applied, the first is 0002_" in problems(new)["migrations"]
            assert readiness(old) == READY
            site.lback("migrate", cwd=newer)
            new.until(lambda: readiness(new) == READY)
            old.until(lambda: readiness(old) == READY)
            # Old code still writes rows, which have no value for the new column.
            for one in (old, new):
                assert visit(one).submit("/", {"title": "A row", "name": "A row"}).status == 303
        with machine(site, "older") as again:  # old code that starts after the migration
            assert readiness(again) == READY
            assert "not ready" not in again.printed
        site.lback("rollback", "--yes", cwd=newer)
        shutil.rmtree(newer)


def admit(site: Site, *, connections: bool) -> None:
    """Let the database of the site accept connections, or refuse and end them."""
    url = make_url(site.settings["DATABASE_URL"])
    name = url.database
    server = DatabaseManager.from_url(
        url.set(database="postgres").render_as_string(hide_password=False)
    )
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}")
        if not connections:
            connection.exec_driver_sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
    server.dispose()


def test_a_database_that_is_away_is_not_ready_and_comes_back(site: Site) -> None:
    with machine(site, "one") as one:
        assert readiness(one) == READY
        admit(site, connections=False)
        try:
            one.until(lambda: readiness(one)[0] == 503)
            assert problems(one) == {"database": "unreachable"}
            assert one.get("/health/live") == READY
            one.until(lambda: "not ready: database: unreachable" in one.printed)
            assert one.printed.count("not ready: ") <= 2, "once for each worker"
        finally:
            admit(site, connections=True)
        one.until(lambda: readiness(one) == READY)
        assert "Traceback" not in one.printed
