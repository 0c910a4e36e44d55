"""Orders new and dropped tables by their foreign keys.

Alembic drops tables in no particular order, and omits the foreign keys of tables that refer to each
other or writes them before the other table exists.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

from alembic.operations.ops import (
    AlterColumnOp,
    CreateForeignKeyOp,
    CreateTableOp,
    DropConstraintOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import Connection, ForeignKeyConstraint, Inspector, MetaData, inspect

Name = tuple[str | None, str]


def order_tables(upgrade: UpgradeOps) -> None:
    """Order operations so that each foreign key is added and dropped while both tables exist.

    Args:
        upgrade: Operations of the migration; changed in place.
    """
    _add_keys_last(upgrade)
    drops = [op for op in upgrade.ops if isinstance(op, DropTableOp)]
    if drops:
        keys = _take(upgrade, _is_drop_of_key)
        place = upgrade.ops.index(drops[0])
        before = upgrade.ops[:place]
        rest = [op for op in upgrade.ops[place:] if op not in drops]
        names = {(drop.schema, drop.table_name) for drop in drops}
        indexes = [op for op in rest if _is_on(op, names)]
        rest = [op for op in rest if op not in indexes]
        upgrade.ops[:] = [*before, *keys, *indexes, *_in_order(drops), *rest]


def _is_on(op: MigrateOperation, names: set[Name]) -> bool:
    return isinstance(op, ModifyTableOps) and (op.schema, op.table_name) in names


def free_keys(upgrade: UpgradeOps, connection: Connection, metadata: MetaData) -> None:
    """Drop the foreign keys of columns whose types change, and add them again after the changes.

    Both columns of a foreign key can only change one after the other. PostgreSQL and MariaDB reject
    that while the key exists.

    Args:
        upgrade: Operations of the migration; changed in place.
        connection: Connection to the database.
        metadata: Tables of all models.
    """
    changed = set(_changed_types(upgrade))
    if not changed:
        return
    drops = _take(upgrade, _is_drop_of_key)
    additions = _take(upgrade, lambda op: isinstance(op, CreateForeignKeyOp))
    known = {(op.table_name, drop.constraint_name) for op in drops for drop in _drops_in(op)}
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            name = _name_in_database(inspector, key) if _places(key) & changed else None
            if name is not None and (table.name, name) not in known:
                drop, add = DropConstraintOp.from_constraint(key), _addition(key)
                drop.constraint_name = name
                drops.append(ModifyTableOps(table.name, [drop], schema=table.schema))
                additions.append(ModifyTableOps(table.name, [add], schema=table.schema))
    upgrade.ops[:] = [*drops, *upgrade.ops, *additions]


def _changed_types(upgrade: UpgradeOps) -> Iterator[tuple[Name, str]]:
    for changes in upgrade.ops:
        for op in changes.ops if isinstance(changes, ModifyTableOps) else ():
            if isinstance(op, AlterColumnOp) and op.modify_type is not None:
                yield (op.schema, op.table_name), op.column_name


def _drops_in(changes: ModifyTableOps) -> list[DropConstraintOp]:
    return [op for op in changes.ops if isinstance(op, DropConstraintOp)]


def _places(key: ForeignKeyConstraint) -> set[tuple[Name, str]]:
    """Return the columns on both sides of a key."""
    own = {((key.table.schema, key.table.name), name) for name in key.column_keys}
    targets = {(_target(key), e.target_fullname.rpartition(".")[2]) for e in key.elements}
    return own | targets


def _name_in_database(inspector: Inspector, key: ForeignKeyConstraint) -> str | None:
    table = key.table
    if not inspector.has_table(table.name, schema=table.schema):
        return None
    rows = inspector.get_foreign_keys(table.name, schema=table.schema)
    same = [row for row in rows if row["constrained_columns"] == list(key.column_keys)]
    return next((row["name"] for row in same if row["referred_table"] == _target(key)[1]), None)


# New tables.


def _add_keys_last(upgrade: UpgradeOps) -> None:
    """Add foreign keys to tables that are created later after all tables."""
    creations = [op for op in upgrade.ops if isinstance(op, CreateTableOp)]
    later: list[Name] = [(op.schema, op.table_name) for op in creations]
    additions: list[MigrateOperation] = []
    for op in creations:
        later.remove((op.schema, op.table_name))
        for key in _keys(op):
            if key.use_alter or _target(key) in later:
                op.columns = [part for part in op.columns if part is not key]
                addition = ModifyTableOps(op.table_name, [_addition(key)], schema=op.schema)
                additions.append(addition)
    upgrade.ops.extend(additions)


def _addition(key: ForeignKeyConstraint) -> CreateForeignKeyOp:
    addition: Any = CreateForeignKeyOp.from_constraint(key)
    addition.kw.pop("use_alter", None)  # it means nothing to a migration
    return cast(CreateForeignKeyOp, addition)


def _keys(op: CreateTableOp) -> list[ForeignKeyConstraint]:
    return [part for part in op.columns if isinstance(part, ForeignKeyConstraint)]


def _target(key: ForeignKeyConstraint) -> Name:
    schema, _, name = key.elements[0].target_fullname.rpartition(".")[0].rpartition(".")
    return schema or None, name


# Dropped tables.


def _take(
    upgrade: UpgradeOps, is_taken: Callable[[MigrateOperation], bool]
) -> list[ModifyTableOps]:
    """Remove and return operations on tables that stay."""
    taken: list[ModifyTableOps] = []
    for changes in [op for op in upgrade.ops if isinstance(op, ModifyTableOps)]:
        found = [op for op in changes.ops if is_taken(op)]
        if found:
            changes.ops[:] = [op for op in changes.ops if op not in found]
            taken.append(ModifyTableOps(changes.table_name, found, schema=changes.schema))
        if not changes.ops:
            upgrade.ops.remove(changes)
    return taken


def _is_drop_of_key(op: MigrateOperation) -> bool:
    return isinstance(op, DropConstraintOp) and op.constraint_type == "foreignkey"


def _in_order(drops: list[DropTableOp]) -> list[MigrateOperation]:
    """Return the drops, each table after those that refer to it; keys of cycles come first."""
    left = sorted(drops, key=lambda op: (op.schema or "", op.table_name), reverse=True)
    keys: list[MigrateOperation] = []
    ordered: list[MigrateOperation] = []
    while left:
        free = next((op for op in left if not _referring(op, left)), None)
        if free is None:
            free = left[0]
            for other, key in _referring(free, left):
                keys.append(_drop_key(other, key))
        left.remove(free)
        ordered.append(free)
    return [*keys, *ordered]


def _referring(
    op: DropTableOp, others: list[DropTableOp]
) -> list[tuple[DropTableOp, ForeignKeyConstraint]]:
    """Return the foreign keys of other tables that refer to a table."""
    name = (op.schema, op.table_name)
    return [
        (other, key)
        for other in others
        if other is not op
        for key in _keys(_creation(other))
        if _target(key) == name
    ]


def _drop_key(op: DropTableOp, key: ForeignKeyConstraint) -> ModifyTableOps:
    """Return the drop of a key, and leave the key out of the table that a downgrade creates."""
    creation = _creation(op)
    creation.columns = [part for part in creation.columns if part is not key]
    return ModifyTableOps(op.table_name, [DropConstraintOp.from_constraint(key)], schema=op.schema)


def _creation(op: DropTableOp) -> CreateTableOp:
    return cast(CreateTableOp, op._reverse)  # Alembic has it of each table that it detects
