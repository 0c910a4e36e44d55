"""The checks of `lback check --deploy`: what an application needs in production."""

import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lback.auth.route_access import SAFE
from lback.cli.messages import translation_problems
from lback.cli.problems import Check, Problem, run_checks, without_silenced
from lback.cli.route_info import route_info
from lback.cli.route_lock import FILE_NAME
from lback.cli.shared_state import SHARED_STATE_CHECKS
from lback.cli.start_checks import START_CHECKS
from lback.core.settings.key_strength import LONG_KEY_LENGTH, NEW_KEY, weakness_of_key
from lback.core.settings.secret_names import is_secret
from lback.distribution import install_hint
from lback.static_files.manifest import FILE_NAME as MANIFEST

if TYPE_CHECKING:
    from lback.application import Application

A_YEAR = 31_536_000
# Files that contain secrets, and files whose code runs as the application.
PRIVATE_FILES = (".env", "config.json")
CODE_FILES = ("settings.py", "urls.py", "manage.py")


def problems_of(app: "Application") -> list[Problem]:
    """Return the problems of deploying an application, errors before warnings.

    Problems of checks in `SILENCED_CHECKS` are left out.
    """
    return without_silenced(run_checks(CHECKS, app), app.config, CHECKS)[0]


def _debug(app: "Application") -> Iterator[Problem]:
    if app.config.DEBUG:
        yield Problem(
            f"DEBUG is on ({app.config.source_of('DEBUG')})",
            "error pages show code and settings to visitors",
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
                "an attacker who guesses it can sign in as any user",
                f"use the output of: {NEW_KEY}",
            )


def _secrets_in_settings(app: "Application") -> Iterator[Problem]:
    for name in sorted(vars(app.config)):
        value = app.config.get(name)
        if not (name.isupper() and value and is_secret(name, value)):
            continue
        source = Path(app.config.source_of(name)).name
        if source in ("settings.py", "config.json"):
            yield Problem(
                f"{name} is set in {source}",
                "everyone with access to the code or a backup of it can read it",
                "move it to .env or the environment, and replace it with a new one",
            )


def _hosts(app: "Application") -> Iterator[Problem]:
    if not app.config.ALLOWED_HOSTS:
        yield Problem(
            "ALLOWED_HOSTS is empty",
            "with DEBUG off every request is rejected",
            "name the hosts, such as ALLOWED_HOSTS=example.com,www.example.com",
        )
    if "*" in app.config.ALLOWED_HOSTS:
        yield Problem(
            "ALLOWED_HOSTS contains '*'",
            "a client can choose the host in links of emails and cached pages",
            "name the hosts, such as ALLOWED_HOSTS=example.com,www.example.com",
        )


def _file_modes(app: "Application") -> Iterator[Problem]:
    root = Path(app.config.PROJECT_ROOT)
    for name, forbidden, fix in (
        *((name, stat.S_IRWXG | stat.S_IRWXO, "600") for name in PRIVATE_FILES),
        *((name, stat.S_IWGRP | stat.S_IWOTH, "go-w") for name in CODE_FILES),
    ):
        path = root / name
        if path.is_file() and path.stat().st_mode & forbidden:
            action = "read" if name in PRIVATE_FILES else "change"
            yield Problem(
                f"{path} has mode {stat.S_IMODE(path.stat().st_mode):o}",
                f"other users of this machine can {action} it",
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
            "every copy of the repository contains the secrets permanently",
            "run git rm --cached .env, add it to .gitignore and replace the secrets",
        )


def _csrf(app: "Application") -> Iterator[Problem]:
    routes = [r for r in route_info(app) if r.csrf == "none" and not SAFE.issuperset(r.methods)]
    if routes:
        yield Problem(
            f"no middleware protects unsafe requests such as to {routes[0].path} against CSRF",
            "another site can make a visitor's browser send requests in their name",
            'add "lback.middleware.CSRFMiddleware" to MIDDLEWARES, after sessions and bodies; '
            'if clients authenticate by token only: SILENCED_CHECKS = ["deploy.csrf"]',
        )


