"""Models change, and the database follows without losing a row."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    Numeric,
    String,
    select,
)
from sqlalchemy import text as sql

from lback.database import UTCDateTime, utc_now
from lback.database.migrations import Answers, MigrationError, Migrations, Rename, UnfilledColumn
from lback.database.models import TEXT
from lback.sessions import DatabaseSessionStore, SessionRecord
from lback.users import UserManager
from tests.database.migrations.conftest import Project


def title(**options: Any) -> Column[str]:
    return Column("title", String(60), nullable=False, **options)


def test_models_become_tables_and_go_again(project: Project) -> None:
    shelf: Any = ("shelves", Column("name", TEXT, unique=True))
    book: Any = ("books", title(index=True), Column("shelf_id", ForeignKey("shelves.id")))
    migrations = project.migrations(shelf, book)
    path = migrations.make()
    assert path == project.root / "migrations/versions/0001_initial.py"
    assert migrations.migrate() == ["0001_initial"]
    assert project.tables == {"shelves", "books"}
    assert migrations.make() is None
    assert migrations.migrate() == []
    project.execute("INSERT INTO books (title) VALUES ('Emma')")
    assert migrations.rollback() == ["0001_initial"]
    assert project.tables == set()


def test_the_tables_of_the_framework_are_made_by_migrations_of_a_project(project: Project) -> None:
    migrations = Migrations(project.db_manager, project.root)
    path = migrations.make()
    assert path is not None
    assert "UTCDateTime()" in path.read_text()
    assert "from lback.database import UTCDateTime" in path.read_text()
    migrations.migrate()
    assert {"lback_users", "lback_admin_users", "lback_sessions"} <= project.tables
    assert migrations.make() is None, f"on {project.kind} the tables are what the models say"
    with project.db_manager.session() as session:
        UserManager().register(session, "ada", "a long password of hers")
    with project.db_manager.session() as session:
        assert UserManager().get_by_username(session, "ada") is not None
    DatabaseSessionStore(project.db_manager).create("id", SessionRecord("{}", 0.0, 1.0))


def test_a_renamed_column_keeps_what_is_in_it(project: Project) -> None:
    project.become(("books", title(index=True, unique=True)))
    project.execute("INSERT INTO books (title) VALUES ('Emma')")
    text = project.become(
        ("books", Column("name", String(60), nullable=False, index=True, unique=True)),
        ask_rename=lambda rename: rename == Rename("books", "title", "name"),
    )
    assert re.search(
        r"op\.alter_column\('books', 'title',[^)]*\)?,?\s*new_column_name='name'", text
    )
    assert "drop_column" not in text
    assert "0002_rename_books_title_to_name" in text
    assert project.execute("SELECT name FROM books") == [("Emma",)]
    project.migrations().rollback()
    assert project.execute("SELECT title FROM books") == [("Emma",)]
    assert "ix_books_title" in {i["name"] for i in project.inspector.get_indexes("books")}


def test_a_renamed_column_may_change_in_other_ways_too(project: Project) -> None:
    project.become(("books", Column("title", String(60))))
    project.execute("INSERT INTO books (title) VALUES ('Emma')")
    project.become(
        ("books", Column("name", String(90), nullable=False)), renames=["books.title=name"]
    )
    [column] = [c for c in project.inspector.get_columns("books") if c["name"] == "name"]
    assert (column["type"].length, column["nullable"]) == (90, False)  # type: ignore[attr-defined]
    assert project.execute("SELECT name FROM books") == [("Emma",)]
    project.migrations().rollback()
    assert project.execute("SELECT title FROM books") == [("Emma",)]


def test_a_default_of_the_database_survives_a_rename(project: Project) -> None:
    project.become(("books", Column("state", String(9), server_default="new", nullable=False)))
    project.become(
        ("books", Column("status", String(9), server_default="new", nullable=False)),
        renames=["books.state=status"],
    )
    project.execute("INSERT INTO books (id) VALUES (1)")
    assert project.execute("SELECT status FROM books") == [("new",)]


def test_a_renamed_table_keeps_its_rows_and_what_refers_to_them(project: Project) -> None:
    book: Any = ("books", title(unique=True), Column("writer", String(60), index=True))
    loan: Any = ("loans", Column("book_id", ForeignKey("books.id", ondelete="CASCADE")))
    project.become(book, loan)
    project.execute("INSERT INTO books (id, title, writer) VALUES (7, 'Emma', 'Austen')")
    project.execute("INSERT INTO loans (book_id) VALUES (7)")
    volume = (
        "volumes",
        title(unique=True),
        Column("author", String(60), index=True),
        Column("pages", Integer),
    )
    text = project.become(
        volume,
        ("loans", Column("book_id", ForeignKey("volumes.id", ondelete="CASCADE"))),
        renames=["books=volumes", "volumes.writer=author"],
    )
    assert "op.rename_table('books', 'volumes')" in text
    assert project.execute("SELECT id, title, author FROM volumes") == [(7, "Emma", "Austen")]
    assert project.execute("SELECT book_id FROM loans") == [(7,)]
    [key] = project.inspector.get_foreign_keys("loans")
    assert key["referred_table"] == "volumes"
    project.migrations().rollback()
    assert project.execute("SELECT id, title, writer FROM books") == [(7, "Emma", "Austen")]
    assert project.execute("SELECT book_id FROM loans") == [(7,)]


def test_only_the_case_of_a_name_changes(project: Project) -> None:
    project.become(("Books", Column("Title", String(60), index=True)))
    book: Any = ("books", Column("title", String(60), index=True))
    if "books" in project.tables:  # MariaDB may store names in lower case
        book = ("Books", *book[1:])
    renames = ["Books=books", "books.Title=title"]
    project.become(book, renames=renames if book[0] == "books" else ["Books.Title=title"])
    project.execute("INSERT INTO books (title) VALUES ('Emma')")
    assert project.execute("SELECT title FROM books") == [("Emma",)]
    project.migrations().rollback("base")


def test_a_renamed_table_may_refer_to_others(project: Project) -> None:
    shelf: Any = ("shelves", Column("name", TEXT))
    hall: Any = ("halls", Column("name", TEXT))

    def book(name: str, target: str) -> Any:
        keys: list[Column[Any]] = [
            Column("shelf_id", ForeignKey("shelves.id")),
            Column("at", ForeignKey(target)),
        ]
        return (name, title(), *keys)

    project.become(shelf, hall, book("books", "shelves.id"))
    project.become(shelf, hall, book("volumes", "halls.id"), renames=["books=volumes"])
    keys = project.inspector.get_foreign_keys("volumes")
    assert sorted((k["constrained_columns"][0], k["referred_table"]) for k in keys) == [
        ("at", "halls"),
        ("shelf_id", "shelves"),
    ]
    project.migrations().rollback()
    assert {k["referred_table"] for k in project.inspector.get_foreign_keys("books")} == {"shelves"}


def test_no_one_is_asked_where_nothing_is_like_it(file_project: Project) -> None:
    file_project.become(("books", title()), ("shelves", Column("name", TEXT), Column("hall", TEXT)))
    file_project.become(("books", Column("year", Integer)), ("readers", Column("mail", TEXT)))
    assert file_project.tables == {"books", "readers"}


def test_without_an_answer_nothing_is_guessed(file_project: Project) -> None:
    file_project.become(("books", title()))
    migrations = file_project.migrations(("books", Column("name", String(60))))
    with pytest.raises(MigrationError) as refused:
        migrations.make()
    assert str(refused.value) == (
        "Was the column books.title renamed to books.name? If it was, use --rename "
        "books.title=name; if not, use --no-renames, which deletes the old data"
    )
    assert len(migrations.status()) == 1
    text = file_project.become(("books", Column("name", String(60))), keep_no_renames=True)
    assert "drop_column" in text


def test_a_table_is_asked_about_too(file_project: Project) -> None:
    file_project.become(("books", title()))
    with pytest.raises(MigrationError, match="Was the table books renamed to volumes"):
        file_project.migrations(("volumes", title())).make()


def test_a_no_to_one_rename_is_asked_about_the_next(file_project: Project) -> None:
    file_project.become(("books", Column("a", String(9)), Column("b", String(9))))
    asked: list[str] = []

    def ask(rename: Rename) -> bool:
        asked.append(str(rename))
        return rename.old == "b"

    file_project.become(("books", Column("c", String(9)), Column("d", String(9))), ask_rename=ask)
    assert asked == ["books.a=c", "books.b=c", "books.a=d"]
    assert file_project.columns("books") == {"id", "c", "d"}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            {"renames": ["books.titel=name"]},
            r"'books.titel=name' does not match any change; "
            r"did you mean books.title=name\?",
        ),
        ({"values": {"books.pages": "3"}}, "'books.pages' does not match any change"),
    ],
)
def test_an_answer_to_no_question_is_a_slip(
    file_project: Project, answers: dict[str, Any], message: str
) -> None:
    file_project.become(("books", title()))
    given = Answers(keep_no_renames=True, **answers)
    with pytest.raises(MigrationError, match=message):
        file_project.migrations(("books", Column("name", String(60)))).make(answers=given)
    with pytest.raises(MigrationError, match="does not match any change"):
        file_project.migrations(("books", title())).make(answers=given)


# Columns that must not be empty, and rows that were there before.


class Mood(PythonEnum):
    GLAD = "glad"


def test_the_default_of_the_model_fills_what_is_there(project: Project) -> None:
    project.become(("books",))
    project.execute("INSERT INTO books (id) VALUES (1)")
    columns: list[Column[Any]] = [
        Column("a", Integer, default=3, nullable=False),
        Column("b", Boolean(), default=True, nullable=False),
        Column("c", String(9), default="it's", nullable=False),
        Column("d", Enum(Mood, native_enum=False), default=Mood.GLAD, nullable=False),
    ]
    project.become(("books", *columns))
    assert project.execute("SELECT a, b, c, d FROM books") == [(3, True, "it's", "GLAD")]
    for column in project.inspector.get_columns("books")[1:]:
        assert not column["nullable"]
    project.migrations().rollback()
    assert project.columns("books") == {"id"}


def test_enumerations_come_and_go_with_their_columns(project: Project) -> None:
    def mood() -> Column[Any]:
        return Column("mood", Enum(Mood, name="mood"))

    for _ in range(2):
        project.become(("books", mood()))
        project.execute("INSERT INTO books (mood) VALUES ('GLAD')")
        other: Column[Any] = Column(
            "kind", Enum("it's", "a:b", name="kind"), nullable=False, default="a:b"
        )
        project.become(("books", mood(), other))
        assert project.execute("SELECT mood, kind FROM books") == [("GLAD", "a:b")]
        migrations = project.migrations()
        assert len(migrations.rollback("base")) == 2
        assert len(migrations.migrate()) == 2
        migrations.rollback("base")
        for path in (project.root / "migrations/versions").glob("*.py"):
            path.unlink()


def test_a_moment_is_filled_with_now(project: Project) -> None:
    project.become(("books",))
    project.execute("INSERT INTO books (id) VALUES (1)")
    table: Any = ("books", Column("at", UTCDateTime(), default=utc_now, nullable=False))
    project.become(table)
    with project.db_manager.session() as session:
        at = session.scalar(select(Column("at", UTCDateTime())).select_from(sql("books")))
    assert at is not None
    assert abs((at - datetime.now(UTC)).total_seconds()) < 60


def test_a_person_says_what_fills_the_rest(project: Project) -> None:
    project.become(("books",))
    project.execute("INSERT INTO books (id) VALUES (1)")
    types: dict[str, tuple[Any, str, Any]] = {
        "a": (Integer(), "4", 4),
        "b": (Numeric(5, 2), "1.50", Decimal("1.5")),
        "c": (Boolean(), "false", False),
        "d": (JSON(), '{"a": [1]}', {"a": [1]}),
        "e": (String(9), "none", "none"),
        "f": (UTCDateTime(), "2026-01-02 03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        "g": (Enum(Mood, native_enum=False), "GLAD", Mood.GLAD),
        # Columns without a time zone hold UTC.
        "h": (DateTime(), "2026-01-02", datetime(2026, 1, 2)),  # noqa: DTZ001
        "i": (DateTime(), "2026-01-02 03:04+02:00", datetime(2026, 1, 2, 1, 4)),  # noqa: DTZ001
    }
    columns = [Column(name, type_, nullable=False) for name, (type_, _, _) in types.items()]
    asked: list[str] = []

    def ask(gap: UnfilledColumn) -> str:
        asked.append(gap.question)
        return types[gap.column][1]

    project.become(("books", *columns), ask_value=ask)
    assert asked[0] == "Which value of books.a (int) do existing rows get?"
    assert len(asked) == len(types)
    with project.db_manager.session() as session:
        row = session.execute(select(*columns).select_from(sql("books"))).one()
    assert list(row) == [value for _, _, value in types.values()]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"Which value of books.n \(int\) do .* Use --fill books.n=VALUE, allow NULL"),
        ({"books.n": "many"}, "books.n: 'many' is not a valid int"),
    ],
)
def test_a_gap_without_a_value_is_refused(
    file_project: Project, values: dict[str, str], message: str
) -> None:
    file_project.become(("books",))
    migrations = file_project.migrations(("books", Column("n", Integer, nullable=False)))
    with pytest.raises(MigrationError, match=message):
        migrations.make(answers=Answers(values=values))


def test_a_member_of_an_enumeration_is_given_by_its_name(file_project: Project) -> None:
    file_project.become(("books",))
    column: Column[Mood] = Column("mood", Enum(Mood), nullable=False)
    migrations = file_project.migrations(("books", column))
    with pytest.raises(MigrationError, match=r"books\.mood: 'glad' is not one of GLAD"):
        migrations.make(answers=Answers(values={"books.mood": "glad"}))


def test_a_token_is_never_computed_once_for_all(file_project: Project) -> None:
    file_project.become(("books",))
    column: Column[str] = Column("key", String(9), default=lambda: "same", nullable=False)
    with pytest.raises(MigrationError, match=r"Which value of books\.key"):
        file_project.migrations(("books", column)).make()


def test_undoing_the_drop_of_a_column_works_with_rows(project: Project) -> None:
    columns = [
        title(),
        Column("n", Integer, nullable=False),
        Column("at", UTCDateTime(), nullable=False),
        Column("price", Numeric(5, 2), nullable=False),
        Column("extra", JSON(), nullable=False),
    ]
    project.become(("books", *columns))
    project.execute(
        "INSERT INTO books (title, n, at, price, extra) "
        "VALUES ('Emma', 1, '2026-01-01 00:00:00', 2, '{}')"
    )
    project.become(("books",))
    assert project.migrations().rollback() == ["0002_drop_books_at_and_more"]
    assert project.execute("SELECT title, n FROM books") == [("", 0)]


# What does not belong to the models.


def test_tables_of_other_programs_are_left_alone(project: Project) -> None:
    project.execute("CREATE TABLE others (id INTEGER)")
    project.become(("books", title()))
    project.become(("books", title(), Column("n", Integer)))
    assert project.tables == {"books", "others"}
    text = project.become()
    assert "op.drop_table('books')" in text
    assert project.tables == {"others"}


def test_a_table_that_no_migration_made_is_made_by_the_next(file_project: Project) -> None:
    file_project.become(("books", title()))
    file_project.execute("CREATE TABLE shelves (id INTEGER)")
    path = file_project.migrations(("books", title()), ("shelves",)).make()
    assert path is not None
    assert "op.create_table('shelves'" in path.read_text()


def test_a_migration_by_hand_begins_empty(file_project: Project) -> None:
    file_project.become(("books", title()))
    migrations = file_project.migrations()
    path = migrations.make("Tidy the titles!", empty=True)
    assert path is not None
    assert path.name == "0002_tidy_the_titles.py"
    assert "def upgrade() -> None:\n    pass" in path.read_text()
    assert migrations.make(empty=True, message="x" * 90).stem == "0003_" + "x" * 27  # type: ignore[union-attr]
