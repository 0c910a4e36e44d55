"""Which lines a log shows, and that no text from outside can forge one."""

import copy
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError
from lback.core.logging_setup import LineFormatter, setup_logging

logger = logging.getLogger("shop.orders")


@pytest.fixture(autouse=True)
def own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A root logger without handlers, put back as it was."""
    for name in ("DEBUG", "LOGGING", "LOGGING_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    root, watchdog = logging.getLogger(), logging.getLogger("watchdog")
    alembic = logging.getLogger("alembic")
    before = (root.level, root.handlers[:], watchdog.level, alembic.level)
    root.handlers[:] = []
    yield root
    root.handlers[:] = before[1]
    root.setLevel(before[0])
    watchdog.setLevel(before[2])
    alembic.setLevel(before[3])
    logger.handlers[:] = []
    logger.setLevel(logging.NOTSET)
    logger.disabled = False


def handlers() -> list[logging.Handler]:
    """The handlers of the root logger, but for those that pytest listens with."""
    found = logging.getLogger().handlers
    return [handler for handler in found if not type(handler).__module__.startswith("_pytest")]


def configured(**settings: Any) -> Config:
    config = Config(None, settings=settings)
    setup_logging(config)
    return config


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({}, logging.INFO),
        ({"DEBUG": True}, logging.DEBUG),
        ({"LOGGING_LEVEL": "ERROR"}, logging.ERROR),
        ({"LOGGING_LEVEL": "info", "DEBUG": True}, logging.INFO),
        ({"LOGGING_LEVEL": "DEBUG", "DEBUG": False}, logging.DEBUG),
    ],
)
def test_the_level_is_the_one_that_is_set(
    settings: dict[str, Any], level: int, own_logging: logging.Logger
) -> None:
    configured(**settings)

    assert own_logging.level == level


def test_a_line_tells_time_level_logger_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    logger.info("order %d paid", 7)
    logger.debug("not shown")

    line = capsys.readouterr().err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO shop\.orders: order 7 paid\n", line
    )


def test_calling_twice_leaves_one_handler_with_the_newer_level(
    own_logging: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configured()
    configured(LOGGING_LEVEL="ERROR")
    logger.warning("not shown")
    logger.error("shown")

    assert len(handlers()) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_handlers_of_others_stay(own_logging: logging.Logger) -> None:
    other = logging.NullHandler()
    own_logging.addHandler(other)
    configured()
    configured()

    assert len(handlers()) == 2
    assert other in handlers()


@pytest.mark.parametrize(("level", "near"), [("INOF", "did you mean INFO?"), ("loud", "DEBUG")])
def test_an_unknown_level_names_those_that_are_known(
    level: str, near: str, own_logging: logging.Logger
) -> None:
    with pytest.raises(ConfigurationError, match=f"LOGGING_LEVEL = '{level}'") as caught:
        configured(LOGGING_LEVEL=level)
    assert near in str(caught.value)
    assert "WARNING" in str(caught.value)
    assert not handlers()


def test_the_events_of_every_file_are_not_logged_in_development() -> None:
    configured(DEBUG=True)
    assert not logging.getLogger("watchdog.observers").isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize("debug", [False, True])
def test_each_inspection_of_the_database_is_not_logged(debug: bool) -> None:
    configured(DEBUG=debug)
    assert not logging.getLogger("alembic.runtime.migration").isEnabledFor(logging.INFO)


# --- LOGGING

MAPPING: dict[str, Any] = {
    "version": 1,
    "formatters": {"line": {"()": "lback.core.logging_setup.LineFormatter", "fmt": "%(message)s"}},
    "handlers": {"null": {"class": "logging.NullHandler", "formatter": "line"}},
    "root": {"handlers": ["null"], "level": "ERROR"},
    "loggers": {"shop.orders": {"level": "WARNING"}},
}


def test_a_mapping_rules_alone_and_is_not_changed(own_logging: logging.Logger) -> None:
    configured()
    mapping = copy.deepcopy(MAPPING)
    configured(LOGGING=mapping, LOGGING_LEVEL="DEBUG")

    (handler,) = handlers()
    assert isinstance(handler, logging.NullHandler)
    assert isinstance(handler.formatter, LineFormatter)
    assert (own_logging.level, logger.level) == (logging.ERROR, logging.WARNING)
    assert mapping == MAPPING


def test_a_mapping_may_hold_a_stream_of_its_own(own_logging: logging.Logger) -> None:
    stream = io.StringIO()
    handler = {"class": "logging.StreamHandler", "stream": stream}
    configured(
        LOGGING={"version": 1, "handlers": {"mine": handler}, "root": {"handlers": ["mine"]}}
    )
    logger.warning("to the stream")

    assert stream.getvalue() == "to the stream\n"
    assert handler == {"class": "logging.StreamHandler", "stream": stream}


def test_a_mapping_without_a_root_takes_our_handler_away(own_logging: logging.Logger) -> None:
    configured()
    configured(LOGGING={"version": 1})
    assert not handlers()


def test_loggers_that_exist_are_not_silenced_unless_the_mapping_says_so() -> None:
    configured(LOGGING={"version": 1})
    assert not logger.disabled
    configured(LOGGING={"version": 1, "disable_existing_loggers": True})
    assert logger.disabled


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"level": "INFO"}, "dictionary doesn't specify a version"),
        ({"version": 1, "root": {"level": "INOF"}}, "Unknown level: 'INOF'"),
        ({"version": 1, "handlers": {"a": {"class": "no.Such"}}}, "'a': Cannot resolve 'no.Such'"),
        ({"version": 1, "root": ["x"]}, "Unable to configure root logger"),
    ],
)
def test_a_mapping_that_cannot_be_applied_says_why(mapping: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match="LOGGING cannot be applied") as caught:
        configured(LOGGING=mapping)
    assert reason in str(caught.value)


# --- forged lines


def formatted(message: str) -> str:
    record = logging.makeLogRecord({"levelname": "INFO", "msg": message})
    return LineFormatter("%(levelname)s %(message)s").format(record)


@given(st.text())
def test_a_message_stays_on_its_line(text: str) -> None:
    line = formatted(text)

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb", "a\tb"),
        ("\u202egnp", r"\u202egnp"),
        ("\x85 \u2028 \x00", r"\x85 \u2028 \x00"),
        ("ä — 漢 🐢", "ä — 漢 🐢"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert formatted(text) == f"INFO {shown}"


def test_values_in_a_message_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    logger.warning("GET %s", "/x\n2026-01-01 00:00:00,000 CRITICAL shop: paid")

    assert capsys.readouterr().err.count("\n") == 1


def test_a_traceback_keeps_its_lines_and_none_of_them_passes_for_a_record(
    own_logging: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    own_logging.addHandler(logging.StreamHandler(io.StringIO()))  # formats it first, unsafely
    configured()
    try:
        raise ValueError("no\n2026-01-01 00:00:00,000 CRITICAL shop: paid\x1b[2J")
    except ValueError:
        logger.exception("failed", stack_info=True)

    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR shop.orders: failed")
    assert "    Traceback (most recent call last):" in rest
    assert "    Stack (most recent call last):" in rest
    assert all(line.startswith("    ") for line in rest)
    assert rest.count(r"    2026-01-01 00:00:00,000 CRITICAL shop: paid\x1b[2J") == 1


def test_a_traceback_that_came_as_text_is_kept_and_indented() -> None:
    record = logging.makeLogRecord({"msg": "failed", "exc_text": "Traceback\nValueError: \x1b"})

    assert LineFormatter("%(message)s").format(record) == (
        "failed\n    Traceback\n    ValueError: \\x1b"
    )
    assert record.exc_text == "Traceback\nValueError: \x1b"
