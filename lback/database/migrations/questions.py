"""Questions about changes of models: whether something was renamed, and values of new columns."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.types import JSON, Interval, TypeDecorator

from lback.core.exceptions import did_you_mean
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.kinds import Type


def kind_of(type_: Type) -> type | None:
    """Return the Python type of the values of a column type; None if it is unknown."""
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
    """A possible rename: a removed table or column and a similar new one.

    Attributes:
        table: New name of the table of a column; None for the rename of a table.
        old: Name in the database.
        new: Name in the models.
    """

    table: str | None
    old: str
    new: str

    @property
    def question(self) -> str:
        """The question to the user."""
        if self.table is None:
            return f"Was the table {self.old} renamed to {self.new}?"
        return f"Was the column {self.table}.{self.old} renamed to {self.table}.{self.new}?"

    def __str__(self) -> str:
        return f"{self.table}.{self.old}={self.new}" if self.table else f"{self.old}={self.new}"


@dataclass(frozen=True, slots=True)
class UnfilledColumn:
    """A new NOT NULL column without a default, in a table that may have rows.

    Attributes:
        table: Name of the table.
        column: Name of the column.
        kind: Python type of its values; None if it is unknown.
    """

    table: str
    column: str
    kind: type | None

    @property
    def question(self) -> str:
        """The question to the user."""
        kind = f" ({self.kind.__name__})" if self.kind else ""
        return f"Which value of {self.table}.{self.column}{kind} do existing rows get?"

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(slots=True)
class Answers:
    """Answers given in advance, and functions that ask for others.

    Args:
        renames: `"table.old=new"` for columns, `"old=new"` for tables.
        keep_no_renames: Treat everything not in `renames` as removed and added.
        values: Values for existing rows as text, by `"table.column"`.
        ask_rename: Called with a possible rename that has no answer. None, also as its result,
            means that there is no answer, which is an error.
        ask_value: Called with a column that has no value; None as for `ask_rename`.
    """

    renames: Collection[str] = ()
    keep_no_renames: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    ask_rename: Callable[[Rename], bool | None] | None = None
    ask_value: Callable[[UnfilledColumn], str | None] | None = None
    _asked: set[str] = field(default_factory=set)

    def is_rename(self, rename: Rename, alike: bool = True) -> bool:
        """Return True if something was renamed.

        Args:
            rename: The possible rename.
            alike: Whether old and new are similar. If not, only `renames` can say that it is one.

        Raises:
            MigrationError: There is no answer; the message names the options that give one.
        """
        self._asked.add(str(rename))
        if str(rename) in self.renames:
            return True
        if not alike or self.keep_no_renames or self._is_taken(rename):
            return False
        answer = self.ask_rename(rename) if self.ask_rename else None
        if answer is None:
            raise MigrationError(
                f"{rename.question} If it was, use --rename {rename}; if not, use --no-renames, "
                "which deletes the old data"
            )
        return answer

    def _is_taken(self, rename: Rename) -> bool:
        """Return True if an answer given in advance uses the old or the new name otherwise."""
        for text in self.renames:
            table, old, new = _parts(text)
            if table == rename.table and (old == rename.old or new == rename.new):
                return True
        return False

    def value_for(self, gap: UnfilledColumn) -> str:
        """Return the value of a new column for existing rows, as text.

        Raises:
            MigrationError: There is no answer; the message names the option that gives one.
        """
        self._asked.add(str(gap))
        if str(gap) in self.values:
            return self.values[str(gap)]
        answer = self.ask_value(gap) if self.ask_value else None
        if answer is None:
            raise MigrationError(
                f"{gap.question} Use --fill {gap}=VALUE, allow NULL (Mapped[... | None]), or set a "
                f"default in the model"
            )
        return answer

    def check_all_used(self) -> None:
        """Check that each answer given in advance was needed.

        Raises:
            MigrationError: One was not; the message suggests a similar question.
        """
        for text in (*self.renames, *self.values):
            if text not in self._asked:
                near = did_you_mean(text, self._asked)
                raise MigrationError(f"{text!r} does not match any change{near}")


def _parts(text: str) -> tuple[str | None, str, str]:
    left, _, new = text.partition("=")
    table, dot, old = left.rpartition(".")
    return (table if dot else None), old, new
