"""A project whose models change, on each kind of database."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Inspector, Integer, MetaData, Table, inspect, text

from lback.database import DatabaseManager
from lback.database.migrations import Answers, Migrations
from lback.database.models import CONSTRAINT_NAMES


class Project:
    """A directory with migrations, and a database."""

    def __init__(self, root: Path, db_manager: DatabaseManager) -> None:
        self.root = root
        self.db_manager = db_manager
        self.kind = db_manager.engine.dialect.name
        self.undoes_definitions = self.kind not in ("mysql", "mariadb")

    def migrations(self, *tables: Any) -> Migrations:
        """Return the migrations for models that are these tables: name and columns each."""
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        for name, *columns in tables:
            copies = [column._copy() for column in columns]  # a column is of one table only
            Table(name, metadata, Column("id", Integer, primary_key=True), *copies)
        return Migrations(self.db_manager, self.root, metadata=metadata)

    def become(self, *tables: Any, **answers: Any) -> str:
        """Change the models, migrate, and return the text of the migration."""
        migrations = self.migrations(*tables)
        path = migrations.make(answers=Answers(**answers))
        assert path is not None
        assert migrations.migrate() == [path.stem]
        assert migrations.make() is None, "the next one finds nothing left to do"
        return path.read_text()

    def write(self, name: str, after: str | None, upgrade: str, downgrade: str = "pass") -> Path:
        """Write a migration by hand."""
        self.migrations().create_layout()
        path = self.root / "migrations" / "versions" / f"{name}.py"
        path.write_text(
            f'"""{name[5:]}"""\n'
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision = {name!r}\ndown_revision = {after!r}\n"
            f"def upgrade():\n    {upgrade}\n\ndef downgrade():\n    {downgrade}\n"
        )
        return path

    def execute(self, statement: str, **values: Any) -> list[Any]:
        with self.db_manager.session() as session:
            result: Any = session.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    @property
    def inspector(self) -> Inspector:
        return inspect(self.db_manager.engine)

    @property
    def tables(self) -> set[str]:
        own = {"alembic_version", "lback_migrations", "lback_unfinished"}
        return set(self.inspector.get_table_names()) - own

    def columns(self, table: str) -> set[str]:
        return {column["name"] for column in self.inspector.get_columns(table)}


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Iterator[Project]:
    manager = DatabaseManager.from_url(database_url)
    empty(manager)
    yield Project(tmp_path, manager)
    empty(manager)
    manager.dispose()


@pytest.fixture
def file_project(tmp_path: Path) -> Iterator[Project]:
    """A project on SQLite, for what is the same on every database."""
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    yield Project(tmp_path, manager)
    manager.dispose()


def empty(manager: DatabaseManager) -> None:
    with manager.engine.connect() as connection:
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        found = MetaData()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an index over an expression
            found.reflect(connection)
        found.drop_all(connection)
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SET foreign_key_checks = 1")
        connection.commit()
