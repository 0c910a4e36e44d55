"""Limits of databases on models: lengths of names and of texts.

They are checked without a connection, so that a project learns of them from `lback check` and
`lback makemigrations`, before the database rejects a table.
"""

import re
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.elements import conv

# Bytes on PostgreSQL, which cuts longer names, and characters on MariaDB and MySQL.
_LONGEST_NAME = {"postgresql": 63, "mysql": 64, "mariadb": 64}
# A row has up to 65,535 bytes, and a character of utf8mb4 up to 4.
LONGEST_VARCHAR = 16_383
_ROW_BYTES = 65_535
_BYTES_PER_CHARACTER = 4
_VARCHAR = re.compile(r"(?:NATIONAL )?(?:N?VARCHAR|VARBINARY)\((\d+)\)")

_ONE_BYTE = re.compile(r"\b(latin|ascii|cp\d+|koi8|binary)", re.IGNORECASE)


def beyond_limits(tables: Iterable[sa.Table], dialect: Dialect) -> Iterator[str]:
    """Yield a sentence for each part of a model that the database does not support.

    Args:
        tables: Tables of the models.
        dialect: Dialect of the database.

    Example:
        >>> from sqlalchemy.dialects import mysql
        >>> notes = sa.Table("notes", sa.MetaData(), sa.Column("text", sa.String(200_000)))
        >>> next(beyond_limits([notes], mysql.dialect())).partition(",")[0]
        'the column notes.text is VARCHAR(200000)'
    """
    for table in tables:
        yield from long_names(table, dialect)
        yield from long_texts(table, dialect)


def long_names(table: sa.Table, dialect: Dialect) -> Iterator[str]:
    """Yield a sentence for each name of a model that is too long.

    Args:
        table: Table of the model.
        dialect: Dialect of the database.
    """
    longest = _LONGEST_NAME.get(dialect.name)
    if longest is None:
        return
    unit = "bytes" if dialect.name == "postgresql" else "characters"
    for kind, name in _names(table):
        size = len(name.encode()) if unit == "bytes" else len(name)
        if size > longest:
            place = "" if kind == "table" else f" of the table {table.name!r}"
            yield (
                f"the name {name!r} of the {kind}{place} has {size} {unit}, and "
                f"{_shown(dialect)} allows {longest}; choose a shorter one"
            )


def _names(table: sa.Table) -> Iterator[tuple[str, str]]:
    yield "table", str(table.name)
    for column in table.c:
        yield "column", str(column.name)
    # SQLAlchemy shortens names that it makes by itself.
    given: list[tuple[str, object]] = [("index", index.name) for index in table.indexes]
    given += [("constraint", constraint.name) for constraint in table.constraints]
    for kind, name in given:
        if isinstance(name, str) and not isinstance(name, conv):
            yield kind, str(name)


def long_texts(table: sa.Table, dialect: Dialect) -> Iterator[str]:
    """Yield a sentence for each text of a model that is too long for MariaDB and MySQL.

    Args:
        table: Table of the model.
        dialect: Dialect of the database.
    """
    if dialect.name not in ("mysql", "mariadb"):
        return
    row = 0
    for column in table.c:
        place = f"{table.name}.{column.name}"
        try:
            declared = column.type.compile(dialect)
        except CompileError:
            if isinstance(column.type.dialect_impl(dialect), sa.String):
                yield (
                    f"the column {place} is a String without a length, which {_shown(dialect)} "
                    "does not support; give it one, such as String(255), or use Text"
                )
            continue
        sized = _VARCHAR.match(declared)
        if sized is None:
            continue
        is_text, is_short = "CHAR" in sized[0], bool(_ONE_BYTE.search(declared))
        length = int(sized[1])
        bytes_ = length * (_BYTES_PER_CHARACTER if is_text and not is_short else 1)
        if bytes_ > _ROW_BYTES - 3:
            limit = f"{LONGEST_VARCHAR:,} characters" if is_text else f"{_ROW_BYTES - 3:,} bytes"
            way_out = f"Text or Text({length})" if is_text else "LargeBinary"
            yield (
                f"the column {place} is {sized[0]}, and {_shown(dialect)} allows {limit}; "
                f"use {way_out}"
            )
            continue
        row += bytes_ + 2
    if row > _ROW_BYTES:
        yield (
            f"the texts of the table {table.name!r} may have {row:,} bytes in a row, and "
            f"{_shown(dialect)} allows {_ROW_BYTES:,}; use Text for the long ones"
        )


def _shown(dialect: Dialect) -> str:
    if dialect.name == "postgresql":
        return "PostgreSQL"
    return "MariaDB" if getattr(dialect, "is_mariadb", False) else "MySQL"
