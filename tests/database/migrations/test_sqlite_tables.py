"""SQLite changes a table by copying it, and all that it knows of the table is still there."""

import os
import re
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column

from lback.database import DatabaseManager
from lback.database.migrations import MigrationError
from tests.database.migrations.conftest import Project

Schema = dict[str, str]

EXAMPLES = int(os.environ.get("LBACK_TEST_EXAMPLES", "40"))


def schema(project: Project) -> Schema:
    """What SQLite knows, apart from spaces, and quotes around names."""
    rows = project.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    )
    ours = ("alembic_version", "lback_migrations")
    return {name: re.sub(r'[\s"]+', "", sql) for name, sql in rows if name not in ours}


def alter(project: Project, *lines: str, table: str = "t") -> None:
    number = len(list((project.root / "migrations" / "versions").glob("*.py")))
    body = "\n        ".join([f"with op.batch_alter_table({table!r}) as batch:", *lines])
    project.write(f"{number:04}_b", f"{number - 1:04}_b" if number else None, body)
    project.migrations().migrate()


def run(project: Project, *statements: str) -> None:
    project.migrations().create_layout()
    for statement in statements:
        project.execute(statement.replace(":", "\\:"))


EVERYTHING = """CREATE TABLE t (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a comment, with a comma
    name TEXT COLLATE NOCASE NOT NULL ON CONFLICT REPLACE DEFAULT 'it''s (me)',
    age INTEGER NOT NULL CONSTRAINT positive CHECK (age > 0),
    doubled INTEGER GENERATED ALWAYS AS (age * 2) STORED,
    tripled INTEGER AS (age * 3),
    parent INTEGER REFERENCES t (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (name, age) ON CONFLICT IGNORE,
    CHECK (length(name) < 90)
)"""
PARTS = (
    "CREATE UNIQUE INDEX lower_name ON t (lower(name))",
    "CREATE INDEX aged ON t (age DESC, name COLLATE RTRIM) WHERE age > 10",
    "CREATE TABLE log (text TEXT)",
    "CREATE TRIGGER logged AFTER UPDATE OF age ON t BEGIN INSERT INTO log VALUES (new.name); END",
    "CREATE TRIGGER other BEFORE INSERT ON log BEGIN SELECT count(*) FROM t; END",
    "CREATE VIEW grown AS SELECT name, doubled FROM t WHERE age > 17",
    "CREATE TABLE child (t_id INTEGER REFERENCES t (id) ON DELETE CASCADE)",
    "INSERT INTO t (name, age) VALUES ('Ada', 36), ('Bob', 5)",
    "UPDATE t SET parent = 1 WHERE id = 2",
    "INSERT INTO child VALUES (1)",
)


def test_a_copy_keeps_all_that_sqlite_knows(file_project: Project) -> None:
    run(file_project, EVERYTHING, *PARTS)
    before = schema(file_project)
    rows = file_project.execute("SELECT rowid, * FROM t")
    alter(file_project, "batch.alter_column('age', nullable=True)")
    after = schema(file_project)
    assert after == {**before, "t": before["t"].replace("ageINTEGERNOTNULL", "ageINTEGER").replace(
        "--acomment,withacomma", "")}  # fmt: skip
    assert file_project.execute("SELECT rowid, * FROM t") == rows
    assert file_project.execute("SELECT * FROM child") == [(1,)]
    file_project.execute("UPDATE t SET age = 37 WHERE id = 1")
    assert file_project.execute("SELECT text FROM log") == [("Ada",)]
    assert file_project.execute("SELECT * FROM grown") == [("Ada", 74)]
    file_project.execute("DELETE FROM t WHERE id = 2")
    file_project.execute("INSERT INTO t (name, age) VALUES ('Cyd', 7)")
    assert file_project.execute("SELECT max(id) FROM t") == [(3,)], "an id is never given twice"


@pytest.mark.parametrize(
    ("options", "values"),
    [("STRICT", "1, 'a'"), ("WITHOUT ROWID", "1, 'a'"), ("WITHOUT ROWID, STRICT", "1, 'a'")],
)
def test_options_of_a_table_stay(file_project: Project, options: str, values: str) -> None:
    run(
        file_project,
        f"CREATE TABLE t (a INTEGER NOT NULL PRIMARY KEY, b TEXT NOT NULL) {options}",
        f"INSERT INTO t VALUES ({values})",
    )
    alter(file_project, "batch.alter_column('b', nullable=True)")
    assert schema(file_project)["t"].endswith(options.replace(" ", ""))
    assert file_project.execute("SELECT * FROM t") == [(1, "a")]


