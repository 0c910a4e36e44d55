"""A real PgBouncer in transaction mode between the application and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import text

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
