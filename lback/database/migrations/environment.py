"""The Alembic environment, which `migrations/env.py` runs for `lback` and plain `alembic`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, MetaData
from sqlalchemy.types import TypeEngine

from lback.core import server
from lback.core.exceptions import ConfigurationError
from lback.database.engine import DatabaseManager
from lback.database.migrations import comparisons, lineage, transaction
from lback.database.migrations import implementations as _implementations  # noqa: F401  for Alembic
from lback.database.migrations import mysql_tables as _mysql_tables  # noqa: F401  for Alembic
from lback.database.migrations.early_checks import EarlyChecks
from lback.database.migrations.journal import Journal
from lback.database.migrations.names import name_for
from lback.database.migrations.progress import Progress, title
from lback.database.migrations.sources import tables_in_schemas, temporary_defaults, texts
from lback.database.migrations.steps import steps as read_steps
from lback.database.migrations.time_spans import DATABASES, OPTION, TimeSpans
from lback.database.migrations.type_sources import source_of
from lback.database.models import Base

Guard: TypeAlias = Callable[[Connection], AbstractContextManager[object]]

ATTRIBUTE = "lback"


@dataclass(slots=True)
class Run:
    """Parameters that `Migrations` passes to the environment.

    Attributes:
        db_manager: Database manager of the application.
        metadata: Tables of all models.
        journal: Records what was done.
        revise: Revises a new migration and returns True if it has changes; None keeps what Alembic
            detected.
        wait: Seconds to wait for another process that migrates; None for 60.
        on_wait: Called every few seconds of waiting with the seconds so far.
    """

    db_manager: DatabaseManager
    metadata: MetaData
    journal: Journal = field(default_factory=Journal)
    revise: Callable[[MigrationContext, MigrationScript], bool] | None = None
    wait: float | None = None
    on_wait: Callable[[float], None] | None = None


def run_environment(**options: object) -> None:
    """Connect to the database of the project and run the command of Alembic.

    A run that changes the database locks out others and is committed as a whole.

    Args:
        **options: Arguments of `alembic.context.configure`, which override those of Lback.

    Raises:
        ConfigurationError: The database cannot be reached.
        MigrationError: Another process migrates the database for too long.
    """
    given = context.config.attributes.get(ATTRIBUTE)
    run = given or _run_of_the_project()
    try:
        _run(run, {**_settings(run), **options})
    finally:
        if given is None:  # plain `alembic` does not close it
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
    prepared, running = _guards(run)
    with engine.connect() as connection, prepared(connection):
        run.journal.follow(connection)
        progress = None
        if _goes_somewhere() and not transaction.undoes_definitions(connection.dialect.name):
            progress = Progress(connection, run.journal)
        _configure(connection, settings, progress)
        with context.begin_transaction(), running(connection), progress or nullcontext():
            context.run_migrations()
            if _goes_somewhere():
                _note_lineage(connection)


def _configure(connection: Connection, settings: dict[str, Any], progress: Progress | None) -> None:
    """Configure Alembic, with preparations for each migration."""
    dialect = connection.dialect
    spans: TimeSpans | None = None
    if dialect.name in DATABASES:
        spans = TimeSpans(
            context.script, dialect, lambda: context.get_context().get_current_heads()
        )
    context.configure(connection=connection, **{**settings, OPTION: spans})
    migration = context.get_context()
    if progress is not None:
        migration.on_version_apply_callbacks += (progress.finish,)
    steps: Any = migration._migrations_fn

    def prepared(*arguments: Any) -> Iterator[Any]:
        for step in steps(*arguments):
            if spans is not None:
                spans.begin()
            if progress is not None and isinstance(step, RevisionStep):
                progress.begin(title(step.revision.revision, is_upgrade=step.is_upgrade))
                if not progress.continues:
                    _check_early(connection, migration, step)
            yield step

    migration._migrations_fn = prepared


def _check_early(connection: Connection, migration: MigrationContext, step: RevisionStep) -> None:
    """Check the rows before a migration that cannot be rolled back."""
    function = "upgrade" if step.is_upgrade else "downgrade"
    operations = read_steps(step.revision, ("mysql", "mariadb"), function)
    check: Any = migration.impl.check_rows  # type: ignore[attr-defined]
    EarlyChecks(connection, check).run(operations)


def _guards(run: Run) -> tuple[Guard, Guard]:
    """Return context managers around a run that changes the database; others need none."""
    if not _goes_somewhere():
        return nullcontext, nullcontext
    prepare = partial(transaction.prepared, wait=run.wait, on_wait=run.on_wait)
    return prepare, partial(transaction.running, wait=run.wait, on_wait=run.on_wait)


def _goes_somewhere() -> bool:
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def _note_lineage(connection: Connection) -> None:
    """Record the parents of the applied migrations."""
    scripts = context.script.revision_map
    heads = context.get_context().get_current_heads()
    nodes = scripts._get_ancestor_nodes(scripts.get_revisions(heads), check=False)
    parents = {node.revision: list(node._versioned_down_revisions) for node in nodes}
    lineage.note(connection, parents)
    if not transaction.undoes_definitions(connection.dialect.name):
        connection.commit()  # the run is not in a transaction


def _run_of_the_project() -> Run:
    server.initialize_core_components()
    if server.db_manager is None:
        raise ConfigurationError("the application of this project has no database")
    return Run(server.db_manager.direct, Base.metadata)


def _settings(run: Run) -> dict[str, object]:
    dialect = run.db_manager.engine.dialect.name
    own_tables = _OwnTables(run.metadata)
    return {
        "target_metadata": run.metadata,
        # On all databases, so that a file works on any of them.
        "render_as_batch": True,
        "transactional_ddl": transaction.undoes_definitions(dialect),
        "render_item": _render_item,
        "include_name": own_tables,
        "include_schemas": bool(own_tables.schemas),
        comparisons.TEMPORARY: TemporaryDefaults(),
        "on_version_apply": run.journal.step,
        "process_revision_directives": _Revision(run),
    }


def _render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Render types of the project and of Lback with their imports."""
    module = type(item).__module__
    if kind != "type" or not isinstance(item, TypeEngine) or module.startswith("sqlalchemy."):
        return False
    name = type(item).__qualname__
    if module.startswith("lback.database"):
        module, text = "lback.database", f"{name}()"
    else:
        found = source_of(item, autogen.migration_context.dialect)
        if found is None:  # a decorator that cannot be made again
            return _repr_type(item.impl_instance, autogen)  # type: ignore[attr-defined]
        text = found
    autogen.imports.add(f"from {module} import {name.partition('.')[0]}")
    return text