def _headers(app: "Application") -> Iterator[Problem]:
    names = {kind.__name__ for m in app.middleware_manager.middlewares for kind in type(m).__mro__}
    if "SecurityHeadersMiddleware" not in names:
        yield Problem(
            "no middleware sends security headers",
            "other sites can frame pages, and injected scripts run in them",
            'add "lback.middleware.SecurityHeadersMiddleware" to MIDDLEWARES as the first one',
        )
    elif app.config.HSTS_SECONDS < A_YEAR:
        yield Problem(
            f"HSTS_SECONDS is {app.config.HSTS_SECONDS}, less than a year",
            "the first request of a visit may be sent without TLS",
            f"set HSTS_SECONDS={A_YEAR} once everything works over HTTPS",
            is_error=False,
        )


def _sign_in(app: "Application") -> Iterator[Problem]:
    middlewares = app.middleware_manager.middlewares
    if any(getattr(middleware, "sets_user", False) for middleware in middlewares):
        return
    closed = [route.path for route in app.router.routes if route.requires_auth]
    if closed:
        yield Problem(
            f"{len(closed)} routes such as {closed[0]} cannot be reached",
            "they require a signed-in user, and no middleware authenticates users",
            "add an authentication middleware, or set requires_auth=False on public routes",
            is_error=False,
        )


def _sqlite(app: "Application") -> Iterator[Problem]:
    if app.db_manager.url.get_backend_name() == "sqlite":
        yield Problem(
            f"the database is the SQLite file {app.db_manager.url.database!r}",
            "only one machine can use it, and it is lost if the disk is not persistent",
            "set DATABASE_URL=postgresql://… if that is not enough",
            is_error=False,
        )


def _static_files(app: "Application") -> Iterator[Problem]:
    files = app.static_files
    if (
        any(path.is_dir() for path in files.sources.directories)
        and not (files.root / MANIFEST).is_file()
    ):
        yield Problem(
            f"static files are not collected in {files.root}",
            "with DEBUG off pages have no styles, scripts and images",
            "run lback collectstatic at each release",
        )


def _server(app: "Application") -> Iterator[Problem]:
    if find_spec(app.config.SERVER) is None:
        extra = {"granian": "serve"}.get(app.config.SERVER, app.config.SERVER)
        yield Problem(
            f"the server {app.config.SERVER} is not installed",
            "lback serve cannot start",
            install_hint(extra),
        )


def _routes_lock(app: "Application") -> Iterator[Problem]:
    root = app.config.PROJECT_ROOT
    if not (Path(root) / FILE_NAME).is_file():
        yield Problem(
            f"{FILE_NAME} is missing in {root}",
            "a route that becomes public by mistake goes unnoticed",
            "review 'lback routes', run lback routes --lock, and lback routes --audit in tests",
            is_error=False,
        )


def _logging(app: "Application") -> Iterator[Problem]:
    if app.config.LOGGING_LEVEL.upper() == "DEBUG":
        yield Problem(
            "LOGGING_LEVEL is DEBUG",
            "logs grow quickly, and libraries write confidential values to them",
            "set LOGGING_LEVEL=INFO",
            is_error=False,
        )


# All checks, by the names that SILENCED_CHECKS accepts.
CHECKS: Mapping[str, Check] = {
    **START_CHECKS,
    "deploy.debug": _debug,
    "deploy.secret_key": _secret_key,
    "deploy.secrets": _secrets_in_settings,
    "deploy.hosts": _hosts,
    "deploy.file_modes": _file_modes,
    "deploy.version_control": _in_version_control,
    "deploy.csrf": _csrf,
    "deploy.headers": _headers,
    "deploy.sign_in": _sign_in,
    "deploy.sqlite": _sqlite,
    "deploy.static_files": _static_files,
    "deploy.server": _server,
    "deploy.routes_lock": _routes_lock,
    "deploy.logging": _logging,
    "deploy.translations": translation_problems,
    **SHARED_STATE_CHECKS,
}
