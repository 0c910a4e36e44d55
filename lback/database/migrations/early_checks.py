"""Checks all changes of columns before the first statement of a migration.

MariaDB and MySQL cannot roll back changes of tables. Therefore the operations of a migration are
read from its source, and the rows are checked up to the first operation that may change rows.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from lback.database.migrations.steps import Step, Unreadable, as_type

Check: TypeAlias = Callable[[str, str, str | None, dict[str, Any]], Any]
Place: TypeAlias = tuple[str | None, str, str]

# Operations that change neither rows nor types of columns.
_HARMLESS = frozenset(
    (
        "f", "get_context", "create_index", "drop_index", "create_unique_constraint",
        "create_check_constraint", "create_foreign_key", "create_primary_key", "drop_constraint",
        "create_table_comment", "drop_table_comment",
    )
)  # fmt: skip
_COLUMN_OPTIONS = ("type_", "existing_type", "nullable")


class EarlyChecks:
    """Follows the names of tables and columns through a migration, and checks their rows.

    Args:
        connection: Connection to the database.
        check: Checks a change of a column: table, column, schema and arguments of `alter_column`.
    """

    def __init__(self, connection: Connection, check: Check) -> None:
        self._inspector = sa.inspect(connection)
        self._check = check
        # Names before the migration, by names at this point of it.
        self._tables: dict[tuple[str | None, str], str] = {}
        self._columns: dict[Place, str] = {}
        # Columns that the migration has made or changed, and tables that it has made.
        self._changed: set[Place] = set()
        self._made: set[tuple[str | None, str]] = set()

    def run(self, operations: Iterable[Step]) -> None:
        """Check operations up to the first one that cannot be foreseen.

        Args:
            operations: The operations of a migration in order.

        Raises:
            MigrationError: Some rows would lose data; the message lists them.
        """
        for step in operations:
            follow = getattr(self, f"_{step.name}", None)
            if follow is None and step.name not in _HARMLESS:
                return
            try:
                if follow is not None:
                    follow(step)
            except Unreadable:
                return

    def _alter_column(self, step: Step) -> None:
        name = step.text(0, "column_name")
        place = (step.schema, step.table, name)
        options = {key: step.option(key) for key in _COLUMN_OPTIONS if key in step.options}
        if self._is_old(place):
            self._look(place, options)
        if options.get("type_") is not None:
            self._changed.add(place)
        if "new_column_name" in step.options:
            self._rename_column(place, step.text(99, "new_column_name"))

    def _look(self, place: Place, options: dict[str, Any]) -> None:
        schema, table, name = place
        old_table = self._tables.get((schema, table), table)
        if self._inspector.has_table(old_table, schema=schema):
            type_ = as_type(options.get("type_"))
            arguments = {**options, "type_": type_, "schema": schema}
            self._check(old_table, self._columns.get(place, name), schema, arguments)

    def _is_old(self, place: Place) -> bool:
        return place not in self._changed and place[:2] not in self._made

    def _rename_column(self, place: Place, new: str) -> None:
        renamed = (*place[:2], new)
        self._columns[renamed] = self._columns.pop(place, place[2])
        self._changed.discard(renamed)
        if place in self._changed:
            self._changed.add(renamed)
        self._changed.add(place)

    def _rename_table(self, step: Step) -> None:
        new = step.text(0, "new_table_name")
        old_place, new_place = (step.schema, step.table), (step.schema, new)
        self._tables[new_place] = self._tables.pop(old_place, step.table)
        for columns in (self._columns, self._changed):
            for place in [place for place in columns if place[:2] == old_place]:
                moved = (*new_place, place[2])
                if isinstance(columns, dict):
                    columns[moved] = columns.pop(place)
                else:
                    columns.add(moved)
        self._made.discard(new_place)
        self._made.add(old_place)

    def _create_table(self, step: Step) -> None:
        self._made.add((step.schema, step.table))

    _drop_table = _create_table

    def _add_column(self, step: Step) -> None:
        for name, _ in step.columns():
            self._changed.add((step.schema, step.table, name))

    def _drop_column(self, step: Step) -> None:
        self._changed.add((step.schema, step.table, step.text(0, "column_name")))
