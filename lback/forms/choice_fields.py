"""Choice fields: one value, or several, out of a fixed set."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Unpack

from lback.forms.choice_widgets import Choice, Choices, ChoiceWidget, Select, SelectMultiple, flat
from lback.forms.errors import Invalid
from lback.forms.field import Field, FieldOptions, Messages
from lback.translation import gettext
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ChoiceSource: TypeAlias = Choices | type[Enum] | Callable[[], Choices]
BLANK = ("", "---------")


def choices_of(source: ChoiceSource) -> list[Choice]:
    """Return choices as pairs of value and label; enumeration members are labelled by name.

    Args:
        source: Pairs, an `Enum` class, or a callable that returns pairs.
    """
    if isinstance(source, type) and issubclass(source, Enum):
        return [(member, gettext(_name_of(member))) for member in source]
    choices: Any = source() if callable(source) else source
    return [(value, label) for value, label in choices]


def _name_of(member: Enum) -> str:
    return member.name.replace("_", " ").capitalize()


def listed(raw: object) -> list[Any]:
    """Return a submitted value as a list; missing and empty values give an empty list."""
    if isinstance(raw, (list, tuple, set, frozenset)):
        return list(raw)
    return [] if raw is None or raw == "" else [raw]


class ChoiceField(Field):
    """One out of several values; the cleaned value has the type of the chosen one.

    Args:
        choices: Pairs of value and label, or of group name and such pairs; an `Enum` class; or a
            callable that returns pairs and is called for every form.
        **options: See `Field`.

    Example:
        >>> field = ChoiceField([(1, "Low"), (2, "High")])
        >>> field.clean("2")
        2
    """

    widget_class = Select
    messages: ClassVar[Messages] = {
        "required": _("Please choose one."),
        "invalid_choice": _("Please choose one of those offered."),
    }

    def __init__(self, choices: ChoiceSource = (), **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.source = choices
        if not callable(choices):
            choices_of(choices)  # raises where the mistake was made

    @property
    def choices(self) -> list[Choice]:
        """The pairs of value and label."""
        return choices_of(self.source)

    @choices.setter
    def choices(self, source: ChoiceSource) -> None:
        self.source = source

    def bind(self, session: "Session | None") -> None:  # noqa: ARG002  signature
        """Give the choices to the widget.

        Args:
            session: Not used.
        """
        if isinstance(self.widget, ChoiceWidget):
            self.widget.choices = self.offered()

    def offered(self) -> list[Choice]:
        """Return the choices, with an empty one first unless there is one or it is not needed."""
        choices = self.choices
        needs_none = self.widget.is_group and self.required
        if needs_none or any(value in ("", None) for value, _ in choices):
            return choices
        return [BLANK, *choices]

    def to_python(self, raw: object) -> Any:
        """Return the chosen value.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: The value is not one of the choices.
        """
        chosen = self._by_text().get(self.widget.format(raw), BLANK)
        if chosen is BLANK:
            raise self.invalid("invalid_choice")
        return chosen

    def _by_text(self) -> dict[str, object]:
        """Return the choices by the texts that select them.

        Enumeration members are selected by name in HTML and by value in JSON; if both are the same
        text, the name counts.
        """
        values = [value for value, _ in flat(self.choices)]
        members = [value for value in values if isinstance(value, Enum)]
        return {
            **{self.widget.format(member.value): member for member in members},
            **{self.widget.format(value): value for value in values},
        }


class MultipleChoiceField(ChoiceField):
    """Several out of several values; a list in the order of the choices."""

    widget_class = SelectMultiple
    messages: ClassVar[Messages] = {"required": _("Please choose at least one.")}

    def offered(self) -> list[Choice]:
        """Return the choices."""
        return self.choices

    def is_empty(self, raw: object) -> bool:
        """Return True if nothing was chosen."""
        return not raw

    def clean_empty(self, initial: object) -> Any:
        """Return an empty list.

        Raises:
            Invalid: The field is required.
        """
        super().clean_empty(initial)
        return []

    def to_python(self, raw: object) -> Any:
        """Return the chosen values in the order of the choices.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: One of them is not a choice.
        """
        known = self._by_text()
        texts = {self.widget.format(item) for item in listed(raw)}
        if not texts <= known.keys():
            raise self.invalid("invalid_choice")
        chosen = {self.widget.format(known[text]) for text in texts}
        offered = (value for value, _ in flat(self.choices))
        return [value for value in offered if self.widget.format(value) in chosen]

    def has_changed(self, initial: Any, raw: object) -> bool:
        """Return True if other values were chosen than before.

        Args:
            initial: The values that the control showed.
            raw: The submitted values.
        """
        before = {self.widget.format(item) for item in initial or ()}
        try:
            after = self.to_python(raw)
        except Invalid:
            return True
        return before != {self.widget.format(item) for item in after}
