"""The checks of `lback check`: database, tables, migrations, servers, templates and apps."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from lback.cache.settings import cache_entries
from lback.cli.broker_check import broker_problem, socket_problem
from lback.cli.problems import Check, Problem
from lback.cli.template_check import problems_of_templates, template_problems
from lback.core.config import Config
from lback.core.config_manager import load_settings_module
from lback.core.exceptions import FrameworkException
from lback.core.settings.defaults import TASKS_IN_DATABASE
from lback.core.templates import TemplateRenderer
from lback.database import Base
from lback.database.changes import hears_notifications
from lback.database.limits import beyond_limits
from lback.database.migrations import Migrations
from lback.database.sqlite import is_file

if TYPE_CHECKING:
    from lback.application import Application

# A task that is ready for longer counts as late.
LATE_SECONDS = 300.0


def templates_without_application(root: Path) -> Iterator[Problem]:
    """Yield problems of templates when the application cannot be built.

    Args:
        root: Directory of the project. Only `INSTALLED_APPS` and `TEMPLATE_DIRS` are read from
            its settings.
    """
    try:
        settings = vars(load_settings_module(str(root / "settings.py")))
        wanted = {name: settings.get(name) for name in ("INSTALLED_APPS", "TEMPLATE_DIRS")}
        config = Config(None, settings={**wanted, "PROJECT_ROOT": str(root)})
        renderer = TemplateRenderer(config)
    except FrameworkException:
        return  # building the application reports problems of the settings
    for problem in problems_of_templates(renderer, are_names_known=False):
        yield replace(problem, check="templates")


def _connection(app: "Application") -> Iterator[Problem]:
    problem = database_problem(app)
    if problem:
        yield Problem(problem, "requests that need the database fail", "see the message")


def database_problem(app: "Application") -> str:
    """Return why the database cannot be opened; empty if it can.

    A missing SQLite file in an existing directory is not a problem, and is not created.
    """
    if _is_missing_file(app) and Path(app.db_manager.url.database or "").parent.is_dir():
        return ""  # the first connection creates it
    try:
        with app.db_manager.engine.connect():
            return ""
    except FrameworkException as error:
        return str(error)


def _is_missing_file(app: "Application") -> bool:
    url = app.db_manager.url
    is_sqlite_file = url.get_backend_name() == "sqlite" and is_file(url)
    return is_sqlite_file and not Path(str(url.database)).exists()


def _migrations(app: "Application") -> Iterator[Problem]:
    migrations = Migrations(app.db_manager, app.config.PROJECT_ROOT)
    if not migrations.exist or database_problem(app):
        return
    try:
        if _is_missing_file(app):
            pending = migrations.names
        else:
            pending = [state.name for state in migrations.status() if not state.applied]
        changes = "" if pending else migrations.changes()
    except FrameworkException as error:
        yield Problem(
            str(error), "it is unknown whether the tables match the models", "see the message"
        )
        return
    if pending:
        yield Problem(
            f"{len(pending)} migrations are not applied, the first is {pending[0]}",
            "the code expects tables and columns that do not exist",
            "run lback migrate before deploying the new code",
        )
    if changes:
        yield Problem(
            f"models have changed since the last migration: {changes}",
            "the code expects tables and columns that do not exist",
            "run lback makemigrations && lback migrate",
        )


def _tables(app: "Application") -> Iterator[Problem]:
    if Migrations(app.db_manager, app.config.PROJECT_ROOT).exist or database_problem(app):
        return
    missing = _missing_tables(app)
    own = [name for name in missing if not name.startswith("lback_")]
    if own:
        yield Problem(
            f"{len(own)} tables of models such as {own[0]!r} do not exist, nor do migrations",
            "views that use them fail with status 500",
            "run lback makemigrations && lback migrate",
        )
    elif missing and _keeps_sessions_in_tables(app):
        yield Problem(
            "the table of sessions does not exist",
            "views with a form or a login fail with status 500",
            "run lback makemigrations && lback migrate, or set SESSION_STORE=memory",
            is_error=False,
        )


def _limits(app: "Application") -> Iterator[Problem]:
    missing = None if database_problem(app) else set(_missing_tables(app))
    tables = [table for table in Base.metadata.tables.values() if _is_in(table.name, missing)]
    for sentence in beyond_limits(tables, app.db_manager.engine.dialect):
        what, _, fix = sentence.rpartition("; ")
        yield Problem(what, "the database rejects the table", fix)


def _is_in(name: str, names: set[str] | None) -> bool:
    return names is None or name in names


def _missing_tables(app: "Application") -> list[str]:
    if _is_missing_file(app):
        return sorted(Base.metadata.tables)
    try:
        with app.db_manager.engine.connect() as connection:
            existing = set(inspect(connection).get_table_names())
    except SQLAlchemyError:
        return []  # the database user has no permission to list tables
    return sorted(
        table.name for table in Base.metadata.tables.values() if table.name not in existing
    )


def _keeps_sessions_in_tables(app: "Application") -> bool:
    kinds = {kind.__name__ for m in app.middleware_manager.middlewares for kind in type(m).__mro__}
    return app.config.SESSION_STORE == "database" and "SessionMiddleware" in kinds


def _apps(app: "Application") -> Iterator[Problem]:
    installed = set(app.config.INSTALLED_APPS)
    modules = {str(getattr(route.view, "__module__", "")) for route in app.router.routes}
    for package in sorted({module.rpartition(".")[0] for module in modules} - {""}):
        if package.partition(".")[0] == "lback" or installed.intersection(_and_parents(package)):
            continue
        contents = list(_contents_of(package))
        if contents:
            yield Problem(
                f"{package!r} has routes and {' and '.join(contents)} but is not in INSTALLED_APPS",
                "its templates, models, admin and commands are not loaded",
                f'set INSTALLED_APPS = [..., "{package}"] in settings.py',
                is_error="templates" in contents or "models" in contents,
            )


def _and_parents(package: str) -> Iterator[str]:
    while package:
        yield package
        package = package.rpartition(".")[0]


def _contents_of(package: str) -> Iterator[str]:
    places: list[str] = list(getattr(importlib.import_module(package), "__path__", ()))
    if any((Path(place) / "templates").is_dir() for place in places):
        yield "templates"
    for name in ("models", "admin", "commands", "seeds"):
        if places and find_spec(f"{package}.{name}") is not None:
            yield name


def _redis(app: "Application") -> Iterator[Problem]:
    config = app.config
    stores = (config.SESSION_STORE, config.LOGIN_ATTEMPTS_STORE)
    caches = [entry for entry in cache_entries(config).values() if entry.get("backend") == "redis"]
    urls = {entry.get("url", config.REDIS_URL) for entry in caches}
    for url in sorted(urls | ({config.REDIS_URL} if "redis" in stores else set())):
        problem = redis_problem(url)
        if problem:
            why = "sessions, login attempts or cached values are stored there"
            yield Problem(problem, why, "start the server, or correct REDIS_URL or CACHES")


def redis_problem(url: str, setting: str = "REDIS_URL") -> str:
    """Return why the server at a Redis URL cannot be reached; empty if it can.

    Args:
        url: The URL.
        setting: Name of the setting with the URL, for the message.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return "" if Path(parts.path).is_socket() else f"socket {parts.path} does not exist"
    return socket_problem(parts.hostname or "localhost", parts.port or 6379, setting)


