"""On MariaDB the rows are checked before the first statement of a migration."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column

from lback.database.migrations import Answers, MigrationError, Migrations
from tests.database.migrations.conftest import Project


@pytest.fixture
def mariadb(project: Project) -> Project:
    if project.kind != "mysql":
        pytest.skip("other databases roll back")
    return project


def structure(project: Project) -> list[Any]:
    tables = sorted(project.tables)
    return [project.execute(f"SHOW CREATE TABLE {table}") for table in tables]


def refused(project: Project, migrations: Migrations | None = None) -> str:
    """Migrate, which is refused, and look that nothing was changed."""
    before = structure(project)
    with pytest.raises(MigrationError) as error:
        (migrations or project.migrations()).migrate()
    assert structure(project) == before
    assert "committed" not in str(error.value)
    return str(error.value)


def test_all_changes_of_columns_are_checked_first(mariadb: Project) -> None:
    mariadb.become(
        ("a", Column("x", sa.String(9)), Column("y", sa.String(9))),
        ("b", Column("x", sa.String(9)), Column("gone", sa.Integer)),
    )
    mariadb.execute("INSERT INTO a (x, y) VALUES ('1', '2')")
    mariadb.execute("INSERT INTO b (x) VALUES ('no')")
    migrations = mariadb.migrations(
        ("a", Column("x", sa.Integer), Column("y", sa.Integer, index=True)),
        ("b", Column("x", sa.Integer), Column("new", sa.Integer)),
        ("c", Column("x", sa.Integer)),
    )
    migrations.make(answers=Answers(keep_no_renames=True))
    assert "b.x cannot become INTEGER" in refused(mariadb, migrations)
    mariadb.execute("UPDATE b SET x = '3'")
    assert migrations.migrate() == ["0002_add_c_and_more"]
    assert migrations.make() is None
    assert mariadb.execute("SELECT x, y FROM a") == [(1, 2)]


def test_columns_that_become_not_null_are_checked_first(mariadb: Project) -> None:
    mariadb.become(("a", Column("x", sa.Integer)), ("b", Column("x", sa.Integer)))
    mariadb.execute("INSERT INTO a (x) VALUES (1)")
    mariadb.execute("INSERT INTO b (x) VALUES (NULL)")
    closed: Any = Column("x", sa.Integer, nullable=False)
    migrations = mariadb.migrations(("a", closed), ("b", closed))
    migrations.make()
    assert "b.x cannot become NOT NULL" in refused(mariadb, migrations)


RENAMES = {
    "table and column": "op.rename_table('t', 'u')\n    op.alter_column('u', 'c', "
    "new_column_name='d', existing_type=sa.String(9))\n    "
    "op.alter_column('u', 'd', type_=sa.Integer(), existing_type=sa.String(9))",
    "at once": "op.add_column('t', sa.Column('e', sa.Integer))\n    "
    "op.alter_column('t', 'c', new_column_name='d', type_=sa.Integer())",
    "in a batch": "op.drop_column('t', 'o')\n    with op.batch_alter_table('t') as batch:\n"
    "        batch.alter_column('c', type_=sa.Integer())",
    "names given": "op.rename_table(old_table_name='t', new_table_name='u')\n    "
    "op.alter_column(table_name='u', column_name='c', type_=sa.Integer())",
    "for one database": "op.drop_column('t', 'o')\n    "
    "if op.get_context().dialect.name == 'postgresql':\n        op.execute('CREATE TYPE x')\n"
    "    op.alter_column('t', 'c', type_=sa.Integer())",
    "with a table of its own": "op.create_table('v', sa.Column('c', sa.Integer))\n    "
    "op.alter_column('v', 'c', type_=sa.Date())\n    "
    "op.alter_column('t', 'c', type_=sa.Integer())",
}


@pytest.mark.parametrize("upgrade", RENAMES.values(), ids=RENAMES.keys())
def test_renamed_columns_are_found(mariadb: Project, upgrade: str) -> None:
    mariadb.become(("t", Column("c", sa.String(9)), Column("o", sa.Integer)))
    mariadb.execute("INSERT INTO t (c) VALUES ('no')")
    mariadb.write("0002_b", "0001_initial", upgrade)
    assert "t.c cannot become INTEGER" in refused(mariadb)


def test_a_migration_may_mend_the_rows_itself(mariadb: Project) -> None:
    mariadb.become(("t", Column("c", sa.String(9))))
    mariadb.execute("INSERT INTO t (c) VALUES ('no')")
    mend = "op.execute(\"UPDATE t SET c = '7'\")\n    op.alter_column('t', 'c', type_=sa.Integer())"
    mariadb.write("0002_b", "0001_initial", mend)
    mariadb.migrations().migrate()
    assert mariadb.execute("SELECT c FROM t") == [(7,)]


MENDED = {
    "in a loop": "for number in range(1):\n        op.get_bind().execute(sa.text(MEND))",
    "by a function": "mend()",
    "by a bind": "op.get_bind().execute(sa.text(MEND))",
    "after a drop": "op.drop_column('t', 'c')\n    op.add_column('t', sa.Column('c', sa.Text()))",
    "on a condition": "if sa.__version__:\n        mend()",
}


@pytest.mark.parametrize("mend", MENDED.values(), ids=MENDED.keys())
def test_code_that_cannot_be_foreseen_is_run(mariadb: Project, mend: str) -> None:
    mariadb.become(("t", Column("c", sa.String(9))))
    mariadb.execute("INSERT INTO t (c) VALUES ('no')")
    path = mariadb.write(
        "0002_b", "0001_initial", f"{mend}\n    op.alter_column('t', 'c', type_=sa.Integer())"
    )
    text = path.read_text().replace(
        "def upgrade",
        "MEND = \"UPDATE t SET c = '7'\"\ndef mend():\n    op.execute(MEND)\ndef upgrade",
    )
    path.write_text(text)
    mariadb.migrations().migrate()
    assert mariadb.execute("SELECT c FROM t") in ([(7,)], [(None,)])


def test_undoing_is_checked_first_as_well(mariadb: Project) -> None:
    mariadb.become(("a", Column("x", sa.Integer)), ("b", Column("x", sa.Integer)))
    mariadb.become(("a", Column("x", sa.String(9))), ("b", Column("x", sa.String(9))))
    mariadb.execute("INSERT INTO a (x) VALUES ('no')")
    mariadb.execute("INSERT INTO b (x) VALUES ('1')")
    before = structure(mariadb)
    with pytest.raises(MigrationError, match=r"a\.x cannot become INTEGER"):
        mariadb.migrations().rollback()
    assert structure(mariadb) == before


def test_a_word_does_not_become_a_boolean(mariadb: Project) -> None:
    mariadb.become(("t", Column("c", sa.String(9))))
    mariadb.execute("INSERT INTO t (c) VALUES ('1'), ('true')")
    migrations = mariadb.migrations(("t", Column("c", sa.Boolean)))
    migrations.make()
    assert "id = 2: 'true' is a word, which MariaDB" in refused(mariadb, migrations)
