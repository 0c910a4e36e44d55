"""A new database begins with the rows that apps and project give it: all of them, or none."""

from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, mapped_column

from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.database.seeds import choose, load_seeds, sow

Write = Callable[[str, str], None]


class Plant(Base):
    __tablename__ = "seeds_plants"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


PLANT = "from sqlalchemy import text\n"
SOW = "    db_session.execute(text(\"INSERT INTO seeds_plants (name) VALUES ('{}')\"))\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(module: str, source: str) -> None:
        path = tmp_path / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
        # The import system dates directories by ticks of a clock, files come faster here.
        invalidate_caches()

    return write


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[DatabaseManager]:
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'garden.sqlite3'}")
    manager.create_tables()
    yield manager
    manager.dispose()


def plants(garden: DatabaseManager) -> int:
    with garden.session() as session:
        return session.scalar(select(func.count()).select_from(Plant)) or 0


def test_the_seeds_of_apps_and_project_are_sown_in_order(
    write: Write, garden: DatabaseManager
) -> None:
    write("seeds_shop.__init__", "")
    write("seeds_shop.seeds", f"{PLANT}def seed(db_session):\n{SOW.format('rose')}")
    write("seeds_blog.__init__", "")
    write("seeds_tiny", "")
    write("seeds", f"{PLANT}def seed(db_session, color, note=''):\n{SOW.format('fern')}")
    seeds = load_seeds(["seeds_shop", "seeds_blog", "seeds_tiny"])
    assert [seed.name for seed in seeds] == ["seeds_shop", "project"]
    sow(seeds, garden, {"color": "red"})
    assert plants(garden) == 2
    sow(choose(seeds, ["seeds_shop"]), garden, {})
    assert plants(garden) == 3


def test_seeds_that_fail_leave_nothing(write: Write, garden: DatabaseManager) -> None:
    write("seeds", f"{PLANT}def seed(db_session):\n{SOW.format('rose')}    1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        sow(load_seeds([]), garden, {})
    assert plants(garden) == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "seeds: ZeroDivisionError: division by zero"),
        ("", r"seeds has no function seed; define seed\(db_session\)"),
        ("seed = 3", "seeds has no function seed"),
        ("def seed(db_sesion): ...", r"unknown parameter 'db_sesion'; did you mean db_session\?"),
        ("def seed(x): ...", "of project has an unknown parameter 'x'; db_session is"),
    ],
)
def test_seeds_that_cannot_work_are_named(
    write: Write, garden: DatabaseManager, source: str, message: str
) -> None:
    write("seeds", source)
    with pytest.raises(ConfigurationError, match=message):
        sow(load_seeds([]), garden, {})


def test_a_name_without_seeds_is_answered_with_one_that_has_some(write: Write) -> None:
    write("seeds", "def seed(): ...")
    with pytest.raises(ConfigurationError, match=r"seeds 'projekt'; did you mean project\?"):
        choose(load_seeds([]), ["projekt"])
    with pytest.raises(ConfigurationError, match="unknown seeds 'x'; known: none"):
        choose([], ["x"])
