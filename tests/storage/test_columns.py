"""Files of rows: stored with the transaction, deleted after the commit, never left behind."""

import io
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, ConfigurationError
from lback.core.http.uploaded_file import UploadedFile
from lback.database import Base, DatabaseManager
from lback.storage import MissingFile, Storage, StoredFile, mapped_file, new_file


class Ticket(Base):
    __tablename__ = "test_storage_tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(default="")
    photo: Mapped[StoredFile | None] = mapped_file(folder="tickets")


@pytest.fixture
def app(database_url: str) -> Iterator[Application]:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=database_url,
        STORAGES={"default": {"backend": "memory"}},
    )
    app.db_manager.create_tables()
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Ticket))
    app.db_manager.dispose()


def names(app: Application) -> list[str]:
    return [file.name for file in app.dependencies["storage"].list()]


def contents(app: Application) -> list[bytes]:
    storage: Storage = app.dependencies["storage"]
    return sorted(storage.open(name).read() for name in names(app))


def upload(content: bytes, filename: str = "cat.png") -> Any:
    return UploadedFile(filename, "text/html", io.BytesIO(content), "photo", len(content))


def test_a_file_is_stored_with_its_row(app: Application) -> None:
    with app.db_manager.session() as session:
        session.add(Ticket(id=1, photo=upload(b"meow", "My cat.png")))
    with app.db_manager.session() as session:
        photo = session.get_one(Ticket, 1).photo
        assert photo is not None
        assert (photo.storage, photo.filename, photo.size) == ("default", "My cat.png", 4)
        assert photo.content_type == "image/png"
        assert len(photo.sha256) == 64
        assert photo.name.startswith("tickets/")
        assert photo.is_image
        assert photo.open().read() == b"meow"
        assert photo.response().content_type == "image/png"
        assert names(app) == [photo.name]


def test_bytes_and_none(app: Application) -> None:
    with app.db_manager.session() as session:
        session.add_all([Ticket(id=1, photo=new_file(b"a,b", "report.csv")), Ticket(id=2)])
    with app.db_manager.session() as session:
        assert str(session.get_one(Ticket, 1).photo) == "report.csv"
        assert session.get_one(Ticket, 2).photo is None
        assert session.scalars(select(Ticket.id).where(Ticket.photo.is_(None))).all() == [2]


def test_a_rollback_leaves_no_file(app: Application) -> None:
    with pytest.raises(RuntimeError), app.db_manager.session() as session:
        session.add(Ticket(id=1, photo=upload(b"meow")))
        session.flush()
        assert len(names(app)) == 1
        raise RuntimeError
    assert names(app) == []


def test_a_row_that_the_database_refuses_leaves_no_file(app: Application) -> None:
    with app.db_manager.session() as session:
        session.add(Ticket(id=1))
    with (
        pytest.raises(Exception, match=r"(?i)unique|duplicate"),
        app.db_manager.session() as session,
    ):
        session.add(Ticket(id=1, photo=upload(b"meow")))
    assert names(app) == []


def test_a_session_that_is_closed_leaves_no_file(app: Application) -> None:
    session = app.db_manager.create_session()
    session.add(Ticket(id=1, photo=upload(b"meow")))
    session.flush()
    session.close()
    assert names(app) == []


def test_a_savepoint_that_is_rolled_back_leaves_no_file(app: Application) -> None:
    with app.db_manager.session() as session:
        session.add(Ticket(id=1, photo=upload(b"kept")))
        session.flush()
        with session.begin_nested():
            session.add(Ticket(id=2, photo=upload(b"kept as well")))
        with pytest.raises(RuntimeError), session.begin_nested():
            session.add(Ticket(id=3, photo=upload(b"dropped")))
            session.flush()
            raise RuntimeError
        assert contents(app) == [b"kept", b"kept as well"]
    assert contents(app) == [b"kept", b"kept as well"]


def test_a_savepoint_within_a_rollback_leaves_no_file(app: Application) -> None:
    with pytest.raises(RuntimeError), app.db_manager.session() as session:
        with session.begin_nested():
            session.add(Ticket(id=1, photo=upload(b"meow")))
        raise RuntimeError
    assert names(app) == []


def add(app: Application) -> None:
    with app.db_manager.session() as session:
        session.add(Ticket(id=1, photo=upload(b"old")))


def test_a_replaced_file_is_deleted_after_the_commit(app: Application) -> None:
    add(app)
    with app.db_manager.session() as session:
        session.get_one(Ticket, 1).photo = upload(b"new")
        session.flush()
        assert contents(app) == [b"new", b"old"]
    assert contents(app) == [b"new"]