def test_text_keys_without_row_numbers_stay(file_project: Project) -> None:
    run(
        file_project,
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY, b TEXT NOT NULL) WITHOUT ROWID, STRICT",
        "INSERT INTO t VALUES ('k', 'a')",
    )
    alter(file_project, "batch.alter_column('b', nullable=True)")
    assert file_project.execute("SELECT * FROM t") == [("k", "a")]


def test_hidden_row_numbers_stay(file_project: Project) -> None:
    run(file_project, "CREATE TABLE t (a TEXT, b TEXT NOT NULL)")
    file_project.execute("INSERT INTO t (rowid, a, b) VALUES (7, 'x', 'y')")
    alter(file_project, "batch.alter_column('b', nullable=True)")
    assert file_project.execute("SELECT rowid, a FROM t") == [(7, "x")]


def test_a_dropped_column_takes_its_indexes_and_constraints(file_project: Project) -> None:
    run(
        file_project,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b TEXT, UNIQUE (a, b))",
        "CREATE INDEX on_a ON t (a)",
        "CREATE INDEX on_b ON t (b) WHERE b > ''",
    )
    alter(file_project, "batch.drop_column('b')")
    assert schema(file_project)["t"] == "CREATETABLEt(idINTEGERPRIMARYKEY,aTEXTCOLLATENOCASE)"
    assert "on_a" in schema(file_project)
    assert "on_b" not in schema(file_project)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("CREATE VIEW v AS SELECT b FROM t", "the view 'v' needs what this migration removes"),
        (
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET b = 1; END",
            "the trigger 'g' needs .* no such column: b; drop the trigger",
        ),
        ("CREATE TRIGGER g AFTER INSERT ON o BEGIN UPDATE t SET b = 1; END", "trigger 'g' needs"),
        ("ALTER TABLE t ADD COLUMN c AS (b + 1)", "column t.c is computed from 'b'"),
    ],
)
def test_what_needs_a_dropped_column_stops_the_migration(
    file_project: Project, part: str, message: str
) -> None:
    run(file_project, "CREATE TABLE t (a, b)", "CREATE TABLE o (x)", part)
    before = schema(file_project)
    with pytest.raises(MigrationError, match=message):
        alter(file_project, "batch.drop_column('b')")
    after = schema(file_project)
    assert after == before


def test_a_view_that_was_broken_before_stops_nothing(file_project: Project) -> None:
    run(file_project, "CREATE TABLE t (a, b NOT NULL)", "CREATE VIEW v AS SELECT x FROM y")
    alter(file_project, "batch.alter_column('b', nullable=True)")
    assert "v" in schema(file_project)


def test_a_copy_of_alembic_that_would_forget_is_refused(file_project: Project) -> None:
    run(file_project, "CREATE TABLE t (a TEXT COLLATE NOCASE, b INTEGER)")
    body = (
        "with op.batch_alter_table('t', recreate='always') as batch:\n"
        "        batch.alter_column('b', nullable=False)"
    )
    file_project.write("0001_b", None, body)
    with pytest.raises(MigrationError, match="would lose COLLATE of the table 't'"):
        file_project.migrations().migrate()


def test_a_virtual_table_is_not_copied(file_project: Project) -> None:
    run(file_project, "CREATE VIRTUAL TABLE t USING fts5(a)")
    with pytest.raises(MigrationError, match="the virtual table 't' cannot"):
        alter(file_project, "batch.alter_column('a', nullable=False)")


def test_collations_of_the_models_follow_a_change_of_the_type(file_project: Project) -> None:
    def users(length: int) -> tuple[str, Column[str]]:
        return ("users", Column("name", sa.String(length, collation="NOCASE"), unique=True))

    file_project.become(users(40))
    file_project.become(users(80))
    assert "VARCHAR(80)COLLATENOCASE" in schema(file_project)["users"]


