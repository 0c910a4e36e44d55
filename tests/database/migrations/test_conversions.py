"""A column gets another type: its values are the same afterwards, or nothing is touched."""

import enum
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, MetaData, Table

from lback.database import UTCDateTime
from lback.database.migrations import Answers, MigrationError
from tests.database.migrations.conftest import Project


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


MOOD = sa.Enum(Mood, native_enum=False, length=8, values_callable=lambda e: [m.value for m in e])
KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime.fromisoformat("2024-05-06T12:30:01.250")
DAY = date(2024, 5, 6)
# MySQL and MariaDB keep whole seconds unless they are asked.
MOMENT: Any = sa.DateTime().with_variant(sa.dialects.mysql.DATETIME(fsp=6), "mysql", "mariadb")
MIDNIGHT = datetime.fromisoformat("2024-05-06")
AWARE = MIDNIGHT.replace(tzinfo=UTC)


def table(**types: Any) -> Table:
    columns = [Column(name, type_) for name, type_ in types.items()]
    return Table("t", MetaData(), Column("id", sa.Integer), *columns)


def fill(project: Project, type_: Any, *values: Any, name: str = "c") -> None:
    t = table(**{name: type_})
    with project.db_manager.engine.begin() as connection:
        for number, value in enumerate((*values, None), 1):
            row = connection.execute(t.update().where(t.c.id == number).values({name: value}))
            if not row.rowcount:
                connection.execute(t.insert().values({"id": number, name: value}))


def read(project: Project, type_: Any, name: str = "c", rows: int = 99) -> list[Any]:
    with project.db_manager.engine.connect() as connection:
        t = table(**{name: type_})
        return list(connection.scalars(sa.select(t.c[name]).order_by(t.c.id).limit(rows)))


def change(project: Project, old: Any, new: Any, *values: Any) -> None:
    project.become(("t", Column("c", old)))
    fill(project, old, *values)
    migrations = project.migrations(("t", Column("c", new)))
    assert migrations.make(answers=Answers()) is not None
    migrations.migrate()


KEPT: dict[str, tuple[Any, Any, list[Any], list[Any]]] = {
    "int to text": (sa.Integer(), sa.String(20), [7, -1], ["7", "-1"]),
    "text to int": (sa.String(20), sa.Integer(), ["7", "007", "-12"], [7, 7, -12]),
    "int to bigint": (sa.Integer(), sa.BigInteger(), [7], [7]),
    "int to smallint": (sa.Integer(), sa.SmallInteger(), [32767], [32767]),
    "int to decimal": (sa.Integer(), sa.Numeric(8, 2), [7], [Decimal("7.00")]),
    "decimal to int": (sa.Numeric(8, 2), sa.Integer(), [Decimal("7.00")], [7]),
    "decimal to text": (sa.Numeric(8, 2), sa.String(20), [Decimal("7.50")], ["7.50"]),
    "text to decimal": (sa.String(20), sa.Numeric(8, 2), ["12.5"], [Decimal("12.50")]),
    "double to int": (sa.Double(), sa.Integer(), [12.0], [12]),
    "double to decimal": (sa.Double(), sa.Numeric(8, 2), [0.1], [Decimal("0.10")]),
    "shorter text": (sa.String(20), sa.String(5), ["abcde"], ["abcde"]),
    "longer text": (sa.String(5), sa.Text(), ["007 "], ["007 "]),
    "date to datetime": (sa.Date(), sa.DateTime(), [DAY], [MIDNIGHT]),
    "date to moment": (sa.Date(), UTCDateTime(), [DAY], [AWARE]),
    "datetime to date": (sa.DateTime(), sa.Date(), [MIDNIGHT], [DAY]),
    "moment to date": (UTCDateTime(), sa.Date(), [AWARE], [DAY]),
    "text to date": (sa.String(20), sa.Date(), ["2024-05-06"], [DAY]),
    "date to text": (sa.Date(), sa.String(20), [DAY], ["2024-05-06"]),
    "text to datetime": (sa.String(40), MOMENT, ["2024-05-06 12:30:01.250"], [NOON]),
    "text to time": (sa.String(20), sa.Time(), ["12:30"], [time(12, 30)]),
    "time to text": (sa.Time(), sa.String(20), [time(12, 30)], ["12:30:00"]),
    "json to text": (sa.JSON(none_as_null=True), sa.Text(), [[1]], ["[1]"]),
    "text to json": (sa.Text(), sa.JSON(none_as_null=True), ['{"a": [1]}'], [{"a": [1]}]),
    "enum to text": (MOOD, sa.String(20), [Mood.GOOD], ["good"]),
    "text to enum": (sa.String(20), MOOD, ["good", "bad"], [Mood.GOOD, Mood.BAD]),
    "text to uuid": (sa.String(40), sa.Uuid(), [str(KEY)], [KEY]),
    "bytes to text": (sa.LargeBinary(), sa.Text(), ["ä".encode()], ["ä"]),
    "text to bytes": (sa.Text(), sa.LargeBinary(), ["ä\\x41"], ["ä\\x41".encode()]),
    "bool to int": (sa.Boolean(), sa.BigInteger(), [True, False], [1, 0]),
    "int to bool": (sa.BigInteger(), sa.Boolean(), [1, 0], [True, False]),
}

