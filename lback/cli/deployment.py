"""What must be so where strangers come in: each check with its reason and its fix."""

import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from lback.cli.problems import Check, Problem, found_by, without_silenced
from lback.cli.route_info import SAFE, route_info
from lback.cli.route_lock import FILE_NAME
from lback.cli.start_checks import START_CHECKS
from lback.core.settings.key_strength import LONG_KEY_LENGTH, NEW_KEY, weakness_of_key
from lback.core.settings.secret_names import is_secret
from lback.distribution import install_hint
from lback.static_files.manifest import FILE_NAME as MANIFEST

if TYPE_CHECKING:
    from lback.application import Application

A_YEAR = 31_536_000
# Files whose content lets somebody in, or runs as the application.
PRIVATE = (".env", "config.json")
OUR_CODE = ("settings.py", "urls.py", "manage.py")


def problems_of(app: "Application") -> list[Problem]:
    """Return what keeps an application from being deployed as it is, the grave ones first.

    Checks that `SILENCED_CHECKS` names are left out.
    """
    return without_silenced(found_by(CHECKS, app), app.config, CHECKS)[0]


def _debug(app: "Application") -> Iterator[Problem]:
    if app.config.DEBUG:
        yield Problem(
            f"DEBUG is on ({app.config.source_of('DEBUG')})",
            "error pages show code and settings to strangers",
            "set DEBUG=false in the environment of the server",
        )


def _secret_key(app: "Application") -> Iterator[Problem]:
    keys = {"SECRET_KEY": [app.config.SECRET_KEY]}
    keys["SECRET_KEY_FALLBACKS"] = app.config.SECRET_KEY_FALLBACKS
    for name, given in keys.items():
        weakness = next(filter(None, (weakness_of_key(key, LONG_KEY_LENGTH) for key in given)), "")
        if weakness:
            yield Problem(
                f"{name} {weakness}",
                "who guesses it signs in as anybody",
                f"take the output of: {NEW_KEY}",
            )


def _secrets_in_settings(app: "Application") -> Iterator[Problem]:
    for name in sorted(vars(app.config)):
        value = app.config.get(name)
        if not (name.isupper() and value and is_secret(name, value)):
            continue
        source = Path(app.config.source_of(name)).name
        if source in ("settings.py", "config.json"):
            yield Problem(
                f"{name} stands in {source}",
                "whoever may read the code, or a backup of it, has it",
                "move it to .env or the environment, and choose a new one",
            )


def _hosts(app: "Application") -> Iterator[Problem]:
    if not app.config.ALLOWED_HOSTS:
        yield Problem(
            "ALLOWED_HOSTS is empty",
            "with DEBUG off nothing is answered",
            "name the hosts, such as ALLOWED_HOSTS=example.com,www.example.com",
        )
    if "*" in app.config.ALLOWED_HOSTS:
        yield Problem(
            "ALLOWED_HOSTS holds '*'",
            "links in mails and caches are made of whatever host a client claims",
            "name the hosts, such as ALLOWED_HOSTS=example.com,www.example.com",
        )


def _proxies(app: "Application") -> Iterator[Problem]:
    for proxy in app.config.TRUSTED_PROXIES:
        try:
            everybody = ip_network(proxy, strict=False).prefixlen == 0
        except ValueError:
            continue  # a word, such as one for sockets
        if everybody:
            yield Problem(
                f"TRUSTED_PROXIES holds {proxy!r}, which is everybody",
                "any client chooses the address and the scheme that it seems to come with",
                "name the addresses of your own proxies",
            )


def _file_modes(app: "Application") -> Iterator[Problem]:
    root = Path(app.config.PROJECT_ROOT)
    for name, wrong, fix in (
        *((name, stat.S_IRWXG | stat.S_IRWXO, "600") for name in PRIVATE),
        *((name, stat.S_IWGRP | stat.S_IWOTH, "go-w") for name in OUR_CODE),
    ):
        path = root / name
        if path.is_file() and path.stat().st_mode & wrong:
            done = "read" if name in PRIVATE else "change"
            yield Problem(
                f"{path} has mode {stat.S_IMODE(path.stat().st_mode):o}",
                f"other users of this machine can {done} it",
                f"chmod {fix} {path}",
            )


def _in_version_control(app: "Application") -> Iterator[Problem]:
    root, git = app.config.PROJECT_ROOT, shutil.which("git")
    if git is None or not (Path(root) / ".env").exists():
        return
    tracked = subprocess.run(  # noqa: S603  a fixed command
        [git, "-C", root, "ls-files", "--error-unmatch", ".env"], capture_output=True, check=False
    )
    if tracked.returncode == 0:
        yield Problem(
            ".env is in version control",
            "every copy of the repository has the secrets, for ever",
            "git rm --cached .env, ignore it, and choose new secrets",
        )


