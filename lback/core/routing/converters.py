"""Path converters, which convert text of a URL to a Python value and back."""

import re
from typing import Any
from uuid import UUID

# Python refuses int() of more digits by default, because it takes quadratic time.
MAX_DIGITS = 4300

_DIGITS = re.compile(r"[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class TypeConverter:
    """Base class of converters of path variables.

    A subclass converts text to a value and back. It raises `ValueError` for invalid text, and then
    the route does not match. Register an instance with `register_converter`.
    """

    @property
    def openapi_type(self) -> dict[str, Any]:
        """The OpenAPI schema of the value."""
        return {"type": "string"}

    def to_python(self, value: str) -> Any:
        """Convert text of a URL to a value, or raise `ValueError`."""
        raise NotImplementedError(f"{type(self).__name__} has no to_python")

    def to_url(self, value: Any) -> str:
        """Convert a value to text that is not percent-encoded, or raise `ValueError`."""
        raise NotImplementedError(f"{type(self).__name__} has no to_url")


class StringConverter(TypeConverter):
    """One non-empty segment of a path, as text."""

    def to_python(self, value: str) -> str:
        """Return the text unchanged."""
        return value

    def to_url(self, value: object) -> str:
        """Return the text of the value, or raise `ValueError` if it contains a slash."""
        text = str(value)
        if "/" in text:
            raise ValueError(f"{text!r} contains a slash; use the converter path")
        return text


class PathConverter(StringConverter):
    """The non-empty rest of a path, slashes included."""

    def to_url(self, value: object) -> str:
        """Return the text of the value."""
        return str(value)


class IntegerConverter(TypeConverter):
    """A non-negative whole number in ASCII digits.

    Example:
        >>> IntegerConverter().to_python("007"), IntegerConverter().to_url(7)
        (7, '7')
    """

    @property
    def openapi_type(self) -> dict[str, Any]:
        """The OpenAPI schema of the value."""
        return {"type": "integer", "format": "int64"}

    def to_python(self, value: str) -> int:
        """Return the number, or raise `ValueError`."""
        if not (value.isascii() and value.isdigit()) or len(value) > MAX_DIGITS:
            raise ValueError(f"not a whole number of at most {MAX_DIGITS} digits")
        return int(value)

    def to_url(self, value: object) -> str:
        """Return the digits of the number, or raise `ValueError`."""
        text = str(value)
        if isinstance(value, bool) or len(text) > MAX_DIGITS or not _DIGITS.fullmatch(text):
            raise ValueError(f"{text[:40]!r} is not a non-negative whole number")
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
            raise ValueError("not a UUID in canonical form")
        return UUID(value)

    def to_url(self, value: object) -> str:
        """Return the canonical text of a UUID, given as UUID or text, or raise `ValueError`."""
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
    """Register a converter for `{variable:name}` in patterns that are written later.

    Args:
        name: An identifier that no other converter has.
        converter: An instance of a subclass of `TypeConverter`.

    Raises:
        TypeError: The converter is not an instance of `TypeConverter`.
        ValueError: The name is not an identifier, or is taken.
    """
    if not isinstance(converter, TypeConverter):
        raise TypeError(f"a converter must be an instance of TypeConverter, not {converter!r}")
    if not name.isidentifier():
        raise ValueError(f"{name!r} is not a name for a converter: letters, digits and _ only")
    if name in CONVERTERS:
        raise ValueError(f"the converter {name!r} exists: {type(CONVERTERS[name]).__name__}")
    CONVERTERS[name] = converter
