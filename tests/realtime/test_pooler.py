"""Messages by LISTEN beside PgBouncer in transaction mode, which passes no notifications on."""

import asyncio

import pytest
from sqlalchemy import make_url

from lback import Application
from lback.cli.problems import run_checks
from lback.cli.start_checks import START_CHECKS
from lback.database import changes
from lback.realtime import Hub, Message, publish
from lback.realtime.tables import COUNTERS
from tests.realtime.conftest import KEY

pytestmark = pytest.mark.postgresql


def build(url: str, direct: str) -> Application:
    app = Application(
        DATABASE_URL=url, DATABASE_DIRECT_URL=direct, REALTIME="database", SECRET_KEY=KEY
    )
    app.db_manager.create_tables(COUNTERS.metadata)
    return app


def published(app: Application, number: int) -> None:
    with app.db_manager.session():
        publish("news", number)


def test_messages_arrive_beside_a_pooler(
    pooled_url: str, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(pooled_url, postgresql_url)

    async def test() -> None:
        # The looks at all rooms are not what delivers them.
        async with Hub(app.dependencies["realtime"], check_seconds=1000) as hub:
            received: asyncio.Queue[Message] = asyncio.Queue()
            await hub.subscribe("news", received.put_nowait)
            for number in range(20):
                await asyncio.to_thread(published, app, number)
                assert (await asyncio.wait_for(received.get(), 20)).data == number

    asyncio.run(test())
    assert "DATABASE_DIRECT_URL" not in caplog.text
    assert [p for p in run_checks(START_CHECKS, app) if p.check == "database.notifications"] == []
    app.db_manager.dispose()


def test_a_pooler_without_a_direct_address_is_reported(
    pooled_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PROBE_SECONDS", 0.3)
    app = build(pooled_url, "")
    (problem,) = [p for p in run_checks(START_CHECKS, app) if p.check == "database.notifications"]
    assert f":{make_url(pooled_url).port}/" in problem.what
    assert "DATABASE_DIRECT_URL" in problem.fix
    assert not problem.is_error

    async def test() -> None:
        async with Hub(app.dependencies["realtime"], check_seconds=0.2) as hub:
            received: asyncio.Queue[Message] = asyncio.Queue()
            await hub.subscribe("news", received.put_nowait)
            async with asyncio.timeout(20):
                while "set DATABASE_DIRECT_URL" not in caplog.text:
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(published, app, 1)  # it arrives all the same, later
            assert (await asyncio.wait_for(received.get(), 20)).data == 1

    asyncio.run(test())
    app.db_manager.dispose()
