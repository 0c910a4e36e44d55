"""Path patterns such as `/users/{user_id:int}`: parsed once, matched without backtracking.

A variable alone between two slashes matches that segment. If several share a segment, as in
`/{year:int}-{slug}`, each ends at the first occurrence of the text that follows it, and the last
one matches the rest. A variable that spans segments matches as many as leave room for what follows
it; if another such variable follows, it ends at the first occurrence too. Matching takes linear
time for every path.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple
from urllib.parse import quote

from lback.core.routing.converters import (
    CONVERTERS,
    IntegerConverter,
    PathConverter,
    StringConverter,
    TypeConverter,
)

# Segments that clients resolve before they send a path (RFC 3986 section 5.2.4).
_STEPS = (".", "..")
_BRACES = re.compile(r"\{([^{}]*)\}")
_READ_IN_PLACE: dict[type, Any] = {StringConverter: None, IntegerConverter: int}


class Variable(NamedTuple):
    """A variable of a pattern, with its converter."""

    name: str
    converter: TypeConverter

    @property
    def spans_segments(self) -> bool:
        """Whether the text may contain slashes."""
        return isinstance(self.converter, PathConverter)


class PathPattern:
    """A pattern of literal text and variables.

    Args:
        text: The pattern. It begins with a slash; variables are `{name}` or `{name:converter}`.

    Raises:
        ValueError: The pattern is malformed; the message says what to write instead.

    Attributes:
        text: The pattern as written.
        parts: Its literal texts and variables, in order.
        variables: Its variables, in order.
        segments: The pattern split at its slashes: literal texts, `Variable`s, and `None` for a
            variable that shares its segment or spans several.
        is_plain: Whether `segments` contains no `None`.
        places: Of a plain pattern: for each variable its name, its index in `path.split("/")`, and
            the function that converts the text. `None` stands for text and `int` for a whole
            number, which the tree of routes converts itself.

    Example:
        >>> pattern = PathPattern("/books/{book_id:int}")
        >>> pattern.match("/books/7"), pattern.match("/books/x")
        ({'book_id': 7}, None)
        >>> pattern.fill({"book_id": 7})
        '/books/7'
    """

    def __init__(self, text: str) -> None:
        _check_slash(text)
        self.text = text
        self.parts = _parts_of(text)
        self.variables = [part for part in self.parts if isinstance(part, Variable)]
        self.segments = _segments_of(text, self.variables)
        self.places = [
            (part.name, index, _READ_IN_PLACE.get(type(part.converter), part.converter.to_python))
            for index, part in enumerate(self.segments, start=1)
            if isinstance(part, Variable)
        ]
        self.is_plain = None not in self.segments
        self._fullmatch = re.compile(_expression(self.parts), re.DOTALL).fullmatch

    def match(self, path: str) -> dict[str, object] | None:
        """Return the converted variables of a path that matches, else `None`."""
        found = self._fullmatch(path)
        if found is None:
            return None
        try:
            return {
                variable.name: variable.converter.to_python(text)
                for variable, text in zip(self.variables, found.groups(), strict=True)
            }
        except ValueError:
            return None

    def spans(self, path: str) -> dict[str, tuple[int, int]]:
        """Return where each variable of a path that fits lies; empty for a path that does not.

        The converters have no say: a text that one refuses fits as well.
        """
        found = self._fullmatch(path)
        if found is None:
            return {}
        return {
            variable.name: found.span(index) for index, variable in enumerate(self.variables, 1)
        }

    def fill(self, values: Mapping[str, object]) -> str:
        """Return the percent-encoded path that matches with these values.

        Raises:
            ValueError: A value is missing, refused by its converter, or would not match again; or
                the path would resolve to another path or host (RFC 3986 section 5.2.4).
        """
        texts = {variable.name: self._text(variable, values) for variable in self.variables}
        plain = "".join(part if isinstance(part, str) else texts[part.name] for part in self.parts)
        self._check_filled(plain, texts)
        return "".join(
            quote(part, safe="/")
            if isinstance(part, str)
            else quote(texts[part.name], safe="/" if part.spans_segments else "")
            for part in self.parts
        )

    def _check_filled(self, plain: str, texts: Mapping[str, str]) -> None:
        found = self._fullmatch(plain)
        if found is None or list(found.groups()) != list(texts.values()):
            raise ValueError(
                f"the values {texts} do not fit {self.text!r}: {plain!r} would match others"
            )
        if plain.startswith("//") or any(step in _STEPS for step in plain.split("/")):
            # RFC 3986 sections 4.2 and 5.2.4: // begins a host name, dot segments are removed.
            raise ValueError(
                f"the values {texts} make {plain!r} of {self.text!r}: "
                "no path begins with // or has a segment . or .."
            )

    def _text(self, variable: Variable, values: Mapping[str, object]) -> str:
        name = variable.name
        if name not in values:
            raise ValueError(f"{self.text!r} needs a value for {name!r}")
        try:
            text = variable.converter.to_url(values[name])
            variable.converter.to_python(text)
        except ValueError as refusal:
            raise ValueError(f"{name!r} of {self.text!r}: {refusal}") from None
        if not text or any(step in _STEPS for step in text.split("/")):
            raise ValueError(f"{name!r} of {self.text!r}: {text!r} is not a path segment")
        return text


def _check_slash(text: str) -> None:
    if not isinstance(text, str) or not text.startswith("/"):
        hint = f"; write {'/' + text!r}" if isinstance(text, str) else ""
        raise ValueError(f"a path pattern must begin with a slash, not {text!r}{hint}")


def _parts_of(text: str) -> list[str | Variable]:
    """Split a pattern into literal texts and variables."""
    parts: list[str | Variable] = []
    names: set[str] = set()
    end = 0
    for found in _BRACES.finditer(text):
        literal = text[end : found.start()]
        _check_literal(literal, text)
        if not literal and parts:
            raise ValueError(f"two variables of {text!r} touch: put text between them")
        variable = _variable(found[1], text)
        if variable.name in names:
            raise ValueError(f"the variable {variable.name!r} occurs twice in {text!r}")
        names.add(variable.name)
        parts += [literal, variable]
        end = found.end()
    _check_literal(text[end:], text)
    if end < len(text):
        parts.append(text[end:])
    return parts


def _check_literal(literal: str, text: str) -> None:
    if "{" in literal or "}" in literal:
        raise ValueError(f"unbalanced brace in {text!r}; a variable is written {{name:int}}")


def _variable(inner: str, text: str) -> Variable:
    name, _, kind = inner.partition(":")
    if not name.isidentifier():
        raise ValueError(f"{name!r} in {text!r} is not a variable name: letters, digits and _ only")
    if name.startswith("_"):
        raise ValueError(f"the variable {name!r} of {text!r} begins with an underscore: rename it")
    converter = CONVERTERS.get(kind or "str")
    if converter is None or inner.endswith(":"):
        near = get_close_matches(kind, CONVERTERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"unknown converter {kind!r} in {text!r}; known: {', '.join(sorted(CONVERTERS))}{hint}"
        )
    return Variable(name, converter)


def _segments_of(text: str, variables: list[Variable]) -> list[str | Variable | None]:
    segments: list[str | Variable | None] = []
    left = iter(variables)
    for segment in text[1:].split("/"):
        held = [next(left) for _ in _BRACES.findall(segment)]
        whole = _BRACES.fullmatch(segment) is not None
        if not held:
            segments.append(segment)
        elif whole and not held[0].spans_segments:
            segments.append(held[0])
        else:
            segments.append(None)
    return segments


def _expression(parts: list[str | Variable]) -> str:
    """Return a regular expression for the pattern that never backtracks.

    Atomic groups make a variable that is followed by another one end at the first occurrence of
    the literal between them.
    """
    pieces = []
    index = 0
    while index < len(parts):
        part = parts[index]
        if isinstance(part, str):
            pieces.append(re.escape(part))
        else:
            one = "." if part.spans_segments else "[^/]"
            literal = parts[index + 1] if index + 1 < len(parts) else ""
            if isinstance(literal, str) and _shares_stretch(part, literal, parts, index):
                pieces.append(f"(?>({one}+?){re.escape(literal)})")
                index += 1
            else:
                pieces.append(f"({one}+)")
        index += 1
    return "".join(pieces)


def _shares_stretch(
    variable: Variable, literal: str, parts: list[str | Variable], index: int
) -> bool:
    """Return True if another variable follows that this one could extend into.

    After a literal with a slash, the next variable begins a new segment. So even a variable that
    spans segments may match greedily: giving back characters, it reads no segment twice.
    """
    behind = parts[index + 2 :]
    if "/" not in literal:
        return bool(behind)
    return variable.spans_segments and any(
        isinstance(part, Variable) and part.spans_segments for part in behind
    )
