"""A table that is created on first use, alone, on each database."""

import pytest
from sqlalchemy import Column, Integer, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.database.own_table import OwnTable


class Base(DeclarativeBase):
    metadata = MetaData()


class Counter(Base):
    __tablename__ = "own_table_counters"

    id = Column(Integer, primary_key=True)


class Other(Base):
    __tablename__ = "own_table_others"

    id = Column(Integer, primary_key=True)


def own(manager: DatabaseManager, *, create: bool) -> OwnTable:
    return OwnTable(manager, Counter, create=create, missing="run: lback migrate")


def count(manager: DatabaseManager, table: str = "own_table_counters") -> int:
    with manager.session() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_missing_table_is_created_alone(new_database_url: str) -> None:
    manager = DatabaseManager.from_url(new_database_url)
    assert own(manager, create=True).run(lambda: count(manager)) == 0
    assert inspect(manager.engine).get_table_names() == ["own_table_counters"]
    manager.dispose()


def test_a_missing_table_that_may_not_be_created_says_what_to_run(new_database_url: str) -> None:
    manager = DatabaseManager.from_url(new_database_url)
    with pytest.raises(ConfigurationError, match="run: lback migrate"):
        own(manager, create=False).run(lambda: count(manager))
    assert inspect(manager.engine).get_table_names() == []
    manager.dispose()


def test_other_failures_are_raised_unchanged(new_database_url: str) -> None:
    manager = DatabaseManager.from_url(new_database_url)
    table = own(manager, create=True)
    table.run(lambda: count(manager))
    with pytest.raises(DBAPIError):
        table.run(lambda: count(manager, "own_table_others"))
    assert inspect(manager.engine).get_table_names() == ["own_table_counters"]
    manager.dispose()