class _OwnTables:
    """Limits reflection to tables that a migration mentions.

    Other tables belong to another program and must not be dropped, or were created without
    migrations and still need one.
    """

    def __init__(self, metadata: MetaData) -> None:
        self._models = {table.schema for table in metadata.tables.values() if table.schema}
        self._named: frozenset[str] | None = None
        self._in_schemas: frozenset[tuple[str, str]] = frozenset()

    def __call__(self, name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name is None or name in self.schemas
        if kind != "table":
            return True
        schema = parents.get("schema_name")
        if schema is None:
            return name in self._names()
        return (schema, name) in self._in_schemas

    @property
    def schemas(self) -> set[str]:
        """The schemas of models and migrations besides the default one."""
        self._names()
        return self._models | {schema for schema, _ in self._in_schemas}

    def _names(self) -> frozenset[str]:
        if self._named is None:
            paths = [Path(script.path) for script in context.script.walk_revisions()]
            self._named = frozenset(text for path in paths for text in texts(path))
            self._in_schemas = frozenset(t for path in paths for t in tables_in_schemas(path))
        return self._named


class TemporaryDefaults:
    """The columns with temporary defaults in migrations: schema, table and name."""

    def __init__(self) -> None:
        self._found: frozenset[tuple[str | None, str, str]] | None = None

    def __contains__(self, place: object) -> bool:
        return place in self._places()

    def __iter__(self) -> Iterator[tuple[str | None, str, str]]:
        return iter(sorted(self._places(), key=str))

    def __len__(self) -> int:
        return len(self._places())

    def _places(self) -> frozenset[tuple[str | None, str, str]]:
        if self._found is None:
            paths = [Path(script.path) for script in context.script.walk_revisions()]
            self._found = frozenset(place for path in paths for place in temporary_defaults(path))
        return self._found


class _Revision:
    """Names a new migration and revises its operations."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(
        self, migration: MigrationContext, _: object, directives: list[MigrationScript]
    ) -> None:
        for script in list(directives):
            if self._run.revise is not None and not self._run.revise(migration, script):
                directives.remove(script)
                continue
            known = [found.revision for found in context.script.walk_revisions()]
            script.rev_id = name_for(script.message or "", known)
