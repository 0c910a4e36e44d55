"""Members of an enumeration come and go on each kind of database."""

import enum
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Enum,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

from lback.database.migrations import Answers, MigrationError, Migrations
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Moods(enum.Enum):
    GOOD = "good"
    SO_SO = "fair"
    BAD = "bad"


def mood(kind: type[enum.Enum] = Mood, name: str = "mood", **options: Any) -> Column[Any]:
    return Column("mood", Enum(kind, name=name), **options)


def write(project: Project, *values: str) -> None:
    for value in values:
        project.execute(f"INSERT INTO diary (mood) VALUES ('{value}')")


def read(project: Project) -> list[str]:
    return [row[0] for row in project.execute("SELECT mood FROM diary ORDER BY id")]


def test_a_member_is_added_and_used_in_the_same_run(project: Project) -> None:
    project.become(("diary", mood()))
    write(project, "GOOD")
    project.become(("diary", mood(Moods, server_default="SO_SO", nullable=False)))
    project.execute("INSERT INTO diary (id) VALUES (2)")
    assert read(project) == ["GOOD", "SO_SO"]
    project.execute("DELETE FROM diary")
    migrations = project.migrations()
    migrations.rollback("base")
    insert = "INSERT INTO diary (mood) VALUES ('SO_SO')"
    project.write("0003_data", migrations.names[-1], f"op.execute({insert!r})")
    migrations.migrate()
    assert read(project) == ["SO_SO"]


def test_a_member_is_removed_unless_a_row_has_it(project: Project) -> None:
    project.become(("diary", mood(Moods)))
    write(project, "GOOD", "SO_SO")
    migrations = project.migrations(("diary", mood()))
    assert migrations.make() is not None
    with pytest.raises(MigrationError, match="because of 1 row:\n- id = 2: 'SO_SO' is not one of"):
        migrations.migrate()
    assert read(project) == ["GOOD", "SO_SO"]
    project.execute("DELETE FROM diary WHERE id = 2")
    migrations.migrate()
    assert migrations.make() is None
    migrations.rollback()
    write(project, "SO_SO")
    assert read(project) == ["GOOD", "SO_SO"]


def test_a_type_goes_with_its_last_column(project: Project) -> None:
    for tables in (
        [("diary", mood()), ("notes", mood())],
        [("diary", mood()), ("notes", Column("text", String(20)))],
        [("notes", Column("text", String(20)))],
        [("diary", mood(Moods)), ("notes", Column("text", String(20)))],
        [("diary", mood(Moods, name="feeling")), ("notes", Column("text", String(20)))],
        [("diary", Column("mood", String(9))), ("notes", Column("text", String(20)))],
        [("diary", mood()), ("notes", Column("text", String(20)))],
    ):
        migrations = project.migrations(*tables)
        migrations.make(answers=Answers(keep_no_renames=True))
        migrations.migrate()
        assert migrations.make() is None
    migrations.rollback("base")
    migrations.migrate()


@pytest.fixture
def postgres(project: Project) -> Project:
    if project.kind != "postgresql":
        pytest.skip("only PostgreSQL has types that several columns share")
    return project


def diary(project: Project, kind: type[enum.Enum], default: str) -> Migrations:
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    Table(
        "diary",
        metadata,
        Column("id", Integer, primary_key=True),
        mood(kind, server_default=default, nullable=False, index=True),
        Column("more", ARRAY(Enum(kind, name="mood")), server_default="{GOOD}"),
        Index("one_good", "id", unique=True, postgresql_where=text("mood = 'GOOD'")),
        CheckConstraint("mood <> 'BAD' OR id > 0", name="bad"),
    )
    return Migrations(project.db_manager, project.root, metadata=metadata)


def test_all_that_depends_on_a_type_is_kept(postgres: Project) -> None:
    migrations = diary(postgres, Mood, "GOOD")
    migrations.make()
    migrations.migrate()
    postgres.execute("INSERT INTO diary (id) VALUES (1)")
    migrations = diary(postgres, Moods, "SO_SO")
    path = migrations.make()
    assert path is not None
    assert "change_members('mood', ['GOOD', 'SO_SO', 'BAD'])" in path.read_text()
    migrations.migrate()
    assert migrations.make() is None
    postgres.execute("INSERT INTO diary (id, more) VALUES (2, '{SO_SO}')")
    assert read(postgres) == ["GOOD", "SO_SO"]
    with pytest.raises(MigrationError, match="id = 2: 'SO_SO' is not one of GOOD, BAD"):
        migrations.rollback()
    postgres.execute("UPDATE diary SET mood = 'BAD'")
    with pytest.raises(MigrationError, match=r"id = 2: '\{SO_SO\}' is not one"):
        migrations.rollback()
    postgres.execute("UPDATE diary SET more = '{}'")
    migrations.rollback()
    assert read(postgres) == ["BAD", "BAD"]


def test_two_models_must_agree_about_a_type(postgres: Project) -> None:
    migrations = postgres.migrations(("diary", mood()), ("notes", mood(Moods)))
    with pytest.raises(MigrationError, match=r"'mood' has other members in notes\.mood"):
        migrations.make()
