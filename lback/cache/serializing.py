"""Serializers for cached values; values that would change in a round trip are refused."""

from importlib import import_module
from typing import Any, Protocol

import msgspec

from lback.core.exceptions import ConfigurationError

# Raised by `loads` for bytes that another release or program wrote.
UNREADABLE = (
    msgspec.MsgspecError, ValueError, TypeError, LookupError, EOFError, ImportError, AttributeError,
)  # fmt: skip


class Serializer(Protocol):
    """Serialize values to bytes and back.

    The module `pickle` is a valid serializer, but only for a Redis server that you trust:
    unpickling runs code.
    """

    def dumps(self, value: object, /) -> bytes:
        """Return a value as bytes."""

    def loads(self, octets: bytes, /) -> Any:
        """Return the value of some bytes.

        Raises:
            Exception: One of `UNREADABLE`; the cache then treats the entry as missing.
        """


class MessagePack:
    """Serialize plain data as MessagePack. Loading never runs code.

    Example:
        >>> from lback.cache.serializing import MessagePack
        >>> MessagePack().loads(MessagePack().dumps({"total": 3}))
        {'total': 3}
    """

    def dumps(self, value: object, /) -> bytes:
        """Return a value as MessagePack.

        Raises:
            TypeError: The value would not survive a round trip: tuples and sets would come back
                as lists, and other objects not at all.
        """
        try:
            octets = msgspec.msgpack.encode(value)
            same = msgspec.msgpack.decode(octets) == value
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise TypeError(_refusal(value, str(error))) from error
        if not same:
            raise TypeError(_refusal(value, "a round trip would change it"))
        return octets

    def loads(self, octets: bytes, /) -> Any:
        """Return the value of MessagePack bytes.

        Raises:
            msgspec.DecodeError: The bytes are not valid MessagePack.
        """
        return msgspec.msgpack.decode(octets)


def _refusal(value: object, why: str) -> str:
    return (
        f"a value of type {type(value).__name__} cannot be stored in Redis: {why}; "
        "store text, bytes, numbers, dates with a time zone, lists or mappings"
    )


def import_serializer(name: str) -> Serializer:
    """Import a serializer module by its dotted name.

    Raises:
        ConfigurationError: The module cannot be imported, or lacks `dumps` or `loads`.

    Example:
        >>> from lback.cache.serializing import import_serializer
        >>> import_serializer("pickle").__name__
        'pickle'
    """
    try:
        module = import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"the cache serializer {name!r} cannot be imported: {error}"
        ) from error
    missing = [method for method in ("dumps", "loads") if not callable(getattr(module, method, 0))]
    if missing:
        raise ConfigurationError(f"the cache serializer {name!r} has no {' and no '.join(missing)}")
    return module
