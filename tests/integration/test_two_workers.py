"""Two worker processes with PostgreSQL and Redis: what one of them keeps, the other one sees."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from lback.database import DatabaseManager

pytestmark = pytest.mark.postgresql

PROGRAM = Path(__file__).parent / "fixtures" / "worker.py"


class Worker:
    """A process that serves, and a browser that talks to it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        self.port = int(process.stdout.readline())

    def ask(
        self, path: str, cookies: dict[str, str], method: str = "GET", **headers: str
    ) -> tuple[int, str]:
        """Send a request with the cookies of a browser, and keep those that come back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        # One name for both, as behind a balancer.
        fields = {"Host": "127.0.0.1"}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        if cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        for sent in answer.headers.get_all("Set-Cookie", []):
            name, _, value = sent.partition(";")[0].partition("=")
            cookies[name] = value
        text = answer.read().decode()
        connection.close()
        return answer.status, text


@pytest.fixture(params=["database", "redis"])
def workers(
    request: pytest.FixtureRequest,
    postgresql_url: str,
    redis_url: str,
    redis_client: Redis,  # it leaves no sessions behind
    prefix: str,
) -> Iterator[tuple[Worker, Worker]]:
    manager = DatabaseManager.from_url(postgresql_url)
    manager.create_tables()
    manager.dispose()
    variables = {
        "DATABASE_URL": postgresql_url,
        "REDIS_URL": redis_url,
        "SESSION_STORE": request.param,
        "PREFIX": prefix,
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        first, second = map(Worker, processes)
        yield first, second
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()


def test_two_workers_share_sessions_cache_and_limits(workers: tuple[Worker, Worker]) -> None:
    first, second = workers
    pids = {worker.ask("/worker", {})[1] for worker in workers}
    assert pids == {str(worker.process.pid) for worker in workers}
    assert len(pids) == 2

    # A session that one began goes on in the other, and ends in both.
    visitor: dict[str, str] = {}
    counts = [worker.ask("/count", visitor)[1] for worker in (first, second, first, second)]
    assert counts == ["1", "2", "3", "4"]
    assert first.ask("/count", {})[1] == "1", "another visitor has another session"

    # A form of one worker is taken by the other.
    token = first.ask("/token", visitor)[1]
    assert second.ask("/change", visitor, "POST", X_CSRF_Token=token) == (200, "changed")
    assert second.ask("/change", {}, "POST", X_CSRF_Token=token)[0] == 403

    copy = dict(visitor)
    assert second.ask("/leave", visitor) == (200, "left")
    assert first.ask("/count", copy)[1] == "1", "an ended session is gone in every worker"

    # The cache.
    assert second.ask("/kept", {}) == (200, "None")
    first.ask("/keep/this", {})
    assert second.ask("/kept", {}) == (200, "this")
    assert len({worker.ask("/made", {})[1] for worker in workers}) == 1
    assert {worker.ask("/page", {})[1] for worker in workers} == {f"made by {first.process.pid}"}

    # The limits: four requests in all, whichever worker they meet.
    statuses = [worker.ask("/limited", {})[0] for worker in (first, second) * 3]
    assert statuses == [200, 200, 200, 200, 429, 429]
