"""What only a person knows about a change of the models: was it renamed, and what fills a gap."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.types import JSON, Interval, TypeDecorator, TypeEngine

from lback.core.exceptions import did_you_mean
from lback.database.migrations.errors import MigrationError


def kind_of(type_: TypeEngine[Any]) -> type | None:
    """Return the type that values of a column type have in Python; `None` if that is unknown."""
    if isinstance(type_, Interval):
        return timedelta
    if isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    try:
        kind = type_.python_type
    except NotImplementedError:
        return None
    if isinstance(type_, JSON):
        return dict
    return None if kind is object else kind


@dataclass(frozen=True, slots=True)
class Rename:
    """Something that is gone and something like it that is new: perhaps it is the same.

    Attributes:
        table: Table of the column, by its new name; `None` where a table itself is meant.
        old: Name in the database.
        new: Name in the models.
    """

    table: str | None
    old: str
    new: str

    @property
    def question(self) -> str:
        """What a person is asked."""
        if self.table is None:
            return f"Was the table {self.old} renamed to {self.new}?"
        return f"Was the column {self.table}.{self.old} renamed to {self.table}.{self.new}?"

    def __str__(self) -> str:
        return f"{self.table}.{self.old}={self.new}" if self.table else f"{self.old}={self.new}"


@dataclass(frozen=True, slots=True)
class UnfilledColumn:
    """A new column that must not be empty, in a table that may have rows.

    Attributes:
        table: Name of the table.
        column: Name of the column.
        kind: Type of its values in Python, or `None` where that is unknown.
    """

    table: str
    column: str
    kind: type | None

    @property
    def question(self) -> str:
        """What a person is asked."""
        kind = f" ({self.kind.__name__})" if self.kind else ""
        return f"Which {self.table}.{self.column}{kind} do rows get that are there already?"

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(slots=True)
class Answers:
    """Answers given beforehand, and whom to ask for the others.

    Args:
        renames: `"table.old=new"` for columns, `"old=new"` for tables.
        keep_no_renames: What is not in `renames` is no rename: it is dropped and made anew.
        values: `"table.column"` to the value, as text, for rows that are there already.
        ask_rename: Asked about what is not answered; `None`, also as its answer, means that
            nobody knows.
        ask_value: Likewise.
    """

    renames: Collection[str] = ()
    keep_no_renames: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    ask_rename: Callable[[Rename], bool | None] | None = None
    ask_value: Callable[[UnfilledColumn], str | None] | None = None
    _asked: set[str] = field(default_factory=set)

    def is_rename(self, rename: Rename, alike: bool = True) -> bool:
        """Tell whether it is one; nobody is asked about two that are not alike.

        Raises:
            MigrationError: Nobody knows.
        """
        self._asked.add(str(rename))
        if str(rename) in self.renames:
            return True
        if not alike or self.keep_no_renames or self._is_taken(rename):
            return False
        answer = self.ask_rename(rename) if self.ask_rename else None
        if answer is None:
            raise MigrationError(
                f"{rename.question} If it was, say --rename {rename}; if it was not, so that the "
                "old one and what is in it goes, say --no-renames"
            )
        return answer

    def _is_taken(self, rename: Rename) -> bool:
        """Tell whether an answer given beforehand has another place for the old or the new name."""
        for text in self.renames:
            table, old, new = _parts(text)
            if table == rename.table and (old == rename.old or new == rename.new):
                return True
        return False

    def value_for(self, gap: UnfilledColumn) -> str:
        """Return the value, as text.

        Raises:
            MigrationError: Nobody knows.
        """
        self._asked.add(str(gap))
        if str(gap) in self.values:
            return self.values[str(gap)]
        answer = self.ask_value(gap) if self.ask_value else None
        if answer is None:
            raise MigrationError(
                f"{gap.question} Say --fill {gap}=VALUE, or let the column be empty "
                f"(Mapped[... | None]), or give it a default in the model"
            )
        return answer

    def check_all_used(self) -> None:
        """Refuse answers to questions that did not come up.

        Raises:
            MigrationError: Names the first one, and the nearest question that did.
        """
        for text in (*self.renames, *self.values):
            if text not in self._asked:
                near = did_you_mean(text, self._asked)
                raise MigrationError(f"{text!r} answers no question on these changes{near}")


def _parts(text: str) -> tuple[str | None, str, str]:
    left, _, new = text.partition("=")
    table, dot, old = left.rpartition(".")
    return (table if dot else None), old, new
