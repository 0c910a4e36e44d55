"""Types of a project are written into migrations as they can be made again."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column
from sqlalchemy.types import TypeDecorator, UserDefinedType

from tests.database.migrations.conftest import Project


class Lower(TypeDecorator[str]):
    """A type whose argument has another name than that of the type it decorates."""

    impl = sa.String
    cache_ok = True

    def __init__(self, size: int = 30) -> None:
        super().__init__(size)

    def process_bind_param(self, value: str | None, _: object) -> str | None:
        return None if value is None else value.lower()


class Kept(Lower):
    """A type that keeps its argument."""

    def __init__(self, size: int = 30) -> None:
        super().__init__(size)
        self.size = size


class Written(Lower):
    """A type that says how it is written."""

    def __init__(self, size: int) -> None:
        super().__init__(size)

    def __repr__(self) -> str:
        return f"Written({self.impl_instance.length})"  # type: ignore[attr-defined]


class Short(TypeDecorator[str]):
    """A type with the arguments of the type it decorates."""

    impl = sa.String
    cache_ok = True


class Colour(TypeDecorator[str]):
    """A type without arguments."""

    impl = sa.String(7)
    cache_ok = True


class Outer:
    class Inner(Short):
        cache_ok = True


class Money(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "NUMERIC(10, 2)"


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (Lower(), "Lower()"),
        (Lower(50), "sa.String(length=50)"),
        (Kept(50), "Kept(size=50)"),
        (Written(50), "Written(50)"),
        (Short(50), "Short(length=50)"),
        (Outer.Inner(50), "Outer.Inner(length=50)"),
        (Colour(), "Colour("),
        (Money(), "Money()"),
    ],
)
def test_a_type_is_made_again(file_project: Project, type_: Any, text: str) -> None:
    written = file_project.become(("t", Column("name", type_)))
    assert f"sa.Column('name', {text}" in written
    imported = "from tests.database.migrations.test_type_sources import" in written
    assert imported == (not text.startswith("sa."))


def test_a_default_is_stored_as_the_type_does(project: Project) -> None:
    project.become(("t",))
    project.execute("INSERT INTO t (id) VALUES (1)")
    project.become(("t", Column("name", Lower(40), nullable=False, default="ABC")))
    assert project.execute("SELECT name FROM t") == [("abc",)]
