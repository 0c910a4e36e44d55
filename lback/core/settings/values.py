"""Converts text of environment variables to the types of settings."""

import json
from typing import Any

from lback.core.settings.secret_names import is_secret

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def shown(name: str, value: object) -> str:
    """Return the representation of a value for messages, masked if it is secret.

    Args:
        name: Name of the setting.
        value: Its value.

    Example:
        >>> shown("PORT", 8000), shown("DB_PASSWORD", "abc")
        ('8000', '********')
    """
    if is_secret(name, value):
        return "********" if value else repr(value)
    return repr(value)


def parse_text(text: str, like: object) -> object:
    """Convert text of an environment variable to the type of `like`.

    Args:
        text: The text; surrounding white space is ignored.
        like: A value of the target type; `None` or text keeps the text.

    Raises:
        ValueError: The text cannot be converted; the message says what to write.

    Example:
        >>> parse_text("yes", False), parse_text("a, b", []), parse_text("80", 0)
        (True, ['a', 'b'], 80)
    """
    text = text.strip()
    if isinstance(like, bool):
        return _boolean(text)
    if isinstance(like, int):
        return _number(text, int, "a whole number")
    if isinstance(like, float):
        return _number(text, float, "a number")
    if isinstance(like, (list, tuple)):
        return _list(text)
    if isinstance(like, dict):
        return _mapping(text)
    return text


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("write true or false, 1 or 0, yes or no, on or off")


def _number(text: str, kind: type, what: str) -> object:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"write {what}") from None


def _list(text: str) -> list[object]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    value: list[object] = _json(text, "a list: items with commas between them, or JSON")
    return value


def _mapping(text: str) -> dict[str, object]:
    value = _json(text, "a JSON object")
    if not isinstance(value, dict):
        raise ValueError("write a JSON object")
    return value


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"write {what}") from None
