"""Adds a hint to errors about missing tables and columns: which commands to run."""

import re

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

HINT = (
    "The tables of the database do not match the models. In a project run: lback makemigrations "
    "&& lback migrate. In an application in one file call app.db_manager.create_tables()"
)

_SQLITE = re.compile(r"no such (?:table|column): |has no column named ")
# PostgreSQL: undefined_column, undefined_table. MySQL and MariaDB: ER_BAD_FIELD_ERROR,
# ER_NO_SUCH_TABLE.
_CODES = frozenset({"42703", "42P01", 1054, 1146})


def is_missing_schema(error: BaseException | None) -> bool:
    """Return True if a driver's error says that a table or a column does not exist."""
    if error is None:
        return False
    if hasattr(error, "sqlite_errorcode"):
        return _SQLITE.search(str(error)) is not None
    return getattr(error, "sqlstate", None) in _CODES or next(iter(error.args), None) in _CODES


def listen(engine: Engine) -> None:
    """Add `HINT` to errors of an engine about a missing table or column.

    The hint is a note of the exception (PEP 678), which logs, error pages, the shell and commands
    show.
    """
    event.listen(engine, "handle_error", _add_hint)


def _add_hint(context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception
    if error is not None and is_missing_schema(context.original_exception):
        error.add_note(HINT)
