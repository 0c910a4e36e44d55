"""Pools leave no connection open."""

import gc
import os
from pathlib import Path

import pytest
from sqlalchemy import text

from lback.database import DatabaseManager


def open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("needs /proc")
    return set(os.listdir(folder))  # noqa: PTH208  of this moment


def test_a_connection_that_is_in_use_when_all_are_closed_is_closed_when_it_is_returned(
    new_database_url: str,
) -> None:
    gc.collect()
    before = open_files()
    manager = DatabaseManager.from_url(new_database_url)
    for _ in range(2):
        with manager.connection() as connection, manager.connection() as other:
            assert connection.execute(text("SELECT 1")).scalar() == 1
            assert other.execute(text("SELECT 1")).scalar() == 1
            manager.dispose()
            assert connection.execute(text("SELECT 2")).scalar() == 2
        gc.collect()
        assert open_files() <= before
