"""`routes.lock`: the reviewed guards of every route, to detect routes that became more open."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from lback.auth.guards import SIGNED_IN
from lback.auth.route_access import SAFE
from lback.cli.route_info import PUBLIC, RouteInfo

FILE_NAME = "routes.lock"
HEAD = """\
# The guards of every route, written by `lback routes --lock`. `lback routes --audit` fails if a
# route has become more open since. Commit this file and review its changes like code.
"""
GUARDS = ("signed-in", "permission", "csrf", "limits")

# Guards by (method, path): name of the guard to its value.
Guarded = Mapping[tuple[str, str], Mapping[str, str]]


def guards_of(routes: Iterable[RouteInfo]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the guards by method and path.

    If several routes have the same path, the first one counts, as it answers.
    """
    guarded: dict[tuple[str, str], dict[str, str]] = {}
    for route in routes:
        for method in route.methods:
            guards = {
                "signed-in": _signed_in(route.auth),
                "permission": route.permission,
                "csrf": "yes" if route.csrf == "checked" and method not in SAFE else "",
                "limits": route.limits,
            }
            kept = {name: value for name, value in guards.items() if value}
            guarded.setdefault((method, route.path), kept)
    return guarded


def _signed_in(auth: str) -> str:
    if auth == PUBLIC:
        return ""
    return "yes" if auth == SIGNED_IN else auth


def write_lock(path: Path, routes: Iterable[RouteInfo]) -> None:
    """Write the current guards of routes to a lock file.

    Args:
        path: The file; replaced if it exists.
        routes: All routes of the application.
    """
    lines = [
        "\t".join([method, where, *([f"{n}={v}" for n, v in guards.items()] or [PUBLIC])])
        for (method, where), guards in sorted(guards_of(routes).items(), key=lambda i: i[0][::-1])
    ]
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_lock(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Return the guards in a lock file, by method and path.

    Raises:
        ClickException: The file does not exist, or a line of it is not valid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise click.ClickException(
            f"{path} does not exist; review the output of 'lback routes', "
            "then write the file with: lback routes --lock"
        ) from None
    guarded = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            method, _, rest = line.partition("\t")
            where, *guards = rest.split("\t")
            guards = [guard for guard in guards if guard != PUBLIC]
            if not where or any("=" not in guard for guard in guards):
                raise click.ClickException(
                    f"{path}, line {number} is not a valid route; restore it, or replace the file "
                    "with: lback routes --lock"
                )
            guarded[method, where] = dict(guard.split("=", 1) for guard in guards)
    return guarded


def more_open_routes(before: Guarded, now: Guarded) -> Iterator[str]:
    """Yield a line for each guard that a route has lost or changed, and each new public route.

    Args:
        before: Guards in the lock file.
        now: Guards of the application.
    """
    for (method, where), guards in now.items():
        locked = before.get((method, where))
        if locked is None:
            if "signed-in" not in guards:
                yield f"{method} {where} is new and public"
            continue
        for name in GUARDS:
            if name in locked and name not in guards:
                yield f"{method} {where} no longer has {_describe(name, locked[name])}"
            elif name in locked and locked[name] != guards[name]:
                yield f"{method} {where} had {name} {locked[name]!r}, now {guards[name]!r}"


def _describe(name: str, value: str) -> str:
    words = {"signed-in": "a sign-in check (it is public)", "csrf": "a CSRF check"}
    return words.get(name, f"the {name} {value!r}")
