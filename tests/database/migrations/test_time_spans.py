"""Time spans, which SQLite and MariaDB store as datetimes, are converted exactly or not at all."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, TypeDecorator
from sqlalchemy.dialects import mysql

from lback.database.migrations import Answers, MigrationError
from tests.database.migrations.conftest import Project

SPAN = timedelta(days=1, hours=2)
NOON = datetime.fromisoformat("2024-05-06T12:00:00")


class Minutes(TypeDecorator[timedelta]):
    """A type of a project."""

    impl = sa.Interval
    cache_ok = True


def models(project: Project, type_: Any, name: str = "c", table: str = "t") -> Any:
    return project.migrations((table, Column(name, type_)))


def insert(project: Project, type_: Any, value: Any) -> None:
    with project.db_manager.engine.begin() as connection:
        connection.execute(sa.table("t", sa.column("c", type_)).insert().values(c=value))


def read(project: Project, type_: Any, name: str = "c", table: str = "t") -> Any:
    with project.db_manager.engine.connect() as connection:
        return connection.scalar(sa.select(sa.column(name, type_)).select_from(sa.table(table)))


REFUSED: list[Any] = [
    sa.DateTime(), sa.Date(), sa.Time(), sa.Integer(), sa.BigInteger(), sa.Double(), sa.Boolean(),
    sa.Numeric(8, 2), sa.LargeBinary(), sa.JSON(), sa.Uuid(),
]  # fmt: skip


@pytest.mark.parametrize("type_", REFUSED, ids=lambda type_: type(type_).__name__)
def test_a_time_span_becomes_no_other_kind_of_value(project: Project, type_: Any) -> None:
    project.become(("t", Column("c", sa.Interval())))
    insert(project, sa.Interval(), SPAN)
    migrations = models(project, type_)
    assert migrations.make() is not None, "the change is seen"
    with pytest.raises(MigrationError, match=r"t\.c cannot become .* (1 row|a value)"):
        migrations.migrate()
    assert read(project, sa.Interval()) == SPAN
    project.execute("DELETE FROM t")
    if project.kind == "mysql" and isinstance(type_, sa.Uuid):
        return  # MariaDB has no such change, not even of an empty table
    migrations.migrate()
    assert migrations.make() is None
    migrations.rollback()


@pytest.mark.parametrize(
    ("type_", "value"), [(sa.DateTime(), NOON), (sa.Integer(), 7), (sa.Date(), NOON.date())]
)
def test_no_other_kind_of_value_becomes_a_time_span(
    project: Project, type_: Any, value: Any
) -> None:
    project.become(("t", Column("c", type_)))
    insert(project, type_, value)
    migrations = models(project, sa.Interval())
    assert migrations.make() is not None, "the change is seen"
    with pytest.raises(MigrationError, match=r"t\.c cannot become .* (1 row|a value)"):
        migrations.migrate()
    assert read(project, type_) == value


@pytest.mark.parametrize("type_", [sa.Interval(), Minutes()], ids=["Interval", "Minutes"])
def test_a_time_span_and_its_text(project: Project, type_: Any) -> None:
    project.become(("t", Column("c", type_)))
    insert(project, type_, SPAN)
    migrations = models(project, sa.String(40))
    path = migrations.make()
    assert path is not None
    known = "postgresql" if project.kind == "postgresql" else "existing_type=sa.Interval()"
    assert known in path.read_text()
    if project.kind == "mysql":
        with pytest.raises(MigrationError) as refused:
            migrations.migrate()
        assert str(refused.value).startswith(
            "t.c cannot become VARCHAR(40), because MariaDB and MySQL store a time span as a "
            "datetime and cannot convert it, and a value exists; add a new column"
        )
        assert read(project, type_) == SPAN
        return
    migrations.migrate()
    assert read(project, sa.String(40)) == "1 day 02:00:00"
    assert models(project, type_).make() is not None
    models(project, type_).migrate()
    assert read(project, type_) == SPAN
    assert models(project, type_).make() is None


def test_a_renamed_time_span_is_still_one(project: Project) -> None:
    project.become(("t", Column("c", sa.Interval())))
    insert(project, sa.Interval(), SPAN)
    text = project.become(("u", Column("d", sa.Interval(), index=True)), renames=["t=u", "u.c=d"])
    assert "type_" not in text.partition("def downgrade")[0]
    migrations = models(project, sa.DateTime(), "d", "u")
    assert migrations.make() is not None
    with pytest.raises(MigrationError, match=r"u\.d cannot become"):
        migrations.migrate()
    assert read(project, sa.Interval(), "d", "u") == SPAN


def test_a_rename_and_a_change_at_once(project: Project) -> None:
    project.become(("t", Column("c", sa.Interval())))
    insert(project, sa.Interval(), SPAN)
    migrations = models(project, sa.DateTime(), "d", "u")
    migrations.make(answers=Answers(renames=["t=u", "u.c=d"]))
    with pytest.raises(MigrationError, match=r"[tu]\.[cd] cannot become"):
        migrations.migrate()
    assert project.tables == {"t"}
    assert read(project, sa.Interval()) == SPAN


@pytest.mark.parametrize(
    "upgrade",
    [
        "op.alter_column('t', 'c', existing_type=sa.DATETIME(), type_=sa.String(40))",
        "op.alter_column('t', 'c', type_=sa.Date(), existing_nullable=True)",
        "op.alter_column('t', 'c', new_column_name='d', existing_type=sa.DATETIME())\n"
        "    with op.batch_alter_table('t') as batch_op:\n"
        "        batch_op.alter_column('d', existing_type=sa.DATETIME(), type_=sa.Date())",
        "op.rename_table('t', 'u')\n"
        "    op.alter_column('u', 'c', existing_type=sa.DATETIME(), type_=sa.Date())",
    ],
)
def test_a_file_of_an_earlier_version_names_the_type_of_the_database(
    project: Project, upgrade: str
) -> None:
    if project.kind == "postgresql":
        pytest.skip("has a type for time spans")
    project.become(("t", Column("c", sa.Interval())))
    insert(project, sa.Interval(), -SPAN)
    project.write("0002_b", "0001_initial", upgrade)
    with pytest.raises(MigrationError, match=r"[tu]\.[cd] cannot become"):
        project.migrations().migrate()
    if project.undoes_definitions:
        assert read(project, sa.Interval()) == -SPAN


def test_a_table_made_by_hand_is_as_its_model_says(project: Project) -> None:
    if project.kind == "postgresql":
        pytest.skip("has a type for time spans")
    made = "'t'; op.execute('CREATE TABLE t (c DATETIME, id INTEGER NOT NULL PRIMARY KEY)')"
    project.write("0001_a", None, made)
    project.migrations().migrate()
    project.execute("INSERT INTO t (id, c) VALUES (1, '1970-01-02 00:00:00')")
    for type_ in (sa.Interval(), sa.DateTime()):
        assert models(project, type_).changes() == ""


def test_fractions_of_a_column_that_mariadb_keeps_longer(project: Project) -> None:
    if project.kind != "mysql":
        pytest.skip("a matter of MariaDB")
    project.become(("t", Column("c", sa.Interval(), nullable=False)))
    project.execute("ALTER TABLE t MODIFY c DATETIME(6) NOT NULL")
    insert(project, sa.Interval(), timedelta(microseconds=5))
    project.become(("t", Column("c", sa.Interval(), nullable=True)))
    assert read(project, sa.Interval()) == timedelta(microseconds=5)
    types = {column["name"]: column["type"] for column in project.inspector.get_columns("t")}
    assert isinstance(types["c"], mysql.DATETIME)
