"""Failed attempts as text that every database takes."""

import traceback
from typing import NamedTuple, Self

_LONGEST_ERROR = 10_000
_LONGEST_TRACEBACK = 100_000


def storable(text: str) -> str:
    """Return a text with escapes for what a database may refuse: NUL and lone surrogates.

    Args:
        text: Any text, such as the message of an exception about a value that a visitor sent.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class FailureReport(NamedTuple):
    """An exception that ended an attempt, as it is stored and logged.

    Attributes:
        error: The exception with its type.
        traceback: Its traceback.
    """

    error: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException, message: str = "") -> Self:
        """Return the report of an exception.

        Args:
            error: The exception.
            message: Its message, if that is not its own.
        """
        text = f"{type(error).__name__}: {message or _message_of(error)}"
        trace = "".join(traceback.format_exception(error))
        return cls(storable(text)[:_LONGEST_ERROR], _shortened(storable(trace)))

    def as_ascii(self) -> Self:
        """Return the report in ASCII, for a database whose encoding lacks its characters."""
        escaped = (text.encode("ascii", "backslashreplace").decode() for text in self)
        return type(self)(*escaped)


def _shortened(trace: str) -> str:
    """Return the beginning and the end of a traceback, which tell the most."""
    half = _LONGEST_TRACEBACK // 2
    return trace if len(trace) <= 2 * half else f"{trace[:half]}\n[...]\n{trace[-half:]}"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001  code of the project, which must not end the worker
        return f"(its message raises {type(failure).__name__})"
