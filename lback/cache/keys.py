"""Keys: what a cache is asked by, as the text by which a server knows it."""

from typing import Any

import msgspec

_PLAIN = (str, int, float, type(None))


def text_of(key: Any) -> str:
    """Return the text of a key; two keys that differ have texts that differ.

    Raises:
        TypeError: It is not made of text, numbers, `None` and tuples of these.
    """
    hash(key)
    return msgspec.json.encode(_checked(key)).decode()


def _checked(key: Any) -> Any:
    if isinstance(key, tuple):
        return [_checked(part) for part in key]
    if isinstance(key, _PLAIN) and key == key:
        return key
    raise TypeError(
        f"{type(key).__name__} is no key of a cache in Redis: text, numbers, None, or tuples of "
        "these"
    )


def key_of(text: str) -> Any:
    """Return the key that has a text."""
    return _hashable(msgspec.json.decode(text))


def _hashable(part: Any) -> Any:
    return tuple(map(_hashable, part)) if isinstance(part, list) else part
