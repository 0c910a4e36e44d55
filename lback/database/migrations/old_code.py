"""Warnings about changes that break older code, which may still run during a deployment."""

from collections.abc import Iterable, Iterator

from alembic.operations.ops import (
    AlterColumnOp,
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
)

from lback.database.migrations.operations import RenameColumn, RenameTable


def warnings_on(operations: Iterable[MigrateOperation]) -> Iterator[str]:
    """Yield a warning for each operation that breaks older code, with a way to avoid it."""
    for op in operations:
        match op:
            case DropTableOp():
                yield (
                    f"old code still reads the table {op.table_name}, which this drops: "
                    "first deploy code without it, then migrate"
                )
            case RenameTable():
                yield (
                    f"old code still reads the table {op.old}, which this renames: keep the name "
                    f"in the model (__tablename__ = {op.old!r}), or stop the old code first"
                )
            case RenameColumn():
                yield (
                    f"old code still reads {op.table}.{op.old}, which this renames: keep the name "
                    f"in the model (mapped_column({op.old!r})), or add {op.new}, have both "
                    f"written, and drop {op.old} later"
                )
            case ModifyTableOps():
                yield from _on_columns(op)


def _on_columns(changes: ModifyTableOps) -> Iterator[str]:
    for op in changes.ops:
        if isinstance(op, DropColumnOp):
            yield (
                f"old code still reads and writes {op.table_name}.{op.column_name}, which this "
                "drops: first deploy code without it, then migrate"
            )
        elif isinstance(op, AlterColumnOp) and op.modify_type is not None:
            yield (
                f"old code still writes {op.table_name}.{op.column_name} in its old type: where "
                "the database refuses that, add a new column, have both written, and drop the "
                "old one later"
            )
        elif isinstance(op, AlterColumnOp) and op.modify_nullable is False:
            yield (
                f"old code may leave {op.table_name}.{op.column_name} empty, which this forbids: "
                "first deploy code that always fills it, then migrate"
            )
