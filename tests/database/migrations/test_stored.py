"""Defaults of new columns are what the columns store, whatever kind of value that is."""

import enum
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.types import TypeDecorator

from lback.database import UTCDateTime
from lback.database.migrations import MigrationError
from tests.database.migrations.conftest import Project


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "it's %s bad"


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Cents(TypeDecorator[Decimal]):
    """Keeps an amount as a whole number."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Decimal(value) / 100


def by_value(members: Any) -> list[str]:
    return [member.value for member in members]


VALUES: dict[str, tuple[Any, Any]] = {
    "enum_by_value": (
        sa.Enum(Mood, values_callable=by_value, native_enum=False, length=20),
        Mood.BAD,
    ),
    "enum_by_name": (sa.Enum(Mood, native_enum=False, length=20), Mood.GOOD),
    "enum_of_database": (sa.Enum(Mood, name="mood", values_callable=by_value), Mood.GOOD),
    "str_enum": (sa.String(20), Colour.RED),
    "str_enum_as_enum": (sa.Enum(Colour, native_enum=False, length=20), Colour.RED),
    "int_enum": (sa.Integer(), Level.HIGH),
    "span": (sa.Interval(), timedelta(days=1, seconds=5)),
    "no_span": (sa.Interval(), timedelta()),
    "amount": (sa.Numeric(8, 2), Decimal("1.50")),
    "uuid": (sa.Uuid(), uuid.UUID(int=7)),
    "json": (sa.JSON(), {"a": [1, None, "it's"]}),
    "json_list": (sa.JSON(), []),
    "bytes": (sa.LargeBinary(), b"\x00'\xff"),
    "custom": (Cents(), Decimal("1.50")),
    "moment": (UTCDateTime(), datetime(2026, 1, 2, 3, tzinfo=UTC)),
    "date": (sa.Date(), date(2026, 1, 2)),
    "time": (sa.Time(), time(1, 2)),
    "bool": (sa.Boolean(), True),
    "float": (sa.Double(), -1.5),
    "text": (sa.Text(), "it's 100 % \\ :fine\nä"),
    "empty_text": (sa.String(5), ""),
    "big": (sa.BigInteger(), -(2**60)),
}


def test_old_rows_hold_the_default_of_the_model(project: Project) -> None:
    project.become(("t",))
    project.execute("INSERT INTO t (id) VALUES (1)")
    columns = [
        Column(name, type_, nullable=False, default=value)
        for name, (type_, value) in VALUES.items()
    ]
    text = project.become(("t", *columns))
    assert "timedelta(days=1, seconds=5)" in text
    assert "from datetime import timedelta" in text
    # Code from before this migration, which knows none of the columns.
    project.execute("INSERT INTO t (id) VALUES (2)")
    table = Table("t", MetaData(), Column("id", sa.Integer), *[c._copy() for c in columns])
    with project.db_manager.engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by("id")).mappings().all()
    for name, (_, value) in VALUES.items():
        assert [row[name] for row in rows] == [value, value], name
    for column in project.inspector.get_columns("t")[1:]:
        assert not column["nullable"]
    project.migrations().rollback()
    assert project.columns("t") == {"id"}
    project.migrations().migrate()


def test_the_default_lasts_until_the_next_migration(project: Project) -> None:
    one: Column[int] = Column("one", sa.Integer, nullable=False, default=1)
    # What a person says fills the rows as well, and lasts as long.
    two: Column[str] = Column("two", sa.String(9), nullable=False)
    three: Column[str] = Column("three", sa.String(9))
    project.become(("t",))
    project.become(("t", one, two), values={"t.two": "x"})
    project.execute("INSERT INTO t (id) VALUES (1)")
    assert project.execute("SELECT one, two FROM t") == [(1, "x")]
    text = project.become(("t", one, two, three))
    assert text.count("server_default=None") == 2
    columns = project.inspector.get_columns("t")
    assert {c["name"]: c["default"] for c in columns if c["name"] in ("one", "two")} == {
        "one": None,
        "two": None,
    }
    assert [c["nullable"] for c in columns if c["name"] in ("one", "two")] == [False, False]
    project.become(("t", one, two))


@pytest.mark.parametrize("value", [b"", b"\\ %", b"a b"])
def test_bytes_keep_the_comment_of_their_column(project: Project, value: bytes) -> None:
    column: Column[bytes] = Column(
        "data", sa.LargeBinary, nullable=False, default=value, comment="it's: a %"
    )
    project.become(("t",))
    project.execute("INSERT INTO t (id) VALUES (1)")
    project.become(("t", column))  # which finds nothing left to do
    ((found,),) = project.execute("SELECT data FROM t")
    assert bytes(found) == value


def test_a_renamed_column_loses_its_temporary_default(project: Project) -> None:
    project.become(("t",))
    project.become(("t", Column("one", sa.Integer, nullable=False, default=1)))
    new: Column[int] = Column("uno", sa.Integer, nullable=False, default=1)
    text = project.become(("t", new), renames=["t.one=uno"])
    assert "server_default=None" in text


def test_a_member_is_named_by_a_person(project: Project) -> None:
    project.become(("t",))
    project.execute("INSERT INTO t (id) VALUES (1)")
    type_ = sa.Enum(Mood, values_callable=by_value, native_enum=False, length=20)
    columns: list[Column[Any]] = [Column(name, type_, nullable=False) for name in "abc"]
    columns[2] = Column("c", sa.Interval(), nullable=False)
    given = {"t.a": "GOOD", "t.b": "good", "t.c": "1 day 02:00:00"}
    project.become(("t", *columns), values=given)
    assert project.execute("SELECT a, b FROM t") == [("good", "good")]
    other: Any = ("t", *columns, Column("d", type_, nullable=False))
    with pytest.raises(MigrationError, match="'fine' is not one of GOOD, BAD"):
        project.become(other, values={"t.d": "fine"})


def test_a_default_without_a_plain_form_is_refused(file_project: Project) -> None:
    file_project.become(("t",))
    column: Column[Any] = Column("a", sa.PickleType(), nullable=False, default=object())
    with pytest.raises(MigrationError, match="cannot be written into a migration"):
        file_project.become(("t", column))


def test_a_dropped_span_comes_back_with_rows(project: Project) -> None:
    project.become(("t", Column("pause", sa.Interval(), nullable=False)))
    table = Table("t", MetaData(), Column("pause", sa.Interval()))
    with project.db_manager.engine.begin() as connection:
        connection.execute(table.insert().values(pause=timedelta(hours=1)))
    project.become(("t",))
    project.migrations().rollback()
    with project.db_manager.engine.connect() as connection:
        assert connection.scalar(sa.select(table.c.pause)) == timedelta()


@pytest.mark.parametrize(
    "value", [b"abc", b"it's", b"\xff\x00'", "ä".encode(), b"a\\", b"\\'x", b"", b'%s:x \n\t"']
)
@pytest.mark.parametrize("type_", [sa.LargeBinary(), sa.LargeBinary(20)], ids=["blob", "sized"])
def test_bytes_as_a_default_with_a_comment(project: Project, type_: Any, value: bytes) -> None:
    def column(comment: str, default: Any = None) -> Any:
        return Column("a", type_, nullable=False, default=default, comment=comment)

    project.become(("t",))
    project.execute("INSERT INTO t (id) VALUES (1)")
    project.become(("t", column("it's: a %\\", value)))
    with project.db_manager.engine.connect() as connection:
        assert (
            connection.scalar(sa.select(sa.column("a", type_)).select_from(sa.table("t"))) == value
        )
    text = project.become(("t", column("it's: a %\\", value), Column("b", sa.Integer)))
    assert "server_default=None" in text, "the temporary default is dropped"
    if project.kind != "sqlite":
        columns = {c["name"]: c for c in project.inspector.get_columns("t")}
        assert (columns["a"]["comment"], columns["a"]["default"]) == ("it's: a %\\", None)
