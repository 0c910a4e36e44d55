"""Secret paths: masks variables such as `{token}` in paths, at any stage of a request."""

import re
from typing import TYPE_CHECKING

from lback.core.settings.secret_names import is_credential

if TYPE_CHECKING:
    from lback.core.routing.patterns import PathPattern

MASK = "********"

# A slash as paths, query strings and encoded referrers spell it. Bounded, so that no text is slow.
_SLASH = r"(?:/|%(?:25){0,3}2[Ff]){1,4}"
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
        for start, end in reversed(self._spans(path)):
            path = f"{path[:start]}{MASK}{path[end:]}"
        return self.in_text(path)

    def values(self, path: str) -> list[str]:
        """Return the credentials in a decoded path."""
        if path in self._literals:
            return []
        found = self._in_text.finditer(path) if self._in_text else ()
        return [
            *(path[start:end] for start, end in self._spans(path)),
            *(match[match.lastindex or 0] for match in found if match[0] not in self._literals),
        ]

    def _spans(self, path: str) -> list[tuple[int, int]]:
        spans = {
            span
            for pattern in self._patterns
            for name, span in pattern.spans(path).items()
            if is_credential(name)
        }
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def in_text(self, text: str) -> str:
        """Return any text with the credentials of all paths in it masked."""
        return text if self._in_text is None else self._in_text.sub(self._masked, text)

    def _masked(self, found: "re.Match[str]") -> str:
        # The pattern itself, such as in a table of routes, is no secret.
        if found[0] in self._literals or found[found.lastindex or 0][:1] == "{":
            return found[0]
        start, end = found.span(found.lastindex or 0)
        offset = found.start()
        return found[0][: start - offset] + MASK + found[0][end - offset :]


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