REFUSED: dict[str, tuple[Any, Any, list[Any], str]] = {
    "words to int": (sa.String(20), sa.Integer(), ["12", "abc", ""], "2 rows:\n- id = 2: 'abc' is"),
    "a fraction to int": (sa.Double(), sa.Integer(), [12.5], "12.5 is not a whole number"),
    "decimal to int": (sa.Numeric(8, 2), sa.Integer(), [Decimal("12.50")], "not a whole number"),
    "a comma to decimal": (sa.String(20), sa.Numeric(8, 2), ["12,50"], "'12,50' is not a number"),
    "too many places": (sa.Numeric(8, 3), sa.Numeric(8, 2), [Decimal("1.125")], "more than 2"),
    "places in text": (sa.String(20), sa.Numeric(8, 2), ["1.125"], "more than 2 digits after"),
    "too many digits": (sa.Numeric(8, 2), sa.Numeric(4, 2), [Decimal("123.4")], "out of range"),
    "too great": (sa.Integer(), sa.SmallInteger(), [32768], "32768 is out of range"),
    "bigint to int": (sa.BigInteger(), sa.Integer(), [2**31], "is out of range"),
    "bigint to double": (sa.BigInteger(), sa.Double(), [2**53 + 1], "more digits than a float"),
    "too long": (sa.String(20), sa.String(5), ["abcdef"], "has more than 5 characters"),
    "spaces too many": (sa.String(20), sa.String(5), ["abc   "], "has more than 5 characters"),
    "number too long": (sa.Integer(), sa.String(2), [123], "has more than 2 characters"),
    "a time of the day": (MOMENT, sa.Date(), [NOON], "has a time of day"),
    "no date": (sa.String(20), sa.Date(), ["6.5.2024"], "is not a date such as"),
    "no such day": (sa.String(20), sa.Date(), ["2024-02-30"], "is not a date such as"),
    "datetime to time": (MOMENT, sa.Time(), [NOON], "cannot be converted from datetime to time"),
    "int to date": (sa.Integer(), sa.Date(), [2024], "cannot be converted from int to date"),
    "maybe": (sa.String(20), sa.Boolean(), ["maybe"], "'maybe' is not true or false"),
    "two": (sa.BigInteger(), sa.Boolean(), [2], "2 is not 0 or 1"),
    "no member": (sa.String(20), MOOD, ["GOOD"], "'GOOD' is not one of good, bad"),
    "no JSON": (sa.Text(), sa.JSON(), ["{'a': 1}", "NaN"], "2 rows"),
    "no UUID": (sa.String(40), sa.Uuid(), ["abc"], "'abc' is not a UUID"),
    "no text": (sa.LargeBinary(), sa.Text(), [b"\xff"], "is not text"),
}


def named(cases: dict[str, Any]) -> dict[str, Any]:
    return {case.replace(" ", "_"): values for case, values in cases.items()}


def test_a_value_is_the_same_in_the_new_type(project: Project) -> None:
    cases = named(KEPT)
    if project.kind == "mysql" and not project.db_manager.engine.dialect.supports_native_uuid:
        del cases["text_to_uuid"]  # 36 characters become 32, which MySQL refuses
    project.become(("t", *[Column(name, case[0]) for name, case in cases.items()]))
    for name, (old, _, values, _) in cases.items():
        fill(project, old, *values, name=name)
    project.become(("t", *[Column(name, case[1]) for name, case in cases.items()]))
    for name, (_, new, _, expected) in cases.items():
        assert read(project, new, name, len(expected) + 1) == [*expected, None], name
    project.migrations().rollback()
    for name, (old, _, values, _) in cases.items():
        if name != "text_to_int":  # 007 became 7, as it was asked to
            back = [str(v) for v in read(project, old, name, len(values))]
            assert len(back) == len(values), name