def test_constraints_come_and_go(file_project: Project) -> None:
    run(file_project, "CREATE TABLE t (a INTEGER, b INTEGER CONSTRAINT c CHECK (b > 0))")
    alter(
        file_project,
        "batch.drop_constraint(op.f('c'), type_='check')",
        "batch.create_unique_constraint('u', ['a'])",
        "batch.create_check_constraint(op.f('d'), 'a < 9')",
        "batch.create_foreign_key('f', 't', ['b'], ['a'])",
    )
    text = schema(file_project)["t"]
    assert text == (
        "CREATETABLEt(aINTEGER,bINTEGER,CONSTRAINTuUNIQUE(a),CONSTRAINTdCHECK(a<9),"
        "CONSTRAINTfFOREIGNKEY(b)REFERENCESt(a))"
    )
    with pytest.raises(MigrationError, match="the table 't' has no constraint 'x'"):
        alter(file_project, "batch.drop_constraint('x', type_='unique')")


# Tables at random.

NAMES = st.sampled_from(["a", "b b", "order", "Ünï", "check", "x(y", "it's", "select", "c,d"])
TYPES = ["INTEGER", "TEXT", "VARCHAR(9)", "NUMERIC(10, 2)", "BLOB", "", "double precision"]
CLAUSES = [
    "NOT NULL", "NOT NULL ON CONFLICT FAIL", "DEFAULT 5", "DEFAULT 'a, ) b'", "DEFAULT (1 + 2)",
    "DEFAULT CURRENT_TIMESTAMP", "COLLATE NOCASE", "COLLATE RTRIM", "UNIQUE",
    "CHECK ({0} <> ')')", "CONSTRAINT \"my, check\" CHECK ({0} NOT IN (7, 8))", "/* a, b */ NULL",
    "REFERENCES parent (id) ON DELETE SET NULL", "REFERENCES parent ON UPDATE SET DEFAULT",
]  # fmt: skip
TABLE_CLAUSES = [
    "UNIQUE ({0}) ON CONFLICT IGNORE", "CONSTRAINT ck CHECK ({0} IS NOT 'x')",
    "FOREIGN KEY ({0}) REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED",
    "CONSTRAINT fk FOREIGN KEY ({0}) REFERENCES t (id)",
]  # fmt: skip
INDEXES = [
    "({0} DESC)", "({0} COLLATE NOCASE)", "(lower({0}))", "({0}) WHERE {0} > 5", "({0}, id)",
]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[str]:
    names = [f'"{n}"' for n in draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))]
    key = draw(
        st.sampled_from(
            ["INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", "INT PRIMARY KEY"]
        )
    )
    parts = [f"id {key}", "changed TEXT NOT NULL"]
    for name in names:
        clauses = draw(st.lists(st.sampled_from(CLAUSES), max_size=3, unique_by=lambda c: c[:7]))
        words = " ".join(clauses).format(name)
        parts.append(f"{name} {draw(st.sampled_from(TYPES))} {words}")
    parts += draw(st.lists(st.sampled_from(["g1 AS (id + 1)", "g2 INT GENERATED ALWAYS AS "
        "(length(changed)) STORED"]), unique=True))  # fmt: skip
    some = st.sampled_from(names)
    wanted = draw(st.lists(st.sampled_from(TABLE_CLAUSES), max_size=2, unique=True))
    parts += [clause.format(draw(some)) for clause in wanted]
    statements = [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE t ({', '.join(parts)})",
    ]
    for number, clause in enumerate(draw(st.lists(st.sampled_from(INDEXES), max_size=3))):
        unique = draw(st.sampled_from(["", "UNIQUE "]))
        statements.append(f"CREATE {unique}INDEX i{number} ON t {clause.format(draw(some))}")
    name = draw(some)
    statements += draw(st.lists(st.sampled_from([
        f"CREATE VIEW v AS SELECT {name} AS x FROM t",
        f"CREATE TRIGGER g AFTER UPDATE OF {name} ON t BEGIN DELETE FROM parent; END",
        "CREATE TABLE child (t_id REFERENCES t (id))",
    ]), unique=True))  # fmt: skip
    return statements


@given(tables())
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_any_table_is_the_same_after_a_copy(statements: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        manager = DatabaseManager.from_url(f"sqlite:///{root}/test.sqlite3")
        project = Project(Path(root), manager)
        try:
            run(project, *statements)
            before = schema(project)
            alter(project, "batch.alter_column('changed', nullable=True)")
            alter(project, "batch.alter_column('changed', nullable=False)")
            after = schema(project)
            before["t"] = before["t"].replace("/*a,b*/", "")
            assert {**after, "t": after["t"].replace("/*a,b*/", "")} == before
        finally:
            manager.dispose()
