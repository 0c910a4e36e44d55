"""A real PgBouncer in transaction mode between the application and PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from lback.database.migrations import Migrations
from lback.testing import Client
from tests.database.test_unavailable import JSON, build
from tests.faults.servers import PgBouncer


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """The URL of the database by way of PgBouncer."""
    url = make_url(postgresql_url)
    if PgBouncer.missing() or url.host not in ("localhost", "127.0.0.1") or url.password:
        pytest.skip("needs pgbouncer, and a PostgreSQL server on this machine without a password")
    bouncer = PgBouncer(url.port or 5432)
    try:
        bouncer.start()
        yield url.set(host="127.0.0.1", port=bouncer.port).render_as_string(hide_password=False)
    finally:
        bouncer.remove()


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
