"""The environment of a run: what `migrations/env.py` calls, under `lback` and plain `alembic`."""

import ast
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.types import TypeEngine

from lback.core import server
from lback.core.exceptions import ConfigurationError
from lback.database.engine import DatabaseManager
from lback.database.migrations import transaction
from lback.database.migrations.journal import Journal
from lback.database.migrations.names import name_for
from lback.database.models import Base

Guard: TypeAlias = Callable[[Any], AbstractContextManager[Any]]

ATTRIBUTE = "lback"


@dataclass(slots=True)
class Run:
    """What `Migrations` hands to the environment.

    Attributes:
        db_manager: Opens the database.
        metadata: The tables of the models.
        journal: Told what is done.
        revise: Changes what a new migration will hold; `None` leaves it as Alembic found it.
    """

    db_manager: DatabaseManager
    metadata: MetaData
    journal: Journal = field(default_factory=Journal)
    revise: Callable[[MigrationContext, MigrationScript], bool] | None = None


def run_environment(**options: Any) -> None:
    """Connect to the database of the project and run what Alembic was called for.

    A run that changes the database keeps others out, and is committed as a whole.

    Args:
        **options: Arguments of `alembic.context.configure`; they win over ours.

    Raises:
        ConfigurationError: The database cannot be reached.
        MigrationError: Another process migrates it for too long.
    """
    given = context.config.attributes.get(ATTRIBUTE)
    run = given or _run_of_the_project()
    try:
        _run(run, {**_settings(run), **options})
    finally:
        if given is None:  # under plain `alembic` there is no command that closes it
            run.db_manager.dispose()


def _run(run: Run, settings: dict[str, Any]) -> None:
    engine = run.db_manager.engine
    if context.is_offline_mode():
        context.configure(
            dialect_name=engine.dialect.name,
            literal_binds=True,
            dialect_opts={"paramstyle": "named"},
            **settings,
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    prepared, running = _guards()
    with engine.connect() as connection, prepared(connection):
        run.journal.follow(connection)
        context.configure(connection=connection, **settings)
        with context.begin_transaction(), running(connection):
            context.run_migrations()


def _guards() -> tuple[Guard, Guard]:
    """Return what surrounds a run that goes to a revision; one that looks needs nothing."""
    try:
        context.get_revision_argument()
    except KeyError:
        return nullcontext, nullcontext
    return transaction.prepared, transaction.running


def _run_of_the_project() -> Run:
    server.initialize_core_components()
    if server.db_manager is None:
        raise ConfigurationError("the application of this project has no database")
    return Run(server.db_manager, Base.metadata)


def _settings(run: Run) -> dict[str, Any]:
    dialect = run.db_manager.engine.dialect.name
    return {
        "target_metadata": run.metadata,
        # On all databases, so that a file written on one of them works on the others.
        "render_as_batch": True,
        "transactional_ddl": transaction.undoes_definitions(dialect),
        "render_item": _render_item,
        "include_name": _OwnTables(),
        "on_version_apply": run.journal.step,
        "process_revision_directives": _Revision(run),
    }


def _render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write the types of a project, and ours, so that the file imports what it names."""
    module = type(item).__module__
    if kind != "type" or not isinstance(item, TypeEngine) or module.startswith("sqlalchemy."):
        return False
    name = type(item).__qualname__
    if module.startswith("lback.database"):
        module, text = "lback.database", f"{name}()"
    else:
        text = repr(item)
    autogen.imports.add(f"from {module} import {name.partition('.')[0]}")
    return text


class _OwnTables:
    """Sees those tables of the database only that a migration names.

    The others belong to another program, which a migration must not drop; or they were made
    without migrations, and still have to be made by one.
    """

    def __init__(self) -> None:
        self._named: frozenset[str] | None = None

    def __call__(self, name: str | None, kind: str, _: Any) -> bool:
        return kind != "table" or name in self._names()

    def _names(self) -> frozenset[str]:
        if self._named is None:
            paths = [Path(script.path) for script in context.script.walk_revisions()]
            self._named = frozenset(text for path in paths for text in _texts(path))
        return self._named


def _texts(path: Path) -> list[str]:
    constants = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return [
        node.value
        for node in constants
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


class _Revision:
    """Names a new migration, and has what it holds revised."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(
        self, migration: MigrationContext, _: Any, directives: list[MigrationScript]
    ) -> None:
        for script in list(directives):
            if self._run.revise is not None and not self._run.revise(migration, script):
                directives.remove(script)
                continue
            known = [found.revision for found in context.script.walk_revisions()]
            script.rev_id = name_for(script.message or "", known)
