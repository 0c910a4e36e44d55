"""Replaces pairs of drop and addition, as Alembic detects them, by renames.

Operations are ordered so that they can be reverted in reverse order: first drops of what refers to
old names, such as indexes, then renames, then everything that refers to new names.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from alembic.operations.ops import (
    AddColumnOp,
    AddConstraintOp,
    AlterColumnOp,
    CreateTableOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Constraint, ForeignKeyConstraint, Table, UniqueConstraint

from lback.database.migrations.comparisons import (
    TEMPORARY,
    checks_of_renamed,
    defaults_of_renamed,
    hidden_indexes,
    indexes_of_dropped_keys,
)
from lback.database.migrations.operations import AddCheck, DropCheck, RenameColumn, RenameTable
from lback.database.migrations.questions import Rename, kind_of

DROPS = (DropIndexOp, DropConstraintOp, DropCheck)

IsRename = Callable[[Rename, bool], bool]
# Share of columns with the same name in two tables from which they may be a rename.
SAME_COLUMNS = 0.5


def write_renames(operations: UpgradeOps, context: MigrationContext, is_rename: IsRename) -> None:
    """Replace drops and additions by renames in place.

    Args:
        operations: Operations of the migration; changed.
        context: Context of Alembic.
        is_rename: Called with a possible rename and whether both are similar; returns True for a
            rename.
    """
    renamed: list[MigrateOperation] = []
    for dropped, created in _pairs_of_tables(operations):
        if dropped in operations.ops and created in operations.ops:
            schema = dropped.schema
            rename = Rename(
                None, _full(schema, dropped.table_name), _full(schema, created.table_name)
            )
            if is_rename(rename, _are_alike(dropped, created)):
                renamed.append(_rename_table(operations, context, dropped, created))
    old_names = {op.new: op.old for op in renamed if isinstance(op, RenameTable)}
    for changes in _changes(operations):
        renamed.extend(_rename_columns(changes, context, is_rename, old_names))
    if renamed:
        operations.ops[:] = [*_take_drops(operations), *renamed, *operations.ops]


def _changes(operations: UpgradeOps) -> list[ModifyTableOps]:
    return [op for op in operations.ops if isinstance(op, ModifyTableOps)]


def _pairs_of_tables(operations: UpgradeOps) -> list[tuple[DropTableOp, CreateTableOp]]:
    dropped = [op for op in operations.ops if isinstance(op, DropTableOp)]
    created = [op for op in operations.ops if isinstance(op, CreateTableOp)]
    return [(old, new) for old in dropped for new in created if old.schema == new.schema]


def _are_alike(dropped: DropTableOp, created: CreateTableOp) -> bool:
    old, new = (set(op.to_table().c.keys()) for op in (dropped, created))
    return len(old & new) >= SAME_COLUMNS * max(len(old), len(new))


def _rename_table(
    operations: UpgradeOps, context: MigrationContext, dropped: DropTableOp, created: CreateTableOp
) -> RenameTable:
    """Replace the drop and creation of a table by its differences, and return the rename."""
    old, new = dropped.to_table(), created.to_table()
    operations.ops.remove(dropped)
    operations.ops.remove(created)
    drops, added = _constraint_changes(old, new)
    dropped_checks, added_checks = _check_changes(context, dropped, created)
    changes = [*_column_changes(old, new, context), *added, *added_checks]
    schema = dropped.schema
    hidden = hidden_indexes(context.connection, old) if context.connection is not None else []
    drops_of_old: list[MigrateOperation] = [*drops, *dropped_checks, *hidden]
    if context.connection is not None:
        drops_of_old.extend(indexes_of_dropped_keys(context.connection, old, new, drops))
    operations.ops.append(ModifyTableOps(old.name, drops_of_old, schema=schema))
    operations.ops.append(ModifyTableOps(new.name, changes, schema=schema))
    return RenameTable(old.name, new.name, schema)


def _check_changes(
    context: MigrationContext, dropped: DropTableOp, created: CreateTableOp
) -> tuple[list[DropCheck], list[AddCheck]]:
    if context.connection is None:
        return [], []
    model = context.opts["target_metadata"].tables[_full(created.schema, created.table_name)]
    return checks_of_renamed(context.connection, dropped.table_name, model)


def _full(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _column_changes(
    old: Table, new: Table, context: MigrationContext
) -> Iterator[MigrateOperation]:
    for column in new.c:
        if column.name not in old.c:
            yield AddColumnOp.from_column_and_tablename(new.schema, new.name, column)
        else:
            place = (new.schema, new.name)
            yield from _alteration(place, old.c[column.name], column, context, old.name)
    for column in old.c:
        if column.name not in new.c:
            yield DropColumnOp.from_column_and_tablename(new.schema, new.name, column)


def _alteration(
    place: tuple[str | None, str],
    old: Column[Any],
    new: Column[Any],
    context: MigrationContext,
    old_table: str,
) -> Iterator[AlterColumnOp]:
    """Yield an operation that changes a column of the database to that of the model."""
    schema, table = place
    differs = context.impl.compare_type(old, new)
    change = AlterColumnOp(
        table,
        new.name,
        schema=schema,
        existing_type=old.type if differs else new.type,
        existing_nullable=old.nullable,
        existing_server_default=old.server_default or False,
        existing_comment=old.comment,
        modify_type=new.type if differs else None,
        modify_nullable=new.nullable if old.nullable != new.nullable else None,
    )
    model = context.opts["target_metadata"].tables[_full(schema, table)].c[new.name]
    if context.connection is not None and defaults_of_renamed(
        context.connection, (old_table, old.name), model, context.opts.get(TEMPORARY, ())
    ):
        change.modify_server_default = cast(Any, model.server_default)
    if context.dialect.supports_comments and old.comment != model.comment:
        change.modify_comment = model.comment
    if change.has_changes():
        yield change


def _constraint_changes(
    old: Table, new: Table
) -> tuple[list[DropConstraintOp], list[AddConstraintOp]]:
    before = {_signature(c): c for c in old.constraints if _is_compared(c)}
    after = {_signature(c): c for c in new.constraints if _is_compared(c)}
    drops = [c for key, c in before.items() if key not in after and c.name]
    additions = [c for key, c in after.items() if key not in before]
    return (
        [DropConstraintOp.from_constraint(c) for c in drops],
        [AddConstraintOp.from_constraint(c) for c in additions],
    )


def _is_compared(constraint: Constraint) -> bool:
    return isinstance(constraint, (UniqueConstraint, ForeignKeyConstraint))


def _signature(constraint: Any) -> tuple[object, ...]:
    if isinstance(constraint, ForeignKeyConstraint):
        # Alembic does not compare their names either.
        targets = tuple(element.target_fullname for element in constraint.elements)
        return (*constraint.column_keys, "->", *targets, constraint.ondelete, constraint.onupdate)
    return (str(constraint.name), *(column.name for column in constraint.columns))


def _rename_columns(
    changes: ModifyTableOps,
    context: MigrationContext,
    is_rename: IsRename,
    old_names: Mapping[str, str],
) -> Iterator[RenameColumn]:
    table = changes.table_name
    for added in [op for op in changes.ops if isinstance(op, AddColumnOp)]:
        # Alembic detects drops in no particular order; questions need a stable one.
        drops = [op for op in changes.ops if isinstance(op, DropColumnOp)]
        for dropped in sorted(drops, key=lambda op: op.column_name):
            old, new = dropped.to_column(), added.column
            if not is_rename(
                Rename(_full(changes.schema, table), old.name, new.name),
                kind_of(old.type) == kind_of(new.type),
            ):
                continue
            changes.ops.remove(added)
            changes.ops.remove(dropped)
            old_table = old_names.get(table, table)
            alterations = list(_alteration((changes.schema, table), old, new, context, old_table))
            changes.ops[:0] = alterations
            # If the types are equal, that of the model fits every database.
            kind = old.type if alterations and alterations[0].modify_type is not None else new.type
            yield RenameColumn(table, old.name, new.name, old, kind, changes.schema)
            break


def _take_drops(operations: UpgradeOps) -> list[ModifyTableOps]:
    """Remove and return the drops of indexes and constraints, foreign keys first."""
    taken: list[ModifyTableOps] = []
    for changes in _changes(operations):
        drops = [op for op in changes.ops if isinstance(op, DROPS)]
        changes.ops[:] = [op for op in changes.ops if op not in drops]
        drops.sort(key=lambda op: getattr(op, "constraint_type", "") != "foreignkey")
        if drops:
            taken.append(ModifyTableOps(changes.table_name, drops, schema=changes.schema))
        if not changes.ops:
            operations.ops.remove(changes)
    return taken
