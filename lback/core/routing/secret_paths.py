"""Secret paths: masks variables such as `{token}` in paths, at any stage of a request."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lback.core.settings.secret_names import is_credential

if TYPE_CHECKING:
    from lback.core.routing.patterns import PathPattern

MASK = "********"

# A slash as paths, query strings and encoded referrers spell it, also with segments of dots alone,
# and after a parameter of a segment, such as `;v=1` (RFC 3986 section 3.3). Bounded, so that no
# text is slow.
_PARAMETER = r"(?:(?:;|%(?:25){0,3}3[Bb])[^\s/?#&\"'<>%]{0,64}+)?+"
_SLASH = _PARAMETER + r"(?:(?:/|%(?:25){0,3}2[Ff])(?:\.{1,2}(?=/|%(?:25){0,3}2[Ff]))?){1,4}"
_SEGMENT = r"[^\s/?#&\"'<>]"


class SecretPaths:
    """Masks the values of variables that are credentials by their name.

    A path is compared with the patterns themselves. So the mask does not depend on the method,
    on another route that takes the path first, or on a router that was asked already, and it
    also covers paths that no route takes, such as a link with a slash too many.
    """

    def __init__(self) -> None:
        self._patterns: list[PathPattern] = []
        self._literals: set[str] = set()
        self._expressions: list[str] = []
        self._in_text: re.Pattern[str] | None = None

    def add(self, pattern: "PathPattern") -> None:
        """Add the pattern of a route."""
        if not pattern.variables:
            self._literals.add(pattern.text)
            return
        names = [variable.name for variable in pattern.variables if is_credential(variable.name)]
        if not names:
            return
        self._patterns.append(pattern)
        expression = _expression_of(pattern, names)
        if expression:
            self._expressions.append(expression)
            self._in_text = re.compile("|".join(self._expressions), re.IGNORECASE)

    def in_path(self, path: str) -> str:
        """Return a decoded path with its credentials masked."""
        if not self._patterns or path in self._literals:
            return path
        return _masked(path, _merged([*self._spans_of_path(path), *self._spans_in_text(path)]))

    def in_text(self, text: str) -> str:
        """Return any text with the credentials of all paths in it masked."""
        return text if self._in_text is None else _masked(text, _merged(self._spans_in_text(text)))

    def values(self, path: str) -> list[str]:
        """Return the credentials in a decoded path."""
        if path in self._literals:
            return []
        spans = [*self._spans_of_path(path), *self._spans_in_text(path)]
        return [path[start:end] for start, end in spans]

    def _spans_of_path(self, path: str) -> Iterator[tuple[int, int]]:
        for pattern in self._patterns:
            for name, span in pattern.spans(path).items():
                if is_credential(name):
                    yield span

    def _spans_in_text(self, text: str) -> Iterator[tuple[int, int]]:
        found = self._in_text.search(text) if self._in_text else None
        while found is not None and self._in_text is not None:
            group = found.lastindex or 0
            # The pattern itself, such as in a table of routes, is not secret.
            if found[0] not in self._literals and found[group][:1] != "{":
                yield found.span(group)
            # What looks like a credential may be the word before one: /reset/reset/TOKEN.
            found = self._in_text.search(text, found.start() + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}{MASK}{text[end:]}"
    return text


def _expression_of(pattern: "PathPattern", names: list[str]) -> str:
    """Write the part of a pattern that ends with its first credential as an expression."""
    pieces: list[str] = []
    has_word = False
    for part in pattern.parts:
        if isinstance(part, str):
            has_word = has_word or bool(part.strip("/"))
            pieces.append(_SLASH.join(map(re.escape, re.split("/+", part))))
        elif part.name in names:
            # With further credentials behind it, all that follows is masked.
            rest = f"(?:{_SEGMENT}|/)+" if len(names) > 1 else f"{_SEGMENT}+"
            return "".join([*pieces, f"({rest})"]) if has_word else ""
        else:
            # Possessive, and without an encoded slash: there is one way to read a hostile text.
            pieces.append(r"[^\s/?#&\"'<>%]{1,256}+")
    return ""
