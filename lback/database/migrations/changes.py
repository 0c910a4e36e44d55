"""Revises the changes that Alembic detected for a new migration."""

from collections.abc import Callable, Iterator

from alembic.operations.ops import (
    AlterColumnOp,
    DowngradeOps,
    MigrationScript,
    ModifyTableOps,
    UpgradeOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, Table, inspect

from lback.database.migrations.comparisons import TEMPORARY
from lback.database.migrations.enum_members import place_changes
from lback.database.migrations.names import describe
from lback.database.migrations.old_code import warnings_on
from lback.database.migrations.operations import DropTemporaryDefault, RenameColumn, RenameTable
from lback.database.migrations.questions import Answers
from lback.database.migrations.renames import DROPS, write_renames
from lback.database.migrations.sequences import place_sequences
from lback.database.migrations.table_order import free_keys, order_tables
from lback.database.migrations.types import keep_schemas, keep_types
from lback.database.migrations.unfilled_columns import fill_gaps, fill_gaps_of_undoing


def revise(
    message: str,
    answers: Answers,
    warn: Callable[[str], None] | None,
    migration: MigrationContext,
    script: MigrationScript,
) -> bool:
    """Revise a new migration in place.

    Args:
        message: Description; derived from the changes if empty.
        answers: Answers to questions about renames and values.
        warn: Called with each warning about changes that break older code.
        migration: Context of Alembic.
        script: The migration.

    Returns:
        True if the migration has changes.

    Raises:
        MigrationError: An answer is missing or was not needed.
    """
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    if upgrade is None or downgrade is None or upgrade.is_empty():
        answers.check_all_used()
        return False
    _rewrite(upgrade, downgrade, script.imports, migration, answers)
    answers.check_all_used()
    for sentence in warnings_on(upgrade.ops):
        if warn is not None:
            warn(sentence)
    script.message = message or describe(upgrade.ops)
    return True


def _rewrite(
    upgrade: UpgradeOps,
    downgrade: DowngradeOps,
    imports: set[str],
    migration: MigrationContext,
    answers: Answers,
) -> None:
    _put_drops_first(upgrade)
    write_renames(upgrade, migration, answers.is_rename)
    if migration.connection is not None:
        free_keys(upgrade, migration.connection, migration.opts["target_metadata"])
    order_tables(upgrade)
    ended = list(_ended_defaults(migration))
    _forget_defaults(upgrade, ended)
    upgrade.ops[:0] = ended
    place_changes(upgrade)
    place_sequences(upgrade)
    fill_gaps(upgrade, imports, answers.value_for, migration.dialect)
    upgrade.reverse_into(downgrade)
    fill_gaps_of_undoing(downgrade, imports)
    keep_types(upgrade, downgrade, migration.opts["target_metadata"], migration.dialect)
    keep_schemas(upgrade)


def _put_drops_first(upgrade: UpgradeOps) -> None:
    """Drop indexes and constraints before the types of their columns change."""
    for changes in upgrade.ops:
        if isinstance(changes, ModifyTableOps):
            drops = [op for op in changes.ops if isinstance(op, DROPS)]
            # MariaDB needs the index of a foreign key until the key is dropped.
            drops.sort(key=lambda op: getattr(op, "constraint_type", "") != "foreignkey")
            changes.ops[:] = [*drops, *(op for op in changes.ops if not isinstance(op, DROPS))]


def _forget_defaults(upgrade: UpgradeOps, ended: list[DropTemporaryDefault]) -> None:
    """Keep changes, for which MySQL needs the whole column, from restoring a dropped default."""
    old_tables = {op.new: op.old for op in upgrade.ops if isinstance(op, RenameTable)}
    gone = {(op.table, op.column.name) for op in ended}
    for op in upgrade.ops:
        if isinstance(op, RenameColumn) and (old_tables.get(op.table, op.table), op.old) in gone:
            op.column.server_default = None
            gone.add((old_tables.get(op.table, op.table), op.new))
    for changes in upgrade.ops:
        for op in changes.ops if isinstance(changes, ModifyTableOps) else ():
            if isinstance(op, AlterColumnOp):
                table = old_tables.get(op.table_name, op.table_name)
                if (table, op.column_name) in gone:
                    op.existing_server_default = False


def _ended_defaults(migration: MigrationContext) -> Iterator[DropTemporaryDefault]:
    """Yield operations that drop the temporary defaults of earlier migrations."""
    if migration.connection is None:
        return
    models = migration.opts["target_metadata"].tables
    inspector = inspect(migration.connection)
    for schema, table, name in migration.opts.get(TEMPORARY, ()):
        if not inspector.has_table(table, schema=schema):
            continue
        found = Table(
            table,
            MetaData(),
            schema=schema,
            autoload_with=migration.connection,
            resolve_fks=False,
            listeners=[("column_reflect", migration.impl.autogen_column_reflect)],
        )
        model = models.get(f"{schema}.{table}" if schema else table)
        wanted = model.c.get(name) if model is not None else None
        if name not in found.c or found.c[name].server_default is None:
            continue
        if wanted is None or wanted.server_default is None:
            yield DropTemporaryDefault(table, found.c[name], schema)
