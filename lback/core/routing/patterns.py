"""Path patterns: `/users/{user_id:int}` read once, then matched and filled without backtracking.

A variable alone between two slashes takes that segment. Where several share a segment, as in
`/{year:int}-{slug}`, each ends at the first place where the text behind it occurs, and the last
takes the rest. A variable that spans segments takes as many as leave room for what follows it,
but ends at the first such place too where another one follows. One pass, however hostile the path.
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

# What a client resolves before it sends a path (RFC 3986 §5.2.4).
_STEPS = (".", "..")
_BRACES = re.compile(r"\{([^{}]*)\}")
_READ_IN_PLACE: dict[type, Any] = {StringConverter: None, IntegerConverter: int}


class Variable(NamedTuple):
    """A variable of a pattern and the converter of its text."""

    name: str
    converter: TypeConverter

    @property
    def spans_segments(self) -> bool:
        """Whether the text may hold slashes."""
        return isinstance(self.converter, PathConverter)


class PathPattern:
    """A pattern of literal text and variables.

    Args:
        text: Begins with a slash; variables are `{name}` or `{name:converter}`.

    Raises:
        ValueError: What is wrong, where, and what to write instead.

    Attributes:
        text: The pattern as written.
        parts: Its literal texts and variables, in order.
        variables: Its variables, in order.
        segments: The pattern split at its slashes, each a literal text or a `Variable`, or
            `None` where a variable shares its segment or spans several.
        is_plain: Whether there is no such `None`.
        places: Of a plain pattern: each variable's name, its place in `path.split("/")`, and what
            converts the text; `None` for text as it is, `int` for a whole number, both of which
            the tree of routes reads itself.
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

    def match(self, path: str) -> dict[str, Any] | None:
        """Return the variables of a path that fits, converted, else `None`."""
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

    def fill(self, values: Mapping[str, Any]) -> str:
        """Build the percent-encoded path that matches with these values.

        Raises:
            ValueError: A value is missing, refused by its converter, or would not match again;
                or the path would lead to another place or host.
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
                f"the values {texts} do not fit {self.text!r}: {plain!r} reads otherwise"
            )
        if plain.startswith("//") or any(step in _STEPS for step in plain.split("/")):
            # RFC 3986 §4.2 and §5.2.4: the first names a host, the others are resolved away.
            raise ValueError(
                f"the values {texts} make {plain!r} of {self.text!r}: "
                "no path begins with // or has a segment . or .."
            )

    def _text(self, variable: Variable, values: Mapping[str, Any]) -> str:
        name = variable.name
        if name not in values:
            raise ValueError(f"{self.text!r} needs a value for {name!r}")
        try:
            text = variable.converter.to_url(values[name])
            variable.converter.to_python(text)
        except ValueError as refusal:
            raise ValueError(f"{name!r} of {self.text!r}: {refusal}") from None
        if not text or any(step in _STEPS for step in text.split("/")):
            raise ValueError(f"{name!r} of {self.text!r}: {text!r} is no path segment")
        return text


def _check_slash(text: str) -> None:
    if not isinstance(text, str) or not text.startswith("/"):
        hint = f"; write {'/' + text!r}" if isinstance(text, str) else ""
        raise ValueError(f"a path pattern begins with a slash, not {text!r}{hint}")


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
        raise ValueError(f"{name!r} in {text!r} is no variable name: letters, digits and _ only")
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
    """Write the pattern as a regular expression that never tries a second way.

    An atomic group keeps what it took: a variable before another one of its stretch ends at
    the first occurrence of the literal that follows, for good.
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
    """Tell whether another variable follows where this one could still grow into.

    Behind a literal with a slash, what follows starts with a segment of its own. So even a
    variable over segments may take all it can: giving back, it reads no segment often.
    """
    behind = parts[index + 2 :]
    if "/" not in literal:
        return bool(behind)
    return variable.spans_segments and any(
        isinstance(part, Variable) and part.spans_segments for part in behind
    )