def test_a_replacement_that_is_rolled_back_keeps_the_old_file(app: Application) -> None:
    add(app)
    with pytest.raises(RuntimeError), app.db_manager.session() as session:
        session.get_one(Ticket, 1).photo = upload(b"new")
        session.flush()
        raise RuntimeError
    assert contents(app) == [b"old"]
    with app.db_manager.session() as session:
        photo = session.get_one(Ticket, 1).photo
        assert photo is not None
        assert photo.open().read() == b"old"


def test_a_file_that_is_replaced_twice(app: Application) -> None:
    add(app)
    with app.db_manager.session() as session:
        ticket = session.get_one(Ticket, 1)
        for content in (b"1", b"2", b"3"):
            ticket.photo = upload(content)
            session.flush()
    assert contents(app) == [b"3"]


def test_a_file_that_is_cleared(app: Application) -> None:
    add(app)
    with app.db_manager.session() as session:
        session.get_one(Ticket, 1).photo = None
    assert names(app) == []


def test_a_row_that_is_deleted(app: Application) -> None:
    add(app)
    with app.db_manager.session() as session:
        session.delete(session.get_one(Ticket, 1))
        session.flush()
        assert contents(app) == [b"old"]
    assert names(app) == []


def test_a_deletion_that_is_rolled_back(app: Application) -> None:
    add(app)
    with app.db_manager.session() as session:
        session.delete(session.get_one(Ticket, 1))
        session.flush()
        session.rollback()
    assert contents(app) == [b"old"]


def test_other_changes_leave_the_file(app: Application) -> None:
    add(app)
    before = names(app)
    with app.db_manager.session() as session:
        ticket = session.get_one(Ticket, 1)
        ticket.title = "x"
        ticket.photo = ticket.photo
    assert names(app) == before


def test_a_file_that_is_gone_can_still_be_replaced(app: Application) -> None:
    add(app)
    storage: Storage = app.dependencies["storage"]
    storage.delete(names(app)[0])
    with app.db_manager.session() as session:
        ticket = session.get_one(Ticket, 1)
        assert ticket.photo is not None
        with pytest.raises(MissingFile):
            ticket.photo.open()
        ticket.photo = upload(b"new")
    assert contents(app) == [b"new"]


def test_a_request_that_fails_leaves_no_file(app: Application) -> None:
    from lback import Request, Response
    from lback.testing import Client

    @app.route("/{status:int}", requires_auth=False)
    def create(request: Request, status: int, db_session: Session) -> Response:
        db_session.add(Ticket(photo=upload(b"meow")))
        db_session.flush()
        return Response("", status)

    client = Client(app)
    assert client.get("/422").status_code == 422
    assert names(app) == []
    assert client.get("/201").status_code == 201
    assert contents(app) == [b"meow"]


def test_what_is_not_a_file_is_refused(app: Application) -> None:
    with pytest.raises(TypeError, match=r"Ticket\.photo is a file and not a str"):
        Ticket(photo="cat.png")
    with pytest.raises(ConfigurationError, match="is stored when its row is flushed"):
        new_file(b"x", "a.txt").open()
    with app.db_manager.session() as session, pytest.raises(Exception, match="not a stored file"):
        session.execute(insert(Ticket).values(id=9, photo=new_file(b"x", "a.txt")))


def test_a_session_of_sqlalchemy_itself_is_refused(app: Application) -> None:
    with Session(app.db_manager.engine) as session:
        session.add(Ticket(id=1, photo=upload(b"meow")))
        with pytest.raises(ConfigurationError, match="add it to a session of lback"):
            session.flush()
    assert names(app) == []


@pytest.mark.parametrize("filename", ["../../etc/passwd", "..", "a\0b", "x" * 400, "", "CON"])
def test_hostile_filenames(app: Application, filename: str) -> None:
    with app.db_manager.session() as session:
        session.add(Ticket(id=1, photo=upload(b"x", filename)))
    with app.db_manager.session() as session:
        photo = session.get_one(Ticket, 1).photo
        assert photo is not None
        assert "/" not in photo.filename
        assert ".." not in photo.name.split("/")
        assert photo.open().read() == b"x"


KILLED = """
import sys
from sqlalchemy.orm import Mapped, mapped_column
from lback import Application
from lback.database import Base
from lback.storage import StoredFile, mapped_file, new_file


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    photo: Mapped[StoredFile | None] = mapped_file()


app = Application(DEBUG=True, DATABASE_URL="sqlite:///test.sqlite3")
app.db_manager.create_tables()
with app.db_manager.session() as session:
    session.add(Ticket(photo=new_file(b"meow", "cat.png")))
    session.flush()
    print("flushed", flush=True)
    sys.stdin.read()
"""


def test_a_kill_before_the_commit_leaves_at_most_an_orphan(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"flushed\n"
        process.send_signal(signal.SIGKILL)
    assert len([path for path in (tmp_path / "media").rglob("*") if path.is_file()]) == 1
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    with manager.session() as session:
        assert session.connection().exec_driver_sql("SELECT id FROM tickets").all() == []
    manager.dispose()
