"""Connections of psycopg that their server has ended."""

import gc

import psycopg
import pytest
from sqlalchemy import text

from lback.database import DatabaseManager
from lback.database.changes import own_connection
from tests.database.test_pool import open_files

pytestmark = pytest.mark.postgresql


def test_a_connection_that_was_ended_and_is_dropped_leaves_nothing_open(
    postgresql_url: str,
) -> None:
    manager = DatabaseManager.from_url(postgresql_url)
    with manager.session() as session:
        session.execute(text("SELECT 1"))
        gc.collect()
        before = open_files()
        connection = own_connection(manager)
        pid = connection.info.backend_pid
        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connection.closed
    del connection
    gc.collect()
    assert open_files() <= before
    manager.dispose()