def test_a_value_that_would_change_stops_the_migration(project: Project) -> None:
    cases = named(REFUSED)
    project.become(("t", *[Column(name, case[0]) for name, case in cases.items()]))
    for name, (old, new, values, words) in cases.items():
        fill(project, old, *values, name=name)
        path = project.write("0002_change", "0001_initial", "")
        path.write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            "from tests.database.migrations.test_conversions import REFUSED, named\n"
            "revision, down_revision = '0002_change', '0001_initial'\n"
            "def upgrade():\n"
            "    with op.batch_alter_table('t') as batch:\n"
            f"        old, new = named(REFUSED)[{name!r}][:2]\n"
            f"        batch.alter_column({name!r}, existing_type=old, type_=new)\n"
        )
        with pytest.raises(MigrationError) as refused:
            project.migrations().migrate()
        message = str(refused.value)
        assert f"t.{name} cannot become" in message
        assert words in message
        assert read(project, old, name, len(values)) == values, new
    assert project.migrations().current() == ["0001_initial"]


def test_an_empty_column_must_not_be_closed(project: Project) -> None:
    project.become(("t", Column("c", sa.Integer)))
    fill(project, sa.Integer(), 1, None)
    migrations = project.migrations(("t", Column("c", sa.Integer, nullable=False)))
    migrations.make()
    with pytest.raises(MigrationError, match="because of 2 rows:\n- id = 2: is NULL, which"):
        migrations.migrate()
    assert read(project, sa.Integer()) == [1, None, None]


def test_a_default_of_the_database_goes_with_its_column(project: Project) -> None:
    def column(type_: Any) -> Any:
        return ("t", Column("c", type_, server_default="5", nullable=False))

    project.become(column(sa.String(9)))
    project.become(column(sa.Integer()))
    project.execute("INSERT INTO t (id) VALUES (1)")
    assert read(project, sa.Integer()) == [5]


def test_a_default_with_the_signs_of_a_cast_is_kept(project: Project) -> None:
    kinds: list[Any] = [sa.Enum("a::b", "it's:c", name="marks"), sa.String(20)]
    for type_ in kinds:
        project.become(("t", Column("c", type_, server_default="a::b")))
    project.execute("INSERT INTO t (id) VALUES (1)")
    assert read(project, sa.String(20)) == ["a::b"]


def test_a_person_may_say_how_postgresql_converts(project: Project) -> None:
    if project.kind != "postgresql":
        pytest.skip("a matter of PostgreSQL")
    project.become(("t", Column("c", sa.Double())))
    fill(project, sa.Double(), 12.5)
    project.write(
        "0002_b",
        "0001_initial",
        "op.alter_column('t', 'c', type_=sa.Integer(), postgresql_using='floor(c)')",
    )
    project.migrations().migrate()
    assert read(project, sa.Integer()) == [12, None]


def test_the_time_zone_of_a_session_does_not_matter(project: Project) -> None:
    if project.kind != "postgresql":
        pytest.skip("a matter of PostgreSQL")
    [[name]] = project.execute("SELECT current_database()")
    project.execute(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'")
    project.db_manager.dispose()
    try:
        change(project, sa.DateTime(), UTCDateTime(), MIDNIGHT)
        assert read(project, UTCDateTime()) == [AWARE, None]
    finally:
        project.execute(f'ALTER DATABASE "{name}" RESET timezone')
        project.db_manager.dispose()


def test_what_is_not_strict_is_made_strict(project: Project) -> None:
    if project.kind != "mysql":
        pytest.skip("a matter of MariaDB")
    project.become(("t", Column("c", sa.String(20))))
    fill(project, sa.String(20), "abcdef")
    # By hand, so that no check of ours sees it.
    project.write("0002_b", "0001_initial", "op.execute('ALTER TABLE t MODIFY c VARCHAR(5)')")
    [[mode]] = project.execute("SELECT @@GLOBAL.sql_mode")
    project.execute("SET SESSION sql_mode = ''")
    with pytest.raises(MigrationError, match=r"Data (too long|truncated)"):
        project.migrations().migrate()
    assert read(project, sa.String(20)) == ["abcdef", None]
    assert mode
