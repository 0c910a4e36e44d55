"""`lback storage`: missing and damaged files, files without a row, and copies of storages."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

SETTINGS = """
INSTALLED_APPS = ["desk"]
STORAGES = {"default": {"path": "media"}, "archive": {"path": "archive"}}
"""
MODELS = """
from lback.database import Base
from lback.storage import StoredFile, mapped_file
from sqlalchemy.orm import Mapped, mapped_column


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    photo: Mapped[StoredFile | None] = mapped_file(folder="tickets")
"""
ADD = """
from lback.storage import new_file
from desk.models import Ticket
rows = [Ticket(photo=new_file(b"%d" % n * 1000, f"{n}.txt")) for n in range(3)]
with app.db_manager.session() as session: session.add_all(rows)

app.dependencies["storage"].save("own/report.txt", b"by the project")
"""


@pytest.fixture
def project(project: Path, lback: Run) -> Path:
    """A project with three rows, each with a file, and a file of its own."""
    with (project / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    (project / "desk").mkdir()
    (project / "desk" / "__init__.py").touch()
    (project / "desk" / "models.py").write_text(MODELS)
    for command in (("init_db",), ("shell", "-c", ADD)):
        done = lback(*command, cwd=project)
        assert done.returncode == 0, done.stderr
    return project


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def printed(lback: Run, project: Path, *arguments: str, code: int = 0) -> Any:
    done = lback("storage", *arguments, "--json", cwd=project)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_all_is_well(lback: Run, project: Path) -> None:
    found = printed(lback, project, "check", "--hashes")
    assert found == {"storages": ["default", "archive"], "files": 3, "problems": []}
    done = lback("storage", "check", cwd=project)
    assert done.stdout == "3 files of rows in 2 storages: 0 problems.\n"


def test_missing_and_damaged_files_are_found(lback: Run, project: Path) -> None:
    missing, shorter, other = files(project / "media" / "tickets")
    missing.unlink()
    shorter.write_bytes(b"x")
    other.write_bytes(b"x" * 1000)
    found = printed(lback, project, "check", code=1)
    assert {one["problem"] for one in found["problems"]} == {
        "is missing", "has 1 bytes instead of 1000",
    }  # fmt: skip
    assert {one["column"] for one in found["problems"]} == {"tickets.photo"}
    found = printed(lback, project, "check", "--hashes", code=1)
    assert "has other content" in {one["problem"] for one in found["problems"]}
    done = lback("storage", "check", cwd=project)
    assert done.returncode == 1
    assert "tickets.photo is missing" in done.stderr


def test_a_storage_is_copied_and_the_copy_resumed(lback: Run, project: Path) -> None:
    planned = printed(lback, project, "sync", "default", "archive", "--dry-run")
    assert (planned["same"], len(planned["missing"]), planned["copied"]) == (0, 4, 0)
    assert files(project / "archive") == []
    done = lback("storage", "sync", "default", "archive", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "Copied 4 files (3.0 KB); 0 were there already." in done.stdout

    (project / "archive" / planned["missing"][0]).unlink()
    (project / "archive" / planned["missing"][1]).write_bytes(b"half")
    again = printed(lback, project, "sync", "default", "archive")
    assert (again["same"], again["copied"]) == (2, 2)
    for file in files(project / "media"):
        assert (project / "archive" / file.relative_to(project / "media")).read_bytes() == (
            file.read_bytes()
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("default", "archiv"), "did you mean archive"),
        (("default", "default"), "are the same storage"),
    ],
)
def test_a_mistake_is_said(
    lback: Run, project: Path, arguments: tuple[str, str], message: str
) -> None:
    done = lback("storage", "sync", *arguments, cwd=project)
    assert done.returncode == 2
    assert message in done.stderr


def test_files_without_a_row_are_listed_and_deleted(lback: Run, project: Path) -> None:
    forget = (
        "from sqlalchemy import delete\nfrom desk.models import Ticket\n"
        "with app.db_manager.session() as s: s.execute(delete(Ticket).where(Ticket.id < 3))\n"
    )
    assert lback("shell", "-c", forget, cwd=project).returncode == 0
    partial = project / "media" / ".incoming" / "tmpabc"
    partial.write_bytes(b"half")
    assert printed(lback, project, "orphans")["orphans"] == []  # they are too young

    long_ago = time.time() - 90_000
    for path in files(project / "media"):
        os.utime(path, (long_ago, long_ago))
    found = printed(lback, project, "orphans")
    assert (len(found["orphans"]), found["deleted"]) == (2, False)
    assert found["interrupted"] == [{"storage": "default", "name": "tmpabc"}]
    assert len(files(project / "media")) == 5

    shown = lback("storage", "orphans", "--delete", "--dry-run", cwd=project)
    assert "Found 2 files without a row, 1 interrupted uploads." in shown.stdout
    assert len(files(project / "media")) == 5

    gone = lback("storage", "orphans", "--delete", cwd=project)
    assert "Deleted 2 files without a row, 1 interrupted uploads." in gone.stdout
    left = [path.relative_to(project / "media").as_posix() for path in files(project / "media")]
    assert len(left) == 2
    assert left[0] == "own/report.txt"
    assert printed(lback, project, "check")["problems"] == []
