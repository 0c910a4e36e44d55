"""The collation of a column follows the model, where the model names one."""

import pytest
from sqlalchemy import Column, Integer, String
from sqlalchemy.exc import IntegrityError

from tests.database.migrations.conftest import Project

ANY_CASE = {"sqlite": "NOCASE", "mysql": "utf8mb4_general_ci"}
EXACT = {"sqlite": "BINARY", "mysql": "utf8mb4_bin", "postgresql": "C"}


def name(collation: str | None, *, nullable: bool = False) -> Column[str]:
    return Column("name", String(40, collation=collation), unique=True, nullable=nullable)


def test_a_collation_is_changed_and_restored(project: Project) -> None:
    project.become(("users", name(None)))
    wanted = "NOCASE" if project.kind == "sqlite" else EXACT[project.kind]
    text = project.become(("users", name(wanted, nullable=True)))
    assert "collation=" in text
    project.execute("INSERT INTO users (name) VALUES ('Ada')")
    project.migrations().rollback()
    project.migrations().migrate()
    assert project.execute("SELECT name FROM users") == [("Ada",)]


def test_the_case_of_a_unique_name_counts_or_not(project: Project) -> None:
    if project.kind not in ANY_CASE:
        pytest.skip("PostgreSQL has no such collation from the start")
    project.become(("users", name(EXACT[project.kind])))
    project.execute("INSERT INTO users (name) VALUES ('Ada')")
    project.become(("users", name(ANY_CASE[project.kind])))
    with pytest.raises(IntegrityError):
        project.execute("INSERT INTO users (name) VALUES ('ADA')")
    project.migrations().rollback()
    project.execute("INSERT INTO users (name) VALUES ('ADA')")


def test_a_collation_that_the_model_does_not_name_is_kept(project: Project) -> None:
    project.become(("users", name(EXACT[project.kind])))
    assert project.migrations(("users", name(None))).make() is None
    project.become(("users", name(EXACT[project.kind]), Column("age", Integer)))
