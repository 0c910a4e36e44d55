"""Conversion of text from queries, header fields, cookies, paths and forms to typed values."""

import enum
import re
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from lback.api.messages import message
from lback.api.wrong_places import WrongPlace, wrong_places
from lback.core.routing.annotations import SCALARS, plain

_INTEGER = re.compile(r"[+-]?[0-9]{1,4300}")
_SWITCHES: Mapping[str, bool] = {
    "true": True, "1": True, "on": True, "false": False, "0": False, "off": False,
}  # fmt: skip
_COLLECTIONS = frozenset({list, set, frozenset, tuple, Sequence, Collection, Iterable})
_UNIONS = (Union, types.UnionType)
_MOMENTS = (date, datetime, time, timedelta)


class InvalidText(ValueError):
    """Text is not a value of the type.

    Args:
        places: What is wrong; the path is empty, or the index of an item.
    """

    def __init__(self, places: list[WrongPlace]) -> None:
        super().__init__(places[0].detail)
        self.places = places


class TextValue:
    """Converts text to the type of an annotation.

    Args:
        annotation: A type that `is_text_type` accepts.

    Attributes:
        is_list: Whether it takes several texts.

    Example:
        >>> TextValue(int).convert("7"), TextValue(list[bool]).convert_all(["on", "0"])
        (7, [True, False])
    """

    def __init__(self, annotation: Any) -> None:
        bare, is_optional = _without_none(annotation)
        self.is_list = get_origin(plain(bare)) in _COLLECTIONS
        # Text never stands for null, and an empty text is null only where text is not a value.
        self._annotation = bare
        item = get_args(plain(bare))[0] if self.is_list else bare
        kinds = {plain(kind) for kind in _members(item)}
        self._is_boolean = kinds == {bool}
        self._is_integer = kinds == {int}
        self._is_plain = item is str
        self._strict = kinds <= {str, *_MOMENTS}
        self.blank_is_none = is_optional and not self.is_list and str not in kinds
        self.is_optional = is_optional

    def convert(self, text: str) -> object:
        """Return the value of one text.

        Raises:
            InvalidText: The text is not of the type.
        """
        if self._is_plain and self._annotation is str:
            return text
        if not text and self.blank_is_none:
            return None
        return self._converted(self._read(text))

    def convert_all(self, texts: list[str]) -> object:
        """Return the value of several texts, for a list.

        Raises:
            InvalidText: Some of the texts are not of the type.
        """
        return self._converted([self._read(text) for text in texts])

    def _read(self, text: str) -> object:
        """Return the text, or what it stands for where msgspec reads more than people expect."""
        if self._is_boolean:
            return _SWITCHES.get(text.lower(), text)
        if self._is_integer and _INTEGER.fullmatch(text):
            return int(text)
        return text

    def _converted(self, value: object) -> object:
        wrong = None
        # msgspec takes 1.0 and 1e3 for a whole number.
        strict = self._strict or self._is_integer or self._is_boolean
        try:
            found = msgspec.convert(value, self._annotation, strict=strict)
        except (msgspec.ValidationError, ValueError):
            wrong = wrong_places(value, self._annotation, strict=strict)
        else:
            if found.__class__ in SCALARS_WITHOUT_NUMBERS:
                return found
            wrong = wrong_places(value, self._annotation, strict=strict)
        if wrong:
            raise InvalidText(wrong)
        return found


SCALARS_WITHOUT_NUMBERS = frozenset({str, int, bool, *SCALARS & frozenset(_MOMENTS)})


def repeated() -> InvalidText:
    """Return the error for a name that was given several times and takes one value."""
    return InvalidText([WrongPlace((), "repeated", message("repeated"))])


def is_text_type(annotation: Any) -> bool:
    """Return True if text can be converted to a type: a scalar, or a list of scalars.

    Example:
        >>> is_text_type(list[int]), is_text_type(dict[str, int])
        (True, False)
    """
    bare, _ = _without_none(annotation)
    kind = plain(bare)
    if get_origin(kind) in _COLLECTIONS:
        arguments = [a for a in get_args(kind) if a is not Ellipsis]
        return len(arguments) == 1 and all(map(_is_scalar, _members(arguments[0])))
    return all(map(_is_scalar, _members(bare)))


def _is_scalar(annotation: Any) -> bool:
    kind = plain(annotation)
    if get_origin(kind) is Literal:
        return True
    return isinstance(kind, type) and (kind in SCALARS or issubclass(kind, enum.Enum))


def _members(annotation: Any) -> list[Any]:
    kind = plain(annotation)
    if get_origin(kind) not in _UNIONS:
        return [annotation]
    return [argument for argument in get_args(kind) if argument is not type(None)]


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether it had it."""
    if get_origin(annotation) is Annotated:
        bare, optional = _without_none(annotation.__origin__)
        meta = [item for item in annotation.__metadata__ if isinstance(item, msgspec.Meta)]
        for item in meta:
            bare = Annotated[bare, item]
        return bare, optional
    kind = plain(annotation)
    if get_origin(kind) not in _UNIONS or type(None) not in get_args(kind):
        return annotation, False
    others = tuple(a for a in get_args(kind) if a is not type(None))
    return Union[others], True  # noqa: UP007  as many as there are
