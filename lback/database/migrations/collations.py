"""Compares the collations of columns, which Alembic does not.

Only collations that a model names are compared: others are defaults of a server, or were set by
hand.
"""

from typing import Any

import sqlalchemy as sa
from alembic.operations.ops import AlterColumnOp, ModifyTableOps
from sqlalchemy import Connection, Table

from lback.database.migrations.kinds import kind_of_type
from lback.database.migrations.sqlite_sql import read_table

_QUERIES = {
    "postgresql": """
SELECT a.attname, c.collname FROM pg_attribute a
JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_collation c ON c.oid = a.attcollation
WHERE t.relname = :table AND n.nspname = coalesce(CAST(:schema AS text), current_schema())
""",
    "mysql": """
SELECT column_name, collation_name FROM information_schema.columns
WHERE table_name = :table AND table_schema = coalesce(:schema, database())
AND collation_name IS NOT NULL
""",
}
_QUERIES["mariadb"] = _QUERIES["mysql"]


def compare_collations(
    connection: Connection, changes: ModifyTableOps, found: Table, model: Table
) -> None:
    """Add an operation for each column whose collation differs from that of the model.

    Args:
        connection: Connection to the database.
        changes: Changes of the table; added to.
        found: The table in the database.
        model: The table of the model.
    """
    wanted = {
        column.name: str(name)
        for column in model.c
        if column.name in found.c and (name := _collation(column, connection)) is not None
    }
    current = _current(connection, found) if wanted else {}
    for name, collation in wanted.items():
        now = current.get(name)
        if now is not None and now.lower() != collation.lower():
            _alter(changes, found.c[name], model.c[name], now)


def _collation(column: sa.Column[Any], connection: Connection) -> str | None:
    return getattr(kind_of_type(column.type, connection.dialect).plain, "collation", None)


def _alter(
    changes: ModifyTableOps, found: sa.Column[Any], model: sa.Column[Any], collation: str
) -> None:
    old: Any = found.type.copy() if isinstance(found.type, sa.String) else found.type
    old.collation = collation  # for the downgrade
    known = [
        op for op in changes.ops if isinstance(op, AlterColumnOp) and op.column_name == model.name
    ]
    if known:
        known[0].existing_type, known[0].modify_type = old, model.type
        return
    changes.ops.append(
        AlterColumnOp(
            changes.table_name,
            model.name,
            schema=changes.schema,
            existing_type=old,
            existing_nullable=found.nullable,
            existing_server_default=found.server_default or False,
            existing_comment=found.comment,
            modify_type=model.type,
        )
    )


def _current(connection: Connection, found: Table) -> dict[str, str]:
    """Return the collations of the columns of a table."""
    if connection.dialect.name == "sqlite":
        sql = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)",
            (found.name,),
        ).scalar_one()
        clauses = {column.name: column.clause("COLLATE") for column in read_table(sql).columns}
        return {name: clause[-1].name if clause else "BINARY" for name, clause in clauses.items()}
    query = sa.text(_QUERIES[connection.dialect.name])
    rows = connection.execute(query, {"table": found.name, "schema": found.schema})
    return {str(name): str(collation) for name, collation in rows}
