"""Converters: text of a URL on one side, a Python value on the other."""

import re
from typing import Any
from uuid import UUID

# int() of more digits than this is refused by Python itself, for it takes quadratic time.
MAX_DIGITS = 4300

_DIGITS = re.compile(r"[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class TypeConverter:
    """Base of the converters of path variables.

    A subclass turns text into a value and back, and raises `ValueError` for what it does not
    take: then the route does not match. Register one with `register_converter`.
    """

    @property
    def openapi_type(self) -> dict[str, Any]:
        """The OpenAPI schema of the value."""
        return {"type": "string"}

    def to_python(self, value: str) -> Any:
        """Return the value that the text of a URL stands for, or raise `ValueError`."""
        raise NotImplementedError(f"{type(self).__name__} has no to_python")

    def to_url(self, value: Any) -> str:
        """Return the text, not percent-encoded, that stands for a value, or raise `ValueError`."""
        raise NotImplementedError(f"{type(self).__name__} has no to_url")


class StringConverter(TypeConverter):
    """One non-empty segment of a path, as it is."""

    def to_python(self, value: str) -> str:
        """Return the text unchanged."""
        return value

    def to_url(self, value: Any) -> str:
        """Return the text of the value; a slash would begin another segment and is refused."""
        text = str(value)
        if "/" in text:
            raise ValueError(f"{text!r} holds a slash; use the converter path")
        return text


class PathConverter(StringConverter):
    """The non-empty rest of a path, slashes included."""

    def to_url(self, value: Any) -> str:
        """Return the text of the value."""
        return str(value)


class IntegerConverter(TypeConverter):
    """A non-negative whole number in ASCII digits."""

    @property
    def openapi_type(self) -> dict[str, Any]:
        """The OpenAPI schema of the value."""
        return {"type": "integer", "format": "int64"}

    def to_python(self, value: str) -> int:
        """Return the number, or raise `ValueError`."""
        if not (value.isascii() and value.isdigit()) or len(value) > MAX_DIGITS:
            raise ValueError(f"no whole number of at most {MAX_DIGITS} digits")
        return int(value)

    def to_url(self, value: Any) -> str:
        """Return the digits of the number, or raise `ValueError`."""
        text = str(value)
        if isinstance(value, bool) or len(text) > MAX_DIGITS or not _DIGITS.fullmatch(text):
            raise ValueError(f"{text[:40]!r} is no non-negative whole number")
        return text


class UUIDConverter(TypeConverter):
    """A UUID in its canonical form of 8-4-4-4-12 hexadecimal digits (RFC 9562)."""

    @property
    def openapi_type(self) -> dict[str, Any]:
        """The OpenAPI schema of the value."""
        return {"type": "string", "format": "uuid"}

    def to_python(self, value: str) -> UUID:
        """Return the UUID, or raise `ValueError`."""
        if not _UUID.fullmatch(value):
            raise ValueError("no UUID in canonical form")
        return UUID(value)

    def to_url(self, value: Any) -> str:
        """Return the canonical text of a UUID or of a text that is one, or raise `ValueError`."""
        if isinstance(value, UUID):
            return str(value)
        return str(self.to_python(str(value)))


CONVERTERS: dict[str, TypeConverter] = {
    "str": StringConverter(),
    "int": IntegerConverter(),
    "uuid": UUIDConverter(),
    "path": PathConverter(),
}


def register_converter(name: str, converter: TypeConverter) -> None:
    """Make `{variable:name}` in later patterns use a converter of one's own.

    Raises:
        TypeError: It is no instance of `TypeConverter`.
        ValueError: The name is no identifier, or is taken.
    """
    if not isinstance(converter, TypeConverter):
        raise TypeError(f"a converter is an instance of TypeConverter, not {converter!r}")
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a converter: letters, digits and _ only")
    if name in CONVERTERS:
        raise ValueError(f"the converter {name!r} exists: {type(CONVERTERS[name]).__name__}")
    CONVERTERS[name] = converter
