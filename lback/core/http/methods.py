"""The methods of HTTP, as an enumeration that compares with text."""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class HTTPMethod(str, Enum):  # noqa: UP042  StrEnum would bring its own __str__ and auto()
    """The standard methods (RFC 9110 §9, RFC 5789).

    A member is its name as text, so that it goes wherever text does; it also equals the name in
    any other case. The hash is that of the upper-case name: sets and dicts find a member by
    `"GET"`, though not by `"get"`.
    """

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    PATCH = "PATCH"
    OPTIONS = "OPTIONS"
    HEAD = "HEAD"

    def __eq__(self, other: Any) -> bool:
        if self is other:
            return True
        if isinstance(other, str):
            return self._value_ == str.upper(other)
        return NotImplemented

    def __ne__(self, other: Any) -> bool:
        # That of plain text minds case, and would be found first.
        return not self == other

    # The hash of plain text, so that a look-up by member stays in C.
    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self._value_


METHODS: dict[str, HTTPMethod] = {method.value: method for method in HTTPMethod}


def supported_methods(methods: Iterable[str]) -> list[str]:
    """Return all methods that work where these do, in the order of the alphabet.

    HEAD works wherever GET does, and OPTIONS everywhere.
    """
    return list(_supported(tuple(methods)))


@lru_cache(256)  # each set of methods that the routes of an application have
def _supported(methods: tuple[str, ...]) -> list[str]:
    named = {str(method) for method in methods}
    return sorted({*named, "OPTIONS", *(["HEAD"] if "GET" in named else [])})


def is_token(text: str) -> bool:
    """Tell whether text can be the name of a method (RFC 9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None
