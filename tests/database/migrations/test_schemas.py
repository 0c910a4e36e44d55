"""Tables in a schema of their own."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, String, Table

from lback.database.migrations import Answers, MigrationError, Migrations
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project


@pytest.fixture
def postgres(project: Project) -> Iterator[Project]:
    if project.kind != "postgresql":
        pytest.skip("a matter of PostgreSQL")
    yield project
    project.execute('DROP SCHEMA IF EXISTS "stock" CASCADE')


def models(project: Project, *columns: Any, name: str = "items") -> Migrations:
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    Table("shelves", metadata, Column("id", Integer, primary_key=True))
    Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("shelf_id", ForeignKey("shelves.id"), index=True),
        *[column._copy() for column in columns],
        CheckConstraint("id > 0", name="positive"),
        schema="stock",
    )
    Table(
        "sales",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("item_id", ForeignKey(f"stock.{name}.id")),
    )
    return Migrations(project.db_manager, project.root, metadata=metadata)


def become(migrations: Migrations, **answers: Any) -> str:
    path = migrations.make(answers=Answers(**answers))
    assert path is not None
    migrations.migrate()
    again = migrations.make()
    assert again is None, again.read_text()
    return path.read_text()


def test_a_schema_is_made_with_its_tables(postgres: Project) -> None:
    migrations = models(postgres, Column("name", String(20), index=True))
    become(migrations)
    postgres.execute("INSERT INTO stock.items (id, name) VALUES (1, 'nail')")
    postgres.execute("INSERT INTO sales (item_id) VALUES (1)")
    migrations.rollback()
    assert "sales" not in postgres.tables
    migrations.migrate()


def test_columns_and_tables_change_there_too(postgres: Project) -> None:
    become(models(postgres, Column("name", String(20))))
    postgres.execute("INSERT INTO stock.items (id, name) VALUES (1, '7')")
    count: Column[int] = Column("count", Integer, nullable=False, default=3)
    become(models(postgres, Column("name", Integer), count))
    assert postgres.execute("SELECT name, count FROM stock.items") == [(7, 3)]
    title: Any = Column("title", Integer)
    text = become(models(postgres, title, count), renames=["stock.items.name=title"])
    assert "server_default=None" in text
    become(models(postgres, title, count, name="goods"), renames=["stock.items=stock.goods"])
    assert postgres.execute("SELECT title, count FROM stock.goods") == [(7, 3)]
    with pytest.raises(MigrationError, match=r"--rename stock\.goods\.title=named"):
        models(postgres, Column("named", Integer), count, name="goods").make()


def test_tables_of_others_in_the_schema_are_left_alone(postgres: Project) -> None:
    postgres.execute("CREATE SCHEMA stock")
    postgres.execute("CREATE TABLE stock.sales (id INTEGER)")
    become(models(postgres))
    become(models(postgres, Column("name", String(20))))
    assert postgres.execute("SELECT count(*) FROM stock.sales") == [(0,)]


def test_a_schema_that_is_there_needs_no_right_to_create_one(postgres: Project) -> None:
    postgres.execute("CREATE SCHEMA stock")
    text = become(models(postgres))
    assert "to_regnamespace" in text


def test_sqlite_has_no_schemas(file_project: Project) -> None:
    with pytest.raises(MigrationError, match="'stock', and SQLite has no schemas; use PostgreSQL"):
        models(file_project).make()


def test_text_becomes_an_enumeration_of_the_database(project: Project) -> None:
    project.become(("t", Column("mood", String(20))))
    project.execute("INSERT INTO t (mood) VALUES ('good')")
    project.become(("t", Column("mood", sa.Enum("good", "bad", name="moods"))))
    assert project.execute("SELECT mood FROM t") == [("good",)]
    project.migrations().rollback()
    assert project.execute("SELECT mood FROM t") == [("good",)]
    project.migrations().migrate()
