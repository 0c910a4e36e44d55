"""Logging: a handler whose lines cannot be forged, or the configuration of the project."""

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from lback.core.config import Config
from lback.core.errors.redaction import Redactor, redactor_of, without_values
from lback.core.exceptions import ConfigurationError
from lback.core.settings.validation import logging_level

if TYPE_CHECKING:
    from lback.core.router import Router

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HANDLER = "lback"

# Characters that end a line, move the cursor, change the reading direction or are invisible: C0
# except the tab, DEL, C1, line and paragraph separators, bidirectional controls, zero-width and tag
# characters. And surrogates, which a stream cannot write, so that the line would be lost.
_CONTROLS = (
    *(code for code in range(32) if code != 9),
    *range(0x7F, 0xA0),
    *(0xAD, 0x61C, 0x180E, 0x2028, 0x2029, 0xFEFF),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xD800, 0xE000),
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
)
_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in _CONTROLS}
_ESCAPES_OF_TRACES = {code: text for code, text in _ESCAPES.items() if code != 10}

ExceptionInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class LineFormatter(logging.Formatter):
    r"""Formats a record as one line: control characters become escapes such as `\n` and `\x1b`.

    Lines of a traceback are kept and indented, so that none can be mistaken for a record. The
    values of secret settings, of SQL statements and the credentials in paths are masked; in the
    traceback of a request, its own credentials as well. To use it in the setting LOGGING:
    `{"()": "lback.core.logging_setup.LineFormatter"}`.

    Args:
        fmt: Format string, as for `logging.Formatter`.
        **options: Other arguments of `logging.Formatter`.
    """

    def __init__(self, fmt: str = LINE, **options: Any) -> None:
        super().__init__(fmt, **options)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record with its traceback."""
        # Another handler may have cached its own text of the traceback, which is not escaped.
        left, record.exc_text = record.exc_text, None
        try:
            text = super().format(record)
        finally:
            record.exc_text = left
        if left and not record.exc_info:
            text = f"{text}\n{_indented(left)}"
        return _redacted(text, record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  of the library
        """Format the line without its traceback."""
        return super().formatMessage(record).translate(_ESCAPES)

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802  of the library
        """Format a traceback."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  of the library
        """Format a stack."""
        return _indented(super().formatStack(stack_info))


class _Process:
    """What masks secrets in the log of this process."""

    redactor: Redactor | None = None


_process = _Process()


def _redacted(text: str, record: logging.LogRecord) -> str:
    redactor = _process.redactor
    text = without_values(text) if redactor is None else redactor(text)
    request: Any = getattr(record, "request", None)
    # Values that a client chose are masked in tracebacks alone: else it could hide its address.
    head, line_end, trace = text.partition("\n")
    if not trace or getattr(request, "environ", None) is None:
        return text
    redact = redactor_of(request)
    return text if redact is None else f"{head}{line_end}{redact(trace)}"


class RedactingFilter(logging.Filter):
    """Masks in records what `LineFormatter` masks, for handlers with another formatter.

    In LOGGING, `"filters": {"redact": {"()": "lback.core.logging_setup.RedactingFilter"}}`
    defines it, and each handler names it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask message and traceback, and let the record through."""
        record.msg, record.args = _redacted(record.getMessage(), record), None
        if record.exc_info and not record.exc_text:
            trace = logging.Formatter().formatException(record.exc_info)
            record.exc_text = _redacted(f"\n{trace}", record)[1:]
        return True


def mask_paths(config: Config, router: "Router") -> None:
    """Have the credentials in the paths of a router masked in what is logged; for the process.

    Args:
        config: Its secret settings are masked, as by `setup_logging`.
        router: Its routes tell which parts of a path are credentials.
    """
    _process.redactor = Redactor(config, router)


def setup_logging(config: Config) -> None:
    """Configure logging for the process. Further calls update it and add no second handler.

    If LOGGING is set, it is passed to `logging.config.dictConfig` and nothing else is configured.
    Otherwise one handler writes records from LOGGING_LEVEL on to the standard error stream; by
    default INFO, or DEBUG while DEBUG is on.

    Raises:
        ConfigurationError: LOGGING or LOGGING_LEVEL is invalid; the message says what is valid.
    """
    level = _level(config)
    _process.redactor = Redactor(config)
    root = logging.getLogger()
    if config.LOGGING:
        _apply(config.LOGGING)
        _remove_ours(root)
        return
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)
    handler.setFormatter(LineFormatter())
    _remove_ours(root)
    root.addHandler(handler)
    root.setLevel(level)
    # It logs every event of every file, which does not concern the application.
    logging.getLogger("watchdog").setLevel(max(level, logging.INFO))
    # It logs each inspection of the database, as of a health check.
    logging.getLogger("alembic").setLevel(max(level, logging.WARNING))


def _level(config: Config) -> int:
    if not config.LOGGING_LEVEL:
        return logging.DEBUG if config.DEBUG else logging.INFO
    try:
        return logging_level(config.LOGGING_LEVEL)
    except ValueError as error:
        raise ConfigurationError(f"LOGGING_LEVEL = {config.LOGGING_LEVEL!r}: {error}") from None


def _apply(settings: dict[str, object]) -> None:
    import logging.config  # takes 16 ms, which only LOGGING needs

    # By default, dictConfig disables all existing loggers, including those of Lback.
    settings = {"disable_existing_loggers": False, **_copied(settings)}
    try:
        logging.config.dictConfig(settings)
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        reason = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise ConfigurationError(f"LOGGING cannot be applied: {reason}") from error


def _copied(value: object) -> Any:
    # dictConfig may change the mapping; its values, such as streams, cannot be deep-copied.
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _remove_ours(root: logging.Logger) -> None:
    for handler in [h for h in root.handlers if h.get_name() == HANDLER]:
        root.removeHandler(handler)
        handler.close()


def _indented(trace: str) -> str:
    lines = trace.translate(_ESCAPES_OF_TRACES).split("\n")
    return "\n".join(f"    {line}" for line in lines)
