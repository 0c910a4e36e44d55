"""Fields whose choices are database rows."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias, Unpack, overload

from markupsafe import Markup
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy import Select as Query
from sqlalchemy.orm import Session

from lback.core.exceptions import ConfigurationError
from lback.database.column_values import compared
from lback.forms.choice_fields import BLANK, listed
from lback.forms.choice_widgets import Choice, ChoiceWidget, Select, SelectMultiple
from lback.forms.errors import Invalid
from lback.forms.field import Field, FieldOptions, Messages
from lback.forms.identity import identity_of, identity_text, key_text, label_of, mapper_of
from lback.forms.markup import Attributes
from lback.forms.widgets import TextInput, Widget
from lback.translation import gettext_lazy as _

# A longer list is of no use, and a table may have millions of rows.
MAX_OPTIONS = 500


Labels: TypeAlias = Callable[[Sequence[str]], list[tuple[str, str]]]


class RowSelect(Select):
    """A drop-down list of rows; a text control for the key if there are too many.

    Attributes:
        labels_of: Returns the labels of rows by their keys; set by the field.
    """

    labels_of: Labels | None = None

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return the list or the text control.

        Args:
            name: Name of the control.
            value: Key of the selected row.
            attrs: HTML attributes of the control.
        """
        if len(self.choices) <= MAX_OPTIONS + 1:
            return super().render(name, value, attrs)
        return TextInput(self.attrs).render(name, value, attrs)