def _csrf(app: "Application") -> Iterator[Problem]:
    routes = [r for r in route_info(app) if r.csrf == "none" and not SAFE.issuperset(r.methods)]
    if routes:
        yield Problem(
            f"no middleware checks where forms come from, such as those for {routes[0].path}",
            "another site can send a visitor's browser here to act in their name",
            'add "lback.middleware.CSRFMiddleware" to MIDDLEWARES, behind sessions and bodies; '
            'where only tokens let in, and no cookie does: SILENCED_CHECKS = ["deploy.csrf"]',
        )


def _headers(app: "Application") -> Iterator[Problem]:
    names = {kind.__name__ for m in app.middleware_manager.middlewares for kind in type(m).__mro__}
    if "SecurityHeadersMiddleware" not in names:
        yield Problem(
            "no middleware sends the header fields that protect pages",
            "pages can be framed, and scripts from anywhere run in them",
            'add "lback.middleware.SecurityHeadersMiddleware" to MIDDLEWARES, first',
        )
    elif app.config.HSTS_SECONDS < A_YEAR:
        yield Problem(
            f"HSTS_SECONDS is {app.config.HSTS_SECONDS}, less than a year",
            "the first request of a visit may go out without TLS",
            f"HSTS_SECONDS={A_YEAR}, once all works over HTTPS",
            grave=False,
        )


def _sign_in(app: "Application") -> Iterator[Problem]:
    middlewares = app.middleware_manager.middlewares
    if any(getattr(middleware, "sets_user", False) for middleware in middlewares):
        return
    closed = [route.path for route in app.router.routes if route.requires_auth]
    if closed:
        yield Problem(
            f"nobody can reach {len(closed)} routes, such as {closed[0]}",
            "they want somebody who is signed in, and no middleware signs users in",
            "requires_auth=False opens a route; an authentication middleware signs users in",
            grave=False,
        )


def _login_attempts(app: "Application") -> Iterator[Problem]:
    if app.config.LOGIN_ATTEMPTS_STORE == "memory":
        yield Problem(
            "LOGIN_ATTEMPTS_STORE is 'memory'",
            "each worker counts wrong passwords by itself, and forgets them when it is replaced",
            "leave it at 'database', or take 'redis'",
        )


def _sqlite(app: "Application") -> Iterator[Problem]:
    if app.db_manager.url.get_backend_name() == "sqlite":
        yield Problem(
            f"the database is the file {app.db_manager.url.database!r}",
            "it serves one machine, and is gone where its disk is not kept",
            "DATABASE_URL=postgresql://…, where that does not do",
            grave=False,
        )


def _static_files(app: "Application") -> Iterator[Problem]:
    files = app.static_files
    if (
        any(path.is_dir() for path in files.sources.directories)
        and not (files.root / MANIFEST).is_file()
    ):
        yield Problem(
            f"static files are not collected in {files.root}",
            "with DEBUG off pages come without styles, scripts and pictures",
            "lback collectstatic, at each release",
        )


def _server(app: "Application") -> Iterator[Problem]:
    if find_spec(app.config.SERVER) is None:
        extra = {"gunicorn": "serve"}.get(app.config.SERVER, app.config.SERVER)
        yield Problem(
            f"the server {app.config.SERVER} is not installed",
            "lback serve cannot start",
            install_hint(extra),
        )


def _routes_lock(app: "Application") -> Iterator[Problem]:
    root = app.config.PROJECT_ROOT
    if not (Path(root) / FILE_NAME).is_file():
        yield Problem(
            f"there is no {FILE_NAME} in {root}",
            "nobody notices when a route becomes public by mistake",
            "look at 'lback routes', then: lback routes --lock, and --audit in the tests",
            grave=False,
        )


def _logging(app: "Application") -> Iterator[Problem]:
    if app.config.LOGGING_LEVEL.upper() == "DEBUG":
        yield Problem(
            "LOGGING_LEVEL is DEBUG",
            "logs fill the disk, and libraries tell of everything in them",
            "LOGGING_LEVEL=INFO",
            grave=False,
        )


# All that `lback check` knows, by the names that SILENCED_CHECKS takes.
CHECKS: Mapping[str, Check] = {
    **START_CHECKS,
    "deploy.debug": _debug,
    "deploy.secret_key": _secret_key,
    "deploy.secrets": _secrets_in_settings,
    "deploy.hosts": _hosts,
    "deploy.proxies": _proxies,
    "deploy.file_modes": _file_modes,
    "deploy.version_control": _in_version_control,
    "deploy.csrf": _csrf,
    "deploy.headers": _headers,
    "deploy.sign_in": _sign_in,
    "deploy.login_attempts": _login_attempts,
    "deploy.sqlite": _sqlite,
    "deploy.static_files": _static_files,
    "deploy.server": _server,
    "deploy.routes_lock": _routes_lock,
    "deploy.logging": _logging,
}
