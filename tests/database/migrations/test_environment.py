"""Plain `alembic` works in the directory of a project, with its settings and models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lback.database import DatabaseManager
from lback.database.migrations import Migrations

FILES = {
    "settings.py": 'DEBUG = True\nINSTALLED_APPS = ["shop"]\nDB_NAME = "shop.sqlite3"\n',
    "shop/__init__.py": "",
    "shop/models.py": """
import enum
from sqlalchemy import String, TypeDecorator
from sqlalchemy.orm import Mapped, mapped_column
from lback.database import Base

class Isbn(TypeDecorator):
    impl = String(13)
    cache_ok = True

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    isbn: Mapped[str] = mapped_column(Isbn)
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    Migrations(manager(tmp_path), tmp_path).create_layout()
    return tmp_path


def manager(root: Path) -> DatabaseManager:
    return DatabaseManager.from_url(f"sqlite:///{root / 'shop.sqlite3'}")


def alembic(root: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-m", "alembic", *arguments],
        cwd=root,
        env={**environment, "SECRET_KEY": "for these tests only"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def current(root: Path) -> list[str]:
    database = manager(root)
    try:
        return Migrations(database, root).current()
    finally:
        database.dispose()


def test_plain_alembic_makes_and_runs_migrations(root: Path) -> None:
    alembic(root, "revision", "--autogenerate", "-m", "Begin")
    [path] = (root / "migrations" / "versions").glob("*.py")
    assert path.name == "0001_begin.py"
    text = path.read_text()
    assert "op.create_table('books'" in text
    assert "from shop.models import Isbn" in text
    assert "op.create_table('lback_users'" in text
    assert "CREATE TABLE books" in alembic(root, "upgrade", "head", "--sql")
    assert current(root) == []
    alembic(root, "upgrade", "head")
    assert current(root) == ["0001_begin"]
