"""From values to octets and back: what would come back as something else is refused."""

from importlib import import_module
from typing import Any, Protocol

import msgspec

from lback.core.exceptions import ConfigurationError

# What reading octets may raise that another release wrote, or another program.
UNREADABLE = (
    msgspec.MsgspecError, ValueError, TypeError, LookupError, EOFError, ImportError, AttributeError,
)  # fmt: skip


class Serializer(Protocol):
    """Turns values into octets and back; the module `pickle` is one, for who trusts the server."""

    def dumps(self, value: Any, /) -> bytes:
        """Return the octets of a value."""

    def loads(self, octets: bytes, /) -> Any:
        """Return the value of octets, or raise one of `UNREADABLE`."""


class MessagePack:
    """Data alone: nothing that is read can run code, whoever wrote it."""

    def dumps(self, value: Any, /) -> bytes:
        """Return the octets of a value.

        Raises:
            TypeError: It would not come back as it is: a tuple as a list, a set as a list, an
                object not at all.
        """
        try:
            octets = msgspec.msgpack.encode(value)
            same = msgspec.msgpack.decode(octets) == value
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise TypeError(_refusal(value, str(error))) from error
        if not same:
            raise TypeError(_refusal(value, "it would come back as something else"))
        return octets

    def loads(self, octets: bytes, /) -> Any:
        """Return the value of octets.

        Raises:
            msgspec.DecodeError: They are none of a value.
        """
        return msgspec.msgpack.decode(octets)


def _refusal(value: Any, why: str) -> str:
    return (
        f"a value of type {type(value).__name__} cannot be kept in Redis: {why}; "
        "keep text, bytes, numbers, dates with a time zone, lists and mappings"
    )


def import_serializer(name: str) -> Serializer:
    """Return the module of that name, which has `dumps` and `loads`.

    Raises:
        ConfigurationError: There is none, or it lacks one of them.
    """
    try:
        module: Any = import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"the serializer {name!r} of a cache: {error}") from error
    missing = [method for method in ("dumps", "loads") if not callable(getattr(module, method, 0))]
    if missing:
        raise ConfigurationError(
            f"the serializer {name!r} of a cache has no {' and no '.join(missing)}"
        )
    return module  # type: ignore[no-any-return]  # it was looked into just now
