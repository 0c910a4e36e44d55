"""A real PgBouncer in transaction mode between the application and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from lback.cli.problems import run_checks
from lback.cli.start_checks import START_CHECKS
from lback.database import changes
from lback.database.migrations import Migrations
from lback.testing import Client
from tests.database.test_unavailable import JSON, build


def test_requests_share_connections_of_a_pooler(pooled_url: str, postgresql_url: str) -> None:
    app = build(pooled_url, DATABASE_DIRECT_URL=postgresql_url)
    client = Client(app, headers=JSON)
    client.get("/")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.get, "/") for _ in range(200)]
        assert {answer.result().status_code for answer in answers} == {200}
    app.db_manager.dispose()


def test_migrations_take_their_lock_beside_the_pooler(
    pooled_url: str, postgresql_url: str, tmp_path: Path
) -> None:
    app = build(pooled_url, DATABASE_DIRECT_URL=postgresql_url)
    migrations = Migrations(app.db_manager, tmp_path)
    migrations.create_layout()
    migrations.migrate()
    with app.db_manager.direct.session() as session:
        port = session.scalar(text("SELECT inet_server_port()"))
    assert app.db_manager.direct.url.port in (port, None)
    assert app.db_manager.url.port not in (port, None)
    app.db_manager.dispose()


def test_a_pooler_without_a_direct_address_is_reported(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PROBE_SECONDS", 0.3)
    app = build(pooled_url)
    problems = [p for p in run_checks(START_CHECKS, app) if p.check == "database.notifications"]
    assert [problem.why for problem in problems] == [
        "PgBouncer before 1.21 breaks prepared statements"
    ]
    app.db_manager.dispose()
