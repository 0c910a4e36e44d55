"""Violated constraints: what a database refused, told apart alike for every database."""

from typing import Literal, TypeAlias

from sqlalchemy.exc import DBAPIError, IntegrityError

Violation: TypeAlias = Literal["unique", "foreign_key", "not_null", "check", "other"]

# SQLSTATE of PostgreSQL.
_STATES: dict[str, Violation] = {
    "23502": "not_null",
    "23503": "foreign_key",
    "23505": "unique",
    "23514": "check",
    "23P01": "unique",  # an exclusion constraint
}
# Error numbers of MySQL and MariaDB; a failed CHECK is an OperationalError there.
_NUMBERS: dict[object, Violation] = {
    1048: "not_null",
    1062: "unique",
    1216: "foreign_key",
    1217: "foreign_key",
    1364: "not_null",
    1451: "foreign_key",
    1452: "foreign_key",
    3819: "check",
    4025: "check",
}
# Beginnings of the messages of SQLite.
_MESSAGES: dict[str, Violation] = {
    "UNIQUE": "unique",
    "PRIMARY KEY": "unique",
    "FOREIGN KEY": "foreign_key",
    "NOT NULL": "not_null",
    "CHECK": "check",
}


def violation_of(error: DBAPIError) -> Violation | None:
    """Return which kind of constraint a statement violated, or `None` for any other failure.

    Args:
        error: The exception of SQLAlchemy.

    Returns:
        `"other"` if the database refused the values for a reason that is none of these.

    Example:
        >>> from sqlalchemy import create_engine, text
        >>> with create_engine("sqlite://").connect() as connection:
        ...     _ = connection.execute(text("CREATE TABLE a (b INTEGER UNIQUE)"))
        ...     try:
        ...         _ = connection.execute(text("INSERT INTO a VALUES (1), (1)"))
        ...     except DBAPIError as error:
        ...         print(violation_of(error))
        unique
    """
    original = error.orig
    state = _STATES.get(str(getattr(original, "sqlstate", "")))
    first = next(iter(getattr(original, "args", ())), None)
    found = state or _NUMBERS.get(first) or _of_message(str(first))
    return found or ("other" if isinstance(error, IntegrityError) else None)


def _of_message(text: str) -> Violation | None:
    name, found, _ = text.partition(" constraint failed")
    return _MESSAGES.get(name) if found else None
