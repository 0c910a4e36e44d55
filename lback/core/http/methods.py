"""HTTP methods as an enumeration that compares equal to text in any case."""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class HTTPMethod(str, Enum):  # noqa: UP042  StrEnum would bring its own __str__ and auto()
    """The standard methods (RFC 9110 section 9, RFC 5789).

    A member is also a `str` and equals its name in any case. Its hash is that of the upper-case
    name: sets and dicts find a member by `"GET"`, but not by `"get"`.

    Example:
        >>> HTTPMethod.GET == "get", f"{HTTPMethod.GET}"
        (True, 'GET')
    """

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    PATCH = "PATCH"
    OPTIONS = "OPTIONS"
    HEAD = "HEAD"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, str):
            return self._value_ == str.upper(other)
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        # Without it, the one of `str` would be used, which compares case.
        return not self == other

    # The hash of `str`, so that a lookup by member needs no Python call.
    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self._value_


METHODS: dict[str, HTTPMethod] = {method.value: method for method in HTTPMethod}


def supported_methods(methods: Iterable[str]) -> list[str]:
    """Return the sorted names of all methods that work for a path with these routes.

    HEAD works if GET does, and OPTIONS always works.

    Example:
        >>> supported_methods(["GET", "POST"])
        ['GET', 'HEAD', 'OPTIONS', 'POST']
    """
    return list(_supported(tuple(methods)))


@lru_cache(256)  # each set of methods that the routes of an application have
def _supported(methods: tuple[str, ...]) -> list[str]:
    named = {str(method) for method in methods}
    return sorted({*named, "OPTIONS", *(["HEAD"] if "GET" in named else [])})


def is_token(text: str) -> bool:
    """Return True if text is a token and can be the name of a method (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None
