"""Fields that choose rows of the database: one, or several."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy import Select as Query
from sqlalchemy.orm import Session

from lback.core.exceptions import ConfigurationError
from lback.forms.choice_fields import BLANK, listed
from lback.forms.choice_widgets import ChoiceWidget, Select, SelectMultiple
from lback.forms.errors import Invalid
from lback.forms.field import Field, Messages
from lback.forms.identity import compared, identity_of, identity_text, key_text, label_of, mapper_of
from lback.forms.markup import Attributes
from lback.forms.widgets import TextInput, Widget

# A list longer than this helps nobody, and a table may have millions of rows.
MAX_OPTIONS = 500


Labels: TypeAlias = Callable[[Sequence[str]], list[tuple[str, str]]]


class RowSelect(Select):
    """A drop-down list of rows; a field for the key where there are too many.

    Attributes:
        labels_of: Gives keys of rows, each with what the row is called; set by the field.
    """

    labels_of: Labels | None = None

    def render(self, name: str, value: Any, attrs: Attributes) -> Any:
        """Return the list, or the field."""
        if len(self.choices) <= MAX_OPTIONS + 1:
            return super().render(name, value, attrs)
        return TextInput(self.attrs).render(name, value, attrs)


class RowSelectMultiple(SelectMultiple):
    """A list of rows: the first of the table, and those that are chosen.

    Attributes:
        labels_of: See `RowSelect`.
    """

    labels_of: Labels | None = None

    def render(self, name: str, value: Any, attrs: Attributes) -> Any:
        """Return the list."""
        missing = sorted(self.selected(value) - {text for text, _ in self.choices})
        offered = self.choices
        if missing and self.labels_of is not None:
            self.choices = [*self.labels_of(missing), *offered]
        try:
            return super().render(name, value, attrs)
        finally:
            self.choices = offered


class _RowField(Field):
    """What both of them share.

    Args:
        model: Whose rows are chosen.
        query: A `select(model)` that offers fewer rows; no other row is accepted.
        label_of_row: What a row is called; by default its `__str__`.
        **options: See `Field`.
    """

    messages: ClassVar[Messages] = {
        "required": "Please choose one.",
        "invalid_choice": "Please choose one of those offered.",
    }

    def __init__(
        self,
        model: type[Any],
        *,
        query: Query[Any] | None = None,
        label_of_row: Callable[[Any], str] = label_of,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.model = model
        self.label_of_row = label_of_row
        self._query = query
        self._session: Session | None = None
        self.max_options = MAX_OPTIONS

    @property
    def query(self) -> Query[Any]:
        """The rows that are offered, in the order of their keys unless the query has one."""
        if self._query is not None:
            return self._query
        return select(self.model).order_by(*mapper_of(self.model).primary_key)

    def narrow(self, narrowed: Callable[[Query[Any]], Query[Any]]) -> None:
        """Offer fewer rows.

        Args:
            narrowed: Gives the statement that reads fewer rows than the one it is given.
        """
        self._query = narrowed(self.query)

    @property
    def session(self) -> Session:
        """The session of the form.

        Raises:
            ConfigurationError: The form was given none.
        """
        if self._session is None:
            raise ConfigurationError(
                f"a field that chooses a {self.model.__name__} has no database session; "
                "build the form with session=request.db_session"
            )
        return self._session

    def bind(self, session: Any) -> None:
        """Have the rows listed when, and only when, the field is shown."""
        self._session = session
        if isinstance(self.widget, ChoiceWidget):
            self.widget.choices = LazyChoices(self._options)
        if hasattr(self.widget, "labels_of"):
            self.widget.labels_of = self.labels_of

    def labels_of(self, texts: Sequence[str]) -> list[tuple[str, str]]:
        """Return those of the keys that are offered, each with what its row is called."""
        found = []
        for text in texts:
            try:
                found += [(identity_text(row), self.label_of_row(row)) for row in self.rows([text])]
            except Invalid:
                continue  # not offered, as if it had not been asked for
        return found

    def _options(self) -> list[tuple[str, str]]:
        rows = self.session.scalars(self.query.limit(self.max_options + 1)).unique().all()
        return [(identity_text(row), self.label_of_row(row)) for row in rows]

    def rows(self, texts: Sequence[str]) -> list[Any]:
        """Return the offered rows with these keys, in that order.

        Raises:
            Invalid: One of them is not offered.
        """
        keys = [identity_of(self.model, text) for text in texts]
        if any(key is None for key in keys):
            raise self.invalid("invalid_choice")
        wanted = [key for key in keys if key is not None]
        if not wanted:
            return []
        mapper = mapper_of(self.model)
        query = self.query.where(any_of(mapper.primary_key, wanted))
        found = {
            tuple(mapper.primary_key_from_instance(row)): row
            for row in self.session.scalars(query).unique()
        }
        if not found.keys() >= set(wanted):
            raise self.invalid("invalid_choice")
        return [found[key] for key in dict.fromkeys(wanted)]

    def prepare(self, value: Any) -> Any:
        """Return the key of a row as text."""
        return identity_text(value) if isinstance(value, self.model) else value


class ForeignKeyField(_RowField):
    """One row of another table.

    Args:
        model: Whose rows are chosen.
        key_only: Whether the value is the key of the row instead of the row.
        **options: `query`, `label_of_row`, and see `Field`.
    """

    widget_class: ClassVar[type[Widget]] = RowSelect

    def __init__(self, model: type[Any], *, key_only: bool = False, **options: Any) -> None:
        super().__init__(model, **options)
        self.key_only = key_only

    def to_python(self, raw: Any) -> Any:
        """Return the row."""
        if isinstance(raw, self.model):
            return raw
        row = self.rows([self.token(raw, "invalid_choice")])[0]
        return mapper_of(self.model).primary_key_from_instance(row)[0] if self.key_only else row

    def prepare(self, value: Any) -> Any:
        """Return the key of the row as text."""
        row_or_key = super().prepare(value)
        if value is None or row_or_key is not value:
            return row_or_key
        return key_text(value)

    def _options(self) -> list[tuple[str, str]]:
        return [BLANK, *super()._options()]


class ManyToManyField(_RowField):
    """Several rows of another table; a list of them."""

    widget_class: ClassVar[type[Widget]] = RowSelectMultiple
    messages: ClassVar[Messages] = {"required": "Please choose at least one."}

    _kept: Sequence[Any] = ()

    def keep(self, rows: Sequence[Any]) -> None:
        """Keep rows among the chosen ones that are not offered and not shown."""
        self._kept = rows

    def is_empty(self, raw: Any) -> bool:
        """Tell whether nothing was chosen."""
        return not raw

    def clean_empty(self, initial: Any) -> Any:
        """Return the rows that are kept in any case: usually none."""
        super().clean_empty(initial)
        return list(self._kept)

    def to_python(self, raw: Any) -> Any:
        """Return the rows, in the order chosen."""
        texts = [self.token(item, "invalid_choice") for item in listed(raw) if item != ""]
        return [*self.rows(texts), *self._kept]

    def prepare(self, value: Any) -> Any:
        """Return the keys of the rows."""
        shown = [item for item in value or () if not any(item is kept for kept in self._kept)]
        return [super(ManyToManyField, self).prepare(item) for item in shown]

    def has_changed(self, initial: Any, raw: Any) -> bool:
        """Tell whether other rows were chosen."""
        return set(self.prepare(initial)) != {str(item) for item in listed(raw) if item != ""}


def any_of(
    columns: Sequence[ColumnElement[Any]], keys: list[tuple[Any, ...]]
) -> ColumnElement[bool]:
    """Return the condition that the key of a row is one of these."""
    if len(columns) == 1:
        return columns[0].in_([compared(columns[0], key[0]) for key in keys])
    return or_(
        *(
            and_(*(c == compared(c, value) for c, value in zip(columns, key, strict=True)))
            for key in keys
        )
    )


class LazyChoices(Sequence[tuple[Any, Any]]):
    """Choices that are asked for when somebody looks at them, and then once."""

    def __init__(self, load: Callable[[], list[tuple[Any, Any]]]) -> None:
        self._load = load
        self._held: list[tuple[Any, Any]] | None = None

    def _choices(self) -> list[tuple[Any, Any]]:
        if self._held is None:
            self._held = self._load()
        return self._held

    def __getitem__(self, index: Any) -> Any:
        return self._choices()[index]

    def __len__(self) -> int:
        return len(self._choices())
