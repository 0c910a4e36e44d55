"""Rewrite references between static files: `url()` and `@import` in CSS, and source maps."""

import posixpath
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

# Tokens of CSS that contain or resemble a reference (CSS Syntax 3, section 4); the first
# alternative that matches consumes the token. Strings, comments and malformed url() are skipped.
_CSS = re.compile(
    r"""/\*[\#@]\s*sourceMappingURL=(?P<map>\S+)\s*\*/
    | /\*.*?(?:\*/|\Z)
    | @import(?:\s|/\*(?>.*?\*/))*+(?P<q>["'])(?P<import>(?:(?!(?P=q))[^\\\n]|\\.)*)(?P=q)
    | (?<![\w\\-])url\(\s*(?:
        (?P<uq>["'])(?P<url>(?:(?!(?P=uq))[^\\\n]|\\.)*)(?P=uq)
        | (?P<bare>(?:[^"'()\\\s]|\\[0-9a-f]{1,6}+\s?+|\\[^0-9a-f])*+)
      )\s*\)
    | (?<![\w\\-])url\((?:[^)\\]|\\.)*(?:\)|\Z)
    | "(?:[^"\\\n]|\\.)*"?
    | '(?:[^'\\\n]|\\.)*'?
    | \\.""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(\n)|(.))", re.DOTALL)
# In both kinds of comments (ECMA-426 section 11.1.2.1), also behind code on the same line.
_SCRIPT = re.compile(
    r"""//[\#@][ \t]*sourceMappingURL=(?P<map>\S+)[ \t]*\r?$
    | /\*[\#@]\s*sourceMappingURL=(?P<block>\S+?)\s*\*/""",
    re.VERBOSE | re.MULTILINE,
)
_KINDS = ("map", "block", "import", "url", "bare")
_MAY_BE_MISSING = frozenset({"map", "block"})
_PATTERNS = {".css": _CSS, ".js": _SCRIPT, ".mjs": _SCRIPT}
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)

# Called with the name of a referenced file, whether it may be missing, and the line number.
NewName = Callable[[str, bool, int], str | None]


def has_references(name: str) -> bool:
    """Return True if a file of this type can refer to others: CSS and JavaScript.

    Example:
        >>> from lback.static_files.references import has_references
        >>> has_references("site.css"), has_references("logo.png")
        (True, False)
    """
    return posixpath.splitext(name)[1].lower() in _PATTERNS


def rewrite(name: str, text: str, static_url: str, new_name: NewName) -> str:
    """Return the text of a file with its references replaced.

    Args:
        name: Name of the file; relative references are resolved against it.
        text: Content of the file.
        static_url: Setting `STATIC_URL`, the prefix of absolute references.
        new_name: Called with the name of a referenced file, whether it may be missing, and the
            line number. Returns the new name, or None to leave the reference unchanged.

    Example:
        >>> from lback.static_files.references import rewrite
        >>> rewrite("a.css", "p { background: url(b.png) }", "/static/", lambda *_: "b.1f2e.png")
        'p { background: url(b.1f2e.png) }'
    """

    def replaced(found: re.Match[str]) -> str:
        groups = found.groupdict()
        kind = next((kind for kind in _KINDS if groups.get(kind) is not None), None)
        if kind is None:
            return found[0]
        reference = found[kind]
        target = _target(name, _ESCAPE.sub(_unescaped, reference), static_url)
        if target is None:
            return found[0]
        line = text.count("\n", 0, found.start()) + 1
        other = new_name(target, kind in _MAY_BE_MISSING, line)
        if other is None:
            return found[0]
        before, after = text[found.start() : found.start(kind)], text[found.end(kind) : found.end()]
        return before + _renamed(reference, other) + after

    return _PATTERNS[posixpath.splitext(name)[1].lower()].sub(replaced, text)


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        number = int(found[1], 16)
        return chr(number) if 0 < number < 0xD800 or 0xDFFF < number < 0x110000 else "\ufffd"
    return found[3] or ""


def _target(name: str, reference: str, static_url: str) -> str | None:
    """Return the name of the referenced file, or None if it is not a static file."""
    path = _path_of(reference)
    if path.startswith(static_url):  # on another host, if static files are served from there
        return posixpath.normpath(unquote(path[len(static_url) :]))
    if not path or path.startswith("/") or _ELSEWHERE.match(reference):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path)))


def _path_of(reference: str) -> str:
    return re.split(r"[?#]", reference, maxsplit=1)[0]


def _renamed(reference: str, other: str) -> str:
    """Replace the base name in a reference by that of another file in the same directory."""
    path = _path_of(reference)
    directory, slash, _ = path.rpartition("/")
    return directory + slash + quote(posixpath.basename(other)) + reference[len(path) :]
