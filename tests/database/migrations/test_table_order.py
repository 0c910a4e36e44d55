"""Tables that refer to each other come and go on each kind of database."""

from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String
from sqlalchemy.exc import IntegrityError

from tests.database.migrations.conftest import Project


def refers_to(table: str, name: str = "other_id", **options: Any) -> Column[int]:
    return Column(name, ForeignKey(f"{table}.id", **options), index=True)


def undo_and_repeat(project: Project) -> None:
    migrations = project.migrations()
    [undone] = migrations.rollback()
    assert migrations.migrate() == [undone]


@pytest.mark.parametrize("use_alter", [False, True])
def test_tables_in_a_circle(project: Project, use_alter: bool) -> None:
    key: dict[str, Any] = {"use_alter": use_alter}
    project.become(("authors", refers_to("books", **key)), ("books", refers_to("authors", **key)))
    with pytest.raises(IntegrityError):
        project.execute("INSERT INTO authors (other_id) VALUES (7)")
    project.become(("shelves",), keep_no_renames=True)
    assert project.tables == {"shelves"}
    undo_and_repeat(project)
    project.migrations().rollback("base")
    assert project.tables == set()


def test_a_chain_of_tables_is_dropped_from_its_end(project: Project) -> None:
    chain = [(f"t{n}", refers_to(f"t{n - 1}")) for n in range(1, 6)]
    project.become(("t0",), *chain)
    project.become(("shelves",), keep_no_renames=True)
    assert project.tables == {"shelves"}
    undo_and_repeat(project)


@pytest.mark.parametrize("stays", [True, False])
def test_a_table_is_dropped_to_which_another_referred(project: Project, stays: bool) -> None:
    project.become(("shelves",), ("books", refers_to("shelves", "shelf_id")))
    project.become(("books", *([Column("shelf_id", Integer, index=True)] if stays else [])))
    assert project.tables == {"books"}
    undo_and_repeat(project)
    project.migrations().rollback("base")


def test_the_index_of_a_foreign_key_goes_and_the_key_stays(project: Project) -> None:
    shelf: Any = ("shelves",)
    project.become(shelf, ("books", refers_to("shelves", "shelf_id")))
    project.become(shelf, ("books", Column("shelf_id", ForeignKey("shelves.id"))))
    with pytest.raises(IntegrityError):
        project.execute("INSERT INTO books (shelf_id) VALUES (7)")
    undo_and_repeat(project)
    project.become(shelf, ("books", Column("shelf_id", ForeignKey("shelves.id"), unique=True)))
    project.become(shelf, ("books", refers_to("shelves", "shelf_id")))
    project.migrations().rollback("base")


def test_the_actions_of_a_foreign_key_change(project: Project) -> None:
    shelf: Any = ("shelves",)
    kinds: list[dict[str, Any]] = [{}, {"ondelete": "CASCADE"}, {"ondelete": "SET NULL"}]
    for options in kinds:
        key = ForeignKey("shelves.id", **options)
        project.become(shelf, ("books", Column("shelf_id", key)))
    project.execute("INSERT INTO shelves (id) VALUES (1)")
    project.execute("INSERT INTO books (shelf_id) VALUES (1)")
    project.execute("DELETE FROM shelves")
    assert project.execute("SELECT shelf_id FROM books") == [(None,)]
    project.migrations().rollback("base")


@pytest.mark.parametrize(
    ("old", "new"),
    [(String(9), String(30)), (Integer(), BigInteger().with_variant(Integer, "sqlite"))],
)
def test_both_columns_of_a_foreign_key_change_their_type(
    project: Project, old: Any, new: Any
) -> None:
    def tables(type_: Any) -> list[Any]:
        shelf: Any = ("shelves", Column("code", type_, unique=True, nullable=False))
        return [shelf, ("books", Column("code", type_, ForeignKey("shelves.code")))]

    migrations = project.migrations(*tables(old))
    migrations.make()
    migrations.migrate()
    project.execute("INSERT INTO shelves (code) VALUES ('7')")
    project.execute("INSERT INTO books (code) VALUES ('7')")
    migrations = project.migrations(*tables(new))
    changed = migrations.make() is not None
    migrations.migrate()
    assert project.execute("SELECT code FROM books") == project.execute("SELECT code FROM shelves")
    with pytest.raises(IntegrityError):
        project.execute("DELETE FROM shelves")
    assert migrations.make() is None
    if changed:
        undo_and_repeat(project)
