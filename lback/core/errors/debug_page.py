"""The content of debug pages: the frames of an exception, the request, and the routes."""

import linecache
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING

from lback.core.errors.redaction import parameters, redacted_pairs, redacted_path
from lback.core.routing.patterns import Variable
from lback.core.routing.views import view_name

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.router import Route, Router

LINES_AROUND = 5
MOST_FRAMES = 60
MOST_ROUTES = 300

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")})
_PACKAGE = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True, slots=True)
class Frame:
    """A stack frame of an exception: source lines, without the values of variables.

    Attributes:
        file: Path, relative to the current directory where it lies below.
        line: Number of the line.
        function: Name of the function.
        source: Number and text of the lines around it.
        is_own: Whether it is code of the project, not of a library or of the framework.
    """

    file: str
    line: int
    function: str
    source: list[tuple[int, str]]
    is_own: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """One exception of a chain, with its stack frames, the innermost last.

    Attributes:
        kind: Name of its class, with the module.
        message: Its text.
        link: How it is related to the one before, such as `"caused by"`.
        frames: Its stack frames.
        notes: Its notes, such as hints (`BaseException.add_note`).
    """

    kind: str
    message: str
    link: str
    frames: list[Frame]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One line of the route table."""

    methods: str
    path: str
    name: str
    view: str
    requires_auth: bool


def failures(exception: BaseException) -> list[Failure]:
    """Return an exception and its causes, the exception itself first."""
    found: list[Failure] = []
    seen: set[int] = set()
    link, current = "", exception
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        kind = type(current)
        name = kind.__qualname__
        if kind.__module__ not in ("builtins", "__main__"):
            name = f"{kind.__module__}.{name}"
        notes = [str(note) for note in getattr(current, "__notes__", ())]
        frames = list(_frames(current))[-MOST_FRAMES:]
        found.append(Failure(name, str(current), link, frames, notes))
        if current.__cause__ is not None:
            link, current = "caused by", current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            link, current = "raised while handling", current.__context__
        else:
            break
    return found


def _frames(exception: BaseException) -> Iterator[Frame]:
    for frame, line in walk_tb(exception.__traceback__):
        yield _frame(frame, line)
    if isinstance(exception, SyntaxError) and exception.filename and exception.lineno:
        name = exception.filename
        yield Frame(_short(name), exception.lineno, "", _source(name, exception.lineno), True)


def _frame(frame: FrameType, line: int) -> Frame:
    name = frame.f_code.co_filename
    linecache.checkcache(name)
    source = _source(name, line, frame.f_globals)
    own = not name.startswith((*_LIBRARIES, _PACKAGE, "<"))
    return Frame(_short(name), line, frame.f_code.co_qualname, source, own)


def _source(name: str, line: int, module: dict[str, object] | None = None) -> list[tuple[int, str]]:
    lines = linecache.getlines(name, module)
    first = max(line - LINES_AROUND, 1)
    around = lines[first - 1 : line + LINES_AROUND]
    return [(first + index, text.rstrip("\r\n")) for index, text in enumerate(around)]


def _short(name: str) -> str:
    path, here = Path(name), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else name


def request_facts(request: "Request") -> list[tuple[str, str]]:
    """Return names and values that describe a request, without its body and its credentials."""
    environ = getattr(request, "environ", None) or {}
    headers = getattr(request, "headers", None) or {}
    query = environ.get("QUERY_STRING") or ""
    facts = [
        ("method", str(getattr(request, "method", ""))),
        ("path", _path_of(request)),
        *((f"?{name}", value) for name, value in redacted_pairs(parameters(query))),
        *redacted_pairs((str(name), str(value)) for name, value in headers.items()),
        ("client", str(environ.get("REMOTE_ADDR") or "")),
        ("Python", sys.version.partition(" ")[0]),
    ]
    return [(name, value) for name, value in facts if value]


def _path_of(request: "Request") -> str:
    known = hasattr(request, "path_params") and hasattr(request, "router")
    return redacted_path(request) if known else str(getattr(request, "path", ""))


def route_table(router: "Router | None") -> list[RouteRow]:
    """Return the routes, in the order in which they are matched."""
    routes = [] if router is None else router.routes[:MOST_ROUTES]
    return [_row(route) for route in routes]


def _row(route: "Route") -> RouteRow:
    methods = ", ".join(route.methods) if route.methods else "any"
    return RouteRow(
        methods, route.path, route.name or "", view_name(route.view), route.requires_auth
    )


def suggested_paths(router: "Router | None", path: str) -> list[str]:
    """Return up to three patterns that are most similar to a mistyped path.

    Args:
        router: The routes; `None` means none.
        path: Path of the request.
    """
    segments = path.split("/")
    routes = [] if router is None else router.routes[:MOST_ROUTES]
    # A variable matches any segment: it is filled from the path itself.
    patterns = {_filled(route, segments): route.path for route in routes}
    return [patterns[near] for near in get_close_matches(path, patterns, n=3)]


def _filled(route: "Route", segments: list[str]) -> str:
    parts = ["", *route.pattern.segments]
    if len(parts) != len(segments):
        return route.path
    return "/".join(map(_nearest, parts, segments))


def _nearest(part: str | Variable | None, given: str) -> str:
    if isinstance(part, str):
        return part
    if part is None:
        return given
    try:
        part.converter.to_python(given)
    except ValueError:
        return f"{{{part.name}}}"
    return given
