"""Knows which columns are time spans, which SQLite and MariaDB do not.

They store `Interval` as a datetime, counted from 1970, and reflection shows DATETIME for both. The
migrations name the type; this holds for tables of every age.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from lback.database.migrations.kinds import kind_of_type
from lback.database.migrations.steps import Step, Unreadable, as_type, steps

DATABASES = ("sqlite", "mysql", "mariadb")
# Option of the Alembic environment that contains the `TimeSpans`.
OPTION = "lback_time_spans"
Place = tuple[str | None, str, str]


def is_span(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    """Return True if a type is `Interval` or a decorator of it.

    Args:
        type_: Type of a column.
        dialect: Dialect of the database.
    """
    return kind_of_type(type_, dialect).name == "interval"


class TimeSpans:
    """The types of columns as the applied migrations name them.

    Args:
        scripts: The migrations of the project.
        dialect: Dialect of the database.
        heads: Returns the names of the last applied migrations.
    """

    def __init__(
        self, scripts: ScriptDirectory, dialect: Dialect, heads: Callable[[], Iterable[str]]
    ) -> None:
        self._scripts = scripts
        self._dialect = dialect
        self._heads = heads
        self._known: dict[Place, bool] | None = None
        # What the files of some migrations declare, and their names.
        self._in_files: dict[Place, bool] = {}
        self._read: list[str] = []

    def begin(self) -> None:
        """Read the files of migrations that were applied since the last call."""
        self._known = None

    def declared(self, schema: str | None, table: str, column: str) -> bool | None:
        """Return True for a time span, False for another type, None if no migration names it.

        Args:
            schema: Schema of the table.
            table: Name of the table.
            column: Name of the column.
        """
        return self._places().get((schema, table, column))

    def declare(
        self, schema: str | None, table: str, column: str, type_: TypeEngine[Any] | None
    ) -> None:
        """Note the type of a new or changed column.

        Args:
            schema: Schema of the table.
            table: Name of the table.
            column: Name of the column.
            type_: Its type; None if it is not known.
        """
        place = (schema, table, column)
        if type_ is None:
            self._places().pop(place, None)
        else:
            self._places()[place] = is_span(type_, self._dialect)

    def rename_column(self, schema: str | None, table: str, old: str, new: str) -> None:
        """Note the new name of a column.

        Args:
            schema: Schema of the table.
            table: Name of the table.
            old: Old name.
            new: New name.
        """
        known = self._places().pop((schema, table, old), None)
        if known is not None:
            self._places()[schema, table, new] = known

    def rename_table(self, schema: str | None, old: str, new: str) -> None:
        """Note the new name of a table.

        Args:
            schema: Schema of the table.
            old: Old name.
            new: New name.
        """
        for place in [place for place in self._places() if place[:2] == (schema, old)]:
            self._places()[schema, new, place[2]] = self._places().pop(place)

    def _places(self) -> dict[Place, bool]:
        if self._known is None:
            applied = _applied(self._scripts, self._heads())
            names = [script.revision for script in applied]
            if names[: len(self._read)] != self._read:
                self._in_files, self._read = {}, []
            self._known = self._in_files
            dialects = ("sqlite",) if self._dialect.name == "sqlite" else ("mysql", "mariadb")
            for script in applied[len(self._read) :]:
                for step in steps(script, dialects):
                    self._follow(step)
            self._read, self._in_files = names, dict(self._known)
        return self._known

    def _follow(self, step: Step) -> None:
        try:
            if step.name in ("create_table", "add_column"):
                for name, type_ in step.columns():
                    self.declare(step.schema, step.table, name, type_)
            elif step.name == "alter_column":
                self._follow_change(step)
            elif step.name == "rename_table":
                self.rename_table(step.schema, step.table, step.text(0, "new_table_name"))
        except Unreadable:
            return

    def _follow_change(self, step: Step) -> None:
        name = step.text(0, "column_name")
        if "type_" in step.options:
            try:
                type_ = as_type(step.option("type_"))
            except Unreadable:
                type_ = None
            self.declare(step.schema, step.table, name, type_)
        if "new_column_name" in step.options:
            new = step.text(99, "new_column_name")
            self.rename_column(step.schema, step.table, name, new)


def _applied(scripts: ScriptDirectory, heads: Iterable[str]) -> list[Script]:
    """Return the applied migrations that have files, the first one first."""
    known = {script.revision: script for script in scripts.walk_revisions()}
    revisions = scripts.revision_map.get_revisions(tuple(head for head in heads if head in known))
    nodes = scripts.revision_map._get_ancestor_nodes(revisions, check=False)
    applied = {node.revision for node in nodes}
    return [script for name, script in reversed(known.items()) if name in applied]


# Key in `Column.info` of a reflected column: whether the migrations declare it as a time span.
_IS_SPAN = "lback_is_span"


class WithTimeSpans(DefaultImpl):
    """Tells time spans from datetimes, on databases that store both in the same way."""

    @property
    def time_spans(self) -> TimeSpans | None:
        """The columns that are time spans; None outside of the environment of Lback."""
        found: TimeSpans | None = self.context_opts.get(OPTION)
        return found

    def autogen_column_reflect(
        self, inspector: sa.Inspector, table: sa.Table, column_info: dict[str, Any]
    ) -> None:
        """Correct the type of a reflected column.

        Args:
            inspector: Inspector of the database.
            table: The table.
            column_info: What was reflected; changed in place.
        """
        super().autogen_column_reflect(inspector, table, column_info)  # type: ignore[no-untyped-call]
        if self.time_spans is None or not isinstance(column_info["type"], sa.DateTime):
            return
        declared = self.time_spans.declared(table.schema, table.name, column_info["name"])
        if declared is None:
            return
        column_info["info"] = {_IS_SPAN: declared}
        models = self.context_opts["target_metadata"].tables
        model = models.get(table.key)
        column = model.c.get(column_info["name"]) if model is not None else None
        # If the model agrees, the type of the database has more details, such as fractions.
        if declared and (column is None or not is_span(column.type, self.dialect)):
            column_info["type"] = sa.Interval()

    def compare_type(
        self, inspector_column: sa.Column[Any], metadata_column: sa.Column[Any]
    ) -> bool:
        """Return True if the types of two columns differ.

        Args:
            inspector_column: The column in the database.
            metadata_column: The column of the model.
        """
        declared = inspector_column.info.get(_IS_SPAN)
        if declared is not None and declared != is_span(metadata_column.type, self.dialect):
            return True
        return super().compare_type(inspector_column, metadata_column)

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        """Rename a table.

        Args:
            old_table_name: Old name.
            new_table_name: New name.
            schema: Schema of the table; None for the default one.
        """
        super().rename_table(old_table_name, new_table_name, schema)
        if self.time_spans is not None:
            self.time_spans.rename_table(schema, old_table_name, new_table_name)

    def known_type(
        self, schema: str | None, table: str, column: str, options: dict[str, Any]
    ) -> TypeEngine[Any] | None:
        """Return `Interval` if a column is a time span before a change, else None.

        Args:
            schema: Schema of the table.
            table: Name of the table.
            column: Name of the column.
            options: Keyword arguments of `alter_column`.
        """
        given = options.get("existing_type")
        if given is not None and is_span(sa.types.to_instance(given), self.dialect):
            span: TypeEngine[Any] = sa.types.to_instance(given)
            return span
        declared = self.time_spans is not None and self.time_spans.declared(schema, table, column)
        return sa.Interval() if declared else None

    def note_change(
        self, schema: str | None, table: str, column: str, options: dict[str, Any]
    ) -> None:
        """Note the new type and the new name of a changed column.

        Args:
            schema: Schema of the table.
            table: Name of the table.
            column: Name of the column.
            options: Keyword arguments of `alter_column`.
        """
        if self.time_spans is None:
            return
        if options.get("type_") is not None:
            type_ = sa.types.to_instance(options["type_"])
            self.time_spans.declare(schema, table, column, type_)
        if options.get("name") is not None:
            self.time_spans.rename_column(schema, table, column, options["name"])
