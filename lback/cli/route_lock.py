"""`routes.lock`: who was let in where, when somebody last looked; what is more open now is told."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from lback.auth.guards import SIGNED_IN
from lback.cli.route_info import PUBLIC, SAFE, RouteInfo

FILE_NAME = "routes.lock"
HEAD = """\
# Who is let in where. `lback routes --lock` wrote this; `lback routes --audit` fails where a route
# has become more open since. Keep it in version control, and look at its changes as at code.
"""
GUARDS = ("signed-in", "permission", "csrf", "limits")

# (method, path) to its guards: name, and what exactly.
Guarded = Mapping[tuple[str, str], Mapping[str, str]]


def guards_of(routes: Iterable[RouteInfo]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the guards of each method of each path; the first route of a path answers."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for route in routes:
        for method in route.methods:
            guards = {
                "signed-in": _signed_in(route.auth),
                "permission": route.permission,
                "csrf": "yes" if route.csrf == "checked" and method not in SAFE else "",
                "limits": route.limits,
            }
            kept = {name: value for name, value in guards.items() if value}
            found.setdefault((method, route.path), kept)
    return found


def _signed_in(auth: str) -> str:
    if auth == PUBLIC:
        return ""
    return "yes" if auth == SIGNED_IN else auth


def write_lock(path: Path, routes: Iterable[RouteInfo]) -> None:
    """Write down who is let in now."""
    lines = [
        "\t".join([method, where, *([f"{n}={v}" for n, v in guards.items()] or [PUBLIC])])
        for (method, where), guards in sorted(guards_of(routes).items(), key=lambda i: i[0][::-1])
    ]
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_lock(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Read what `write_lock` wrote.

    Raises:
        ClickException: There is no such file, or a line of it is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise click.ClickException(
            f"there is no {path}; look at 'lback routes' and, if it is as it should be, "
            "write it with: lback routes --lock"
        ) from None
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            method, _, rest = line.partition("\t")
            where, *guards = rest.split("\t")
            guards = [guard for guard in guards if guard != PUBLIC]
            if not where or any("=" not in guard for guard in guards):
                raise click.ClickException(
                    f"{path}, line {number} is no route; restore it, or write it anew with: "
                    "lback routes --lock"
                )
            found[method, where] = dict(guard.split("=", 1) for guard in guards)
    return found


def opened(before: Guarded, now: Guarded) -> Iterator[str]:
    """Yield a line for each route that lets in more than it did."""
    for (method, where), guards in now.items():
        locked = before.get((method, where))
        if locked is None:
            if "signed-in" not in guards:
                yield f"{method} {where} is new, and public"
            continue
        for name in GUARDS:
            if name in locked and name not in guards:
                yield f"{method} {where} is without {_word(name, locked[name])} now"
            elif name in locked and locked[name] != guards[name]:
                yield f"{method} {where} had {name} {locked[name]!r}, now {guards[name]!r}"


def _word(name: str, value: str) -> str:
    words = {"signed-in": "sign-in (it is public)", "csrf": "its CSRF check"}
    return words.get(name, f"its {name} {value!r}")
