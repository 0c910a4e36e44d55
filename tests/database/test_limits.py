"""What a database does not support is known without asking it."""

from typing import Any

import pytest
from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lback.database.limits import beyond_limits
from lback.database.models import CONSTRAINT_NAMES

LONG = "a" * 70


def sentences(dialect: Any, *parts: Any, name: str = "notes") -> list[str]:
    table = Table(name, MetaData(naming_convention=CONSTRAINT_NAMES), *parts)
    return list(beyond_limits([table], dialect.dialect()))


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (String(200_000), "VARCHAR(200000), and MySQL allows 16,383 characters; use Text"),
        (String(16_384), "use Text or Text(16384)"),
        (LargeBinary(70_000).with_variant(mysql.VARBINARY(70_000), "mysql"), "use LargeBinary"),
        (String(), "a String without a length"),
    ],
)
def test_texts_that_mysql_does_not_support(type_: Any, words: str) -> None:
    [sentence] = sentences(mysql, Column("text", type_))
    assert sentence.startswith("the column notes.text is ")
    assert words in sentence
    assert sentences(postgresql, Column("text", String(200_000))) == []


@pytest.mark.parametrize(
    "type_",
    [
        String(16_383),
        Text(200_000),
        String(60_000).with_variant(mysql.VARCHAR(60_000, charset="latin1"), "mysql"),
        Integer(),
        postgresql.INET(),
    ],
)
def test_types_within_the_limits(type_: Any) -> None:
    assert sentences(mysql, Column("text", type_)) == []


def test_the_texts_of_a_row_are_added_up() -> None:
    [sentence] = sentences(mysql, Column("a", String(9_000)), Column("b", String(9_000)))
    assert "may have 72,004 bytes in a row, and MySQL allows 65,535" in sentence


def test_names_that_are_too_long() -> None:
    parts = [Column(LONG, Integer), Index(LONG, LONG)]
    found = sentences(postgresql, *parts, name=LONG)
    assert [text.partition(" has ")[0] for text in found] == [
        f"the name {LONG!r} of the table",
        f"the name {LONG!r} of the column of the table {LONG!r}",
        f"the name {LONG!r} of the index of the table {LONG!r}",
    ]
    assert "has 70 bytes, and PostgreSQL allows 63" in found[0]
    assert "has 64 bytes" in sentences(postgresql, name="ü" * 32)[0]
    assert sentences(mysql, name="ü" * 64) == []
    assert sentences(sqlite, name=LONG) == []


def test_names_that_are_made_are_shortened() -> None:
    parts = [Column("id", Integer, primary_key=True), Column("b" * 40, Integer, unique=True)]
    assert sentences(postgresql, *parts, name="c" * 40) == []
