"""Cache keys encoded as text for Redis, and decoded again."""

import msgspec

_PLAIN = (str, int, float, type(None))


def text_of(key: object) -> str:
    """Return a key as JSON text. Different keys have different texts.

    Raises:
        TypeError: The key is not text, a number, None or a tuple of these.

    Example:
        >>> from lback.cache.keys import text_of
        >>> text_of(("book", 7))
        '["book",7]'
    """
    hash(key)
    return msgspec.json.encode(_checked(key)).decode()


def _checked(key: object) -> object:
    if isinstance(key, tuple):
        return [_checked(part) for part in key]
    if isinstance(key, _PLAIN) and key == key:
        return key
    raise TypeError(
        f"{type(key).__name__} is not a valid key of a Redis cache: use text, numbers, None, or "
        "tuples of these"
    )


def key_of(text: str) -> object:
    """Return the key that `text_of` encoded as this text.

    Example:
        >>> from lback.cache.keys import key_of
        >>> key_of('["book",7]')
        ('book', 7)
    """
    return _hashable(msgspec.json.decode(text))


def _hashable(part: object) -> object:
    return tuple(map(_hashable, part)) if isinstance(part, list) else part