def _realtime(app: "Application") -> Iterator[Problem]:
    problem = realtime_problem(app)
    if problem:
        why = "messages of live pages wait in the database until it answers"
        fix = "start the server, or correct REALTIME_REDIS_URL"
        yield Problem(problem, why, fix, is_error=False)


def _notifications(app: "Application") -> Iterator[Problem]:
    effects = {
        "messages of live pages are up to five seconds late": app.config.REALTIME == "database",
        "tasks start up to a second late": app.config.TASKS in TASKS_IN_DATABASE,
        "PgBouncer before 1.21 breaks prepared statements": not app.config.DATABASE_DIRECT_URL,
    }
    if any(effects.values()) and _is_deaf(app):
        yield Problem(
            f"notifications of PostgreSQL do not arrive by {app.db_manager.direct.shown_url}, as "
            "behind a pooler in transaction mode",
            ", and ".join(effect for effect, is_so in effects.items() if is_so),
            "set DATABASE_DIRECT_URL to the server itself, without the pooler",
            is_error=False,
        )


def _is_deaf(app: "Application") -> bool:
    is_postgresql = app.db_manager.url.get_backend_name() == "postgresql"
    if not is_postgresql or database_problem(app):
        return False
    try:
        return not hears_notifications(app.db_manager)
    except (FrameworkException, SQLAlchemyError):
        return False  # of DATABASE_DIRECT_URL, which the check of migrations reports


def realtime_problem(app: "Application") -> str:
    """Return why the Redis server of live pages cannot be reached; empty if it can or is none."""
    config = app.config
    if config.REALTIME != "redis":
        return ""
    name = "REALTIME_REDIS_URL" if config.REALTIME_REDIS_URL else "REDIS_URL"
    return redis_problem(getattr(config, name), name)


def _tasks(app: "Application") -> Iterator[Problem]:
    for what, fix in task_problems(app):
        why = "mail and other background work is late"
        yield Problem(what, why, fix, is_error=False)


def _broker(app: "Application") -> Iterator[Problem]:
    problem = broker_problem(app)
    if problem is not None:
        yield Problem(problem.what, "no task runs; all wait in the database", problem.fix)


def task_problems(app: "Application") -> list[tuple[str, str]]:
    """Return what is wrong with background tasks, and how to fix it.

    A missing table is the problem of another check.
    """
    if app.config.TASKS not in TASKS_IN_DATABASE or _is_missing_file(app) or database_problem(app):
        return []
    from lback.tasks.overview import Overview  # projects without tasks do not import it
    from lback.tasks.queues import DatabaseQueue

    if "lback_tasks" in _missing_tables(app):
        return []
    return Overview(DatabaseQueue(app.db_manager)).problems(LATE_SECONDS)


START_CHECKS: Mapping[str, Check] = {
    "database.connection": _connection,
    "database.migrations": _migrations,
    "database.tables": _tables,
    "database.limits": _limits,
    "redis.connection": _redis,
    "templates": template_problems,
    "apps": _apps,
    "tasks": _tasks,
    "tasks.broker": _broker,
    "realtime": _realtime,
    "database.notifications": _notifications,
}
