"""References from one static file to another: `url()` and `@import` of CSS, and source maps."""

import posixpath
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

# The tokens of CSS that a reference may stand in or look like (CSS Syntax 3, section 4): at each
# place the first that fits is taken whole. Strings, comments and malformed url() are passed over.
_CSS = re.compile(
    r"""/\*[\#@]\s*sourceMappingURL=(?P<map>\S+)\s*\*/
    | /\*.*?(?:\*/|\Z)
    | @import(?:\s|/\*(?>.*?\*/))*+(?P<q>["'])(?P<import>(?:(?!(?P=q))[^\\\n]|\\.)*)(?P=q)
    | (?<![\w\\-])url\(\s*(?:
        (?P<uq>["'])(?P<url>(?:(?!(?P=uq))[^\\\n]|\\.)*)(?P=uq)
        | (?P<bare>(?:[^"'()\\\s]|\\.)*)
      )\s*\)
    | (?<![\w\\-])url\((?:[^)\\]|\\.)*(?:\)|\Z)
    | "(?:[^"\\\n]|\\.)*"?
    | '(?:[^'\\\n]|\\.)*'?
    | \\.""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(\n)|(.))", re.DOTALL)
_SCRIPT = re.compile(r"^//[#@]\s*sourceMappingURL=(?P<map>\S+)[ \t]*$", re.MULTILINE)
_KINDS = ("map", "import", "url", "bare")
_PATTERNS = {".css": _CSS, ".js": _SCRIPT, ".mjs": _SCRIPT}
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)

# What is asked for a file that is referred to: its name, and whether it may be missing.
NewName = Callable[[str, bool, int], str | None]


def has_references(name: str) -> bool:
    """Tell whether files of this name may refer to others."""
    return posixpath.splitext(name)[1].lower() in _PATTERNS


def rewrite(name: str, text: str, static_url: str, new_name: NewName) -> str:
    """Replace the names of the files that a file refers to.

    Args:
        name: Name of the file.
        text: What it holds.
        static_url: `STATIC_URL`, which absolute references to static files begin with.
        new_name: Called with a name, whether it is no fault if there is none, and the line;
            returns what to write in its place, or `None`.
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
        other = new_name(target, kind == "map", line)
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
    """Return the name of the file that a reference means, `None` for one that is elsewhere."""
    path = _path_of(reference)
    if not path or _ELSEWHERE.match(reference):
        return None
    if path.startswith("/"):
        if not path.startswith(static_url):
            return None
        return posixpath.normpath(unquote(path[len(static_url) :]))
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path)))


def _path_of(reference: str) -> str:
    return re.split(r"[?#]", reference, maxsplit=1)[0]


def _renamed(reference: str, other: str) -> str:
    """Put the base name of another file in the same directory into a reference."""
    path = _path_of(reference)
    directory, slash, _ = path.rpartition("/")
    return directory + slash + quote(posixpath.basename(other)) + reference[len(path) :]