class RowSelectMultiple(SelectMultiple):
    """A list of rows: the first ones of the table, and those that are selected.

    Attributes:
        labels_of: Returns the labels of rows by their keys; set by the field.
    """

    labels_of: Labels | None = None

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return the list.

        Args:
            name: Name of the control.
            value: Keys of the selected rows.
            attrs: HTML attributes of the control.
        """
        missing = sorted(self.selected(value) - {text for text, _ in self.choices})
        offered = self.choices
        if missing and self.labels_of is not None:
            self.choices = [*self.labels_of(missing), *offered]
        try:
            return super().render(name, value, attrs)
        finally:
            self.choices = offered


class RowOptions(FieldOptions, total=False):
    """Options that every field for rows takes; see `ForeignKeyField`."""

    query: Query[Any] | None
    label_of_row: Callable[[Any], str]


class _RowField(Field):
    """Base class of fields whose choices are rows.

    Args:
        model: The model of the rows.
        query: A `select(model)` that restricts the choices; no other row is accepted.
        label_of_row: Returns the label of a row; by default its `__str__`.
        **options: See `Field`.
    """

    messages: ClassVar[Messages] = {
        "required": _("Please choose one."),
        "invalid_choice": _("Please choose one of those offered."),
    }

    def __init__(
        self,
        model: type[object],
        *,
        query: Query[Any] | None = None,
        label_of_row: Callable[[Any], str] = label_of,
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(**options)
        self.model = model
        self.label_of_row = label_of_row
        self._query = query
        self._session: Session | None = None
        self.max_options = MAX_OPTIONS

    @property
    def query(self) -> Query[Any]:
        """The statement that selects the choices; ordered by key if it has no order."""
        if self._query is not None:
            return self._query
        return select(self.model).order_by(*mapper_of(self.model).primary_key)

    def narrow(self, narrowed: Callable[[Query[Any]], Query[Any]]) -> None:
        """Restrict the choices.

        Args:
            narrowed: Takes the current statement and returns one that selects fewer rows.
        """
        self._query = narrowed(self.query)

    @property
    def session(self) -> Session:
        """The database session of the form.

        Raises:
            ConfigurationError: The form has none.
        """
        if self._session is None:
            raise ConfigurationError(
                f"a field for rows of {self.model.__name__} needs a database session; "
                "build the form with session=request.db_session"
            )
        return self._session

    def bind(self, session: Session | None) -> None:
        """Receive the session; the choices are queried only if the field is rendered."""
        self._session = session
        if isinstance(self.widget, ChoiceWidget):
            self.widget.choices = LazyChoices(self._options)
        if hasattr(self.widget, "labels_of"):
            self.widget.labels_of = self.labels_of

    def labels_of(self, texts: Sequence[str]) -> list[tuple[str, str]]:
        """Return the keys of those rows that are choices, each with its label."""
        labels = []
        for text in texts:
            try:
                labels += [(identity_text(r), self.label_of_row(r)) for r in self.rows([text])]
            except Invalid:
                continue  # it is not a choice
        return labels

    def _options(self) -> list[tuple[str, str]]:
        rows = self.session.scalars(self.query.limit(self.max_options + 1)).unique().all()
        return [(identity_text(row), self.label_of_row(row)) for row in rows]

    def rows(self, texts: Sequence[str]) -> list[Any]:
        """Return the rows with some keys, in the order of the keys.

        Raises:
            Invalid: One of them is not a choice.
        """
        keys = [identity_of(self.model, text) for text in texts]
        if any(key is None for key in keys):
            raise self.invalid("invalid_choice")
        wanted = [key for key in keys if key is not None]
        if not wanted:
            return []
        mapper = mapper_of(self.model)
        query = self.query.where(any_of(mapper.primary_key, wanted))
        by_key = {
            tuple(mapper.primary_key_from_instance(row)): row
            for row in self.session.scalars(query).unique()
        }
        if not by_key.keys() >= set(wanted):
            raise self.invalid("invalid_choice")
        return [by_key[key] for key in dict.fromkeys(wanted)]

    def prepare(self, value: object) -> object:
        """Return the key of a row as text."""
        return identity_text(value) if isinstance(value, self.model) else value


class ForeignKeyField(_RowField):
    """One row of another table.

    Args:
        model: The model of the rows.
        key_only: Whether the value is the key of the row, and not the row.
        **options: `query`, `label_of_row`, and see `Field`.
    """

    widget_class: ClassVar[type[Widget]] = RowSelect

    def __init__(
        self, model: type[object], *, key_only: bool = False, **options: Unpack[RowOptions]
    ) -> None:
        super().__init__(model, **options)
        self.key_only = key_only

    def to_python(self, raw: object) -> Any:
        """Return the row, or its key.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a choice.
        """
        if isinstance(raw, self.model):
            return raw
        row = self.rows([self.token(raw, "invalid_choice")])[0]
        return mapper_of(self.model).primary_key_from_instance(row)[0] if self.key_only else row

    def prepare(self, value: object) -> Any:
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
    messages: ClassVar[Messages] = {"required": _("Please choose at least one.")}

    _kept: Sequence[object] = ()

    def keep(self, rows: Sequence[object]) -> None:
        """Keep some rows in the value although they are neither choices nor shown.

        Args:
            rows: The rows that the user may not see and must not lose.
        """
        self._kept = rows

    def is_empty(self, raw: object) -> bool:
        """Return True if nothing was chosen."""
        return not raw

    def clean_empty(self, initial: object) -> Any:
        """Return the rows that are kept anyway: usually none.

        Raises:
            Invalid: The field is required.
        """
        super().clean_empty(initial)
        return list(self._kept)

    def to_python(self, raw: object) -> Any:
        """Return the rows, in the order chosen.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: One of them is not a choice.
        """
        texts = [self.token(item, "invalid_choice") for item in listed(raw) if item != ""]
        return [*self.rows(texts), *self._kept]

    def prepare(self, value: Any) -> Any:
        """Return the keys of the rows as text."""
        shown = [item for item in value or () if not any(item is kept for kept in self._kept)]
        return [super(ManyToManyField, self).prepare(item) for item in shown]

    def has_changed(self, initial: object, raw: object) -> bool:
        """Return True if other rows were chosen than before.

        Args:
            initial: The rows that the control showed.
            raw: The submitted keys.
        """
        return set(self.prepare(initial)) != {str(item) for item in listed(raw) if item != ""}


def any_of(
    columns: Sequence[ColumnElement[object]], keys: list[tuple[object, ...]]
) -> ColumnElement[bool]:
    """Return the condition that a primary key is one of several.

    Args:
        columns: The columns of the key.
        keys: Values for these columns.
    """
    if len(columns) == 1:
        return columns[0].in_([compared(columns[0], key[0]) for key in keys])
    return or_(
        *(
            and_(*(c == compared(c, value) for c, value in zip(columns, key, strict=True)))
            for key in keys
        )
    )


class LazyChoices(Sequence[Choice]):
    """Choices that are loaded once, when they are first read.

    Args:
        load: Returns pairs of value and label.
    """

    def __init__(self, load: Callable[[], Sequence[Choice]]) -> None:
        self._load = load
        self._loaded: Sequence[Choice] | None = None

    def _choices(self) -> Sequence[Choice]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    @overload
    def __getitem__(self, index: int) -> Choice: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Choice]: ...

    def __getitem__(self, index: int | slice) -> Choice | Sequence[Choice]:
        return self._choices()[index]

    def __len__(self) -> int:
        return len(self._choices())
