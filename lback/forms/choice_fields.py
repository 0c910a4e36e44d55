"""Fields for choices: one, or several, of those that are offered and no other."""

from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from lback.forms.choice_widgets import Choices, ChoiceWidget, Select, SelectMultiple, flat
from lback.forms.errors import Invalid
from lback.forms.field import Field, Messages

ChoiceSource: TypeAlias = Choices | type[Enum] | Callable[[], Choices]
BLANK = ("", "---------")


def choices_of(source: ChoiceSource) -> list[tuple[Any, Any]]:
    """Return choices as pairs; the members of an enumeration are labelled by their names."""
    if isinstance(source, type) and issubclass(source, Enum):
        return [(member, member.name.replace("_", " ").capitalize()) for member in source]
    found: Any = source() if callable(source) else source
    return [(value, label) for value, label in found]


def listed(raw: Any) -> list[Any]:
    """Return what was chosen as a list, if it is none; nothing gives an empty one."""
    if isinstance(raw, (list, tuple, set, frozenset)):
        return list(raw)
    return [] if raw is None or raw == "" else [raw]


class ChoiceField(Field):
    """One of several values; its value is the chosen one itself, whatever its type.

    Args:
        choices: Pairs of value and label, or of a name and such pairs; an enumeration; or a
            callable that gives them, which is asked for every form.
        **options: See `Field`.
    """

    widget_class = Select
    messages: ClassVar[Messages] = {
        "required": "Please choose one.",
        "invalid_choice": "Please choose one of those offered.",
    }

    def __init__(self, choices: ChoiceSource = (), **options: Any) -> None:
        super().__init__(**options)
        self.source = choices
        if not callable(choices):
            choices_of(choices)  # a mistake is found where it was made

    @property
    def choices(self) -> list[tuple[Any, Any]]:
        """The pairs that are offered."""
        return choices_of(self.source)

    @choices.setter
    def choices(self, source: ChoiceSource) -> None:
        self.source = source

    def bind(self, session: Any) -> None:  # noqa: ARG002  signature
        """Hand the choices to the widget."""
        if isinstance(self.widget, ChoiceWidget):
            self.widget.choices = self.offered()

    def offered(self) -> list[tuple[Any, Any]]:
        """Return the choices, with an empty one before them unless there is one."""
        choices = self.choices
        needless = self.widget.is_group and self.required
        if needless or any(value in ("", None) for value, _ in choices):
            return choices
        return [BLANK, *choices]

    def to_python(self, raw: Any) -> Any:
        """Return the value that was chosen."""
        found = self._by_text().get(self.widget.format(raw), BLANK)
        if found is BLANK:
            raise self.invalid("invalid_choice")
        return found

    def _by_text(self) -> dict[str, Any]:
        """Return the choices by the texts that mean them.

        Members of an enumeration go by their name in HTML and by their value in JSON; where both
        are the same text, the name counts.
        """
        values = [value for value, _ in flat(self.choices)]
        members = [value for value in values if isinstance(value, Enum)]
        return {
            **{self.widget.format(member.value): member for member in members},
            **{self.widget.format(value): value for value in values},
        }


class MultipleChoiceField(ChoiceField):
    """Several of several values; a list of those chosen, in the order they are offered."""

    widget_class = SelectMultiple
    messages: ClassVar[Messages] = {"required": "Please choose at least one."}

    def offered(self) -> list[tuple[Any, Any]]:
        """Return the choices."""
        return self.choices

    def is_empty(self, raw: Any) -> bool:
        """Tell whether nothing was chosen."""
        return not raw

    def clean_empty(self, initial: Any) -> Any:
        """Return an empty list."""
        super().clean_empty(initial)
        return []

    def to_python(self, raw: Any) -> Any:
        """Return the values that were chosen."""
        known = self._by_text()
        texts = {self.widget.format(item) for item in listed(raw)}
        if not texts <= known.keys():
            raise self.invalid("invalid_choice")
        chosen = {self.widget.format(known[text]) for text in texts}
        offered = (value for value, _ in flat(self.choices))
        return [value for value in offered if self.widget.format(value) in chosen]

    def has_changed(self, initial: Any, raw: Any) -> bool:
        """Tell whether others were chosen."""
        before = {self.widget.format(item) for item in initial or ()}
        try:
            after = self.to_python(raw)
        except Invalid:
            return True
        return before != {self.widget.format(item) for item in after}
