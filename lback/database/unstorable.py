"""Values that a column cannot store: the same error on every database, for status 400 or 404."""

import logging

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DataError

from lback.core.exceptions import UnstorableValue

logger = logging.getLogger(__name__)

# Error numbers of MySQL and MariaDB that PyMySQL counts as data errors but that are not about a
# value: a column without a default was left out, a primary key is NULL.
_NO_VALUE = frozenset({1263, 1364, 1171})
# Invalid dates and numbers out of range, which PyMySQL does not count as data errors.
_WRONG_VALUE = frozenset({1292, 1366, 1411, 1525, 1690})


class UnstorableData(UnstorableValue, DataError):
    """A `DataError` of SQLAlchemy that becomes a response as an `HTTPException` does.

    Args:
        context: SQLAlchemy's context of the failed statement.
    """

    def __init__(self, context: ExceptionContext) -> None:
        engine = context.engine
        DataError.__init__(
            self,
            context.statement,
            context.parameters,
            context.original_exception,
            hide_parameters=engine is None or engine.hide_parameters,
        )
        self.values = frozenset(_texts(context.parameters))


def listen(engine: Engine) -> None:
    """Raise `UnstorableData` when a statement of an engine fails because of an invalid value."""
    event.listen(engine, "handle_error", _translate)


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    if not _is_unstorable(error, context):
        return
    logger.warning("value cannot be stored: %s: %s", type(error).__name__, _first_line(error))
    raise UnstorableData(context)


def _is_unstorable(error: BaseException, context: ExceptionContext) -> bool:
    if isinstance(error, UnicodeEncodeError):  # half of a surrogate pair
        return True
    if isinstance(error, OverflowError):  # a number beyond 64 bits, on SQLite
        return True
    if isinstance(error, LookupError):  # not a member of an Enum column
        return "is not among the defined enum values" in str(error)
    if context.dialect.name in ("mysql", "mariadb"):
        return _is_wrong_for_mysql(error, context)
    return isinstance(context.sqlalchemy_exception, DataError)


def _is_wrong_for_mysql(error: BaseException, context: ExceptionContext) -> bool:
    number = error.args[0] if error.args else None
    if isinstance(context.sqlalchemy_exception, DataError):
        return number not in _NO_VALUE
    # PyMySQL rejects infinity and NaN with a message but no number.
    return number in _WRONG_VALUE or str(number).endswith("can not be used with MySQL")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else ""


def _texts(parameters: object) -> list[str]:
    """Return all values of a statement as text, for one set of parameters or many."""
    if isinstance(parameters, dict):
        parameters = list(parameters.values())
    if isinstance(parameters, (list, tuple)):
        return [text for value in parameters for text in _texts(value)]
    try:
        return [str(parameters)]
    except ValueError:  # an integer of too many digits
        return []
