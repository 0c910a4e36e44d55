"""Widgets for choices: one of several, or several of several."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, TypeAlias

from markupsafe import Markup

from lback.forms.markup import Attributes, tag
from lback.forms.widgets import Values, Widget, values_of

Choice: TypeAlias = tuple[Any, Any]
# A value with its label; or the name of a group with its choices.
Choices: TypeAlias = Iterable[tuple[Any, Any]]


def is_group_of(label: Any) -> bool:
    """Tell whether the second half of a choice is a list of choices."""
    return isinstance(label, (list, tuple))


def flat(choices: Choices) -> list[Choice]:
    """Return the choices without their groups."""
    found: list[Choice] = []
    for value, label in choices:
        found.extend(flat(label) if is_group_of(label) else [(value, label)])
    return found


class ChoiceWidget(Widget):
    """What all of them share; the field fills `choices`."""

    def __init__(self, attrs: Attributes | None = None) -> None:
        super().__init__(attrs)
        self.choices: Sequence[tuple[Any, Any]] = ()

    def format(self, value: Any) -> Any:
        """Return the text of a value; a member of an enumeration goes by its name."""
        return value.name if isinstance(value, Enum) else super().format(value)

    def selected(self, value: Any) -> set[str]:
        """Return the texts of the chosen values."""
        return {self.format(value)}


class Select(ChoiceWidget):
    """A drop-down list."""

    multiple = False

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return a `<select>`."""
        values = {**self._attributes(name, attrs), "multiple": self.multiple}
        return tag("select", values, self._options(self.choices, self.selected(value)))

    def _options(self, choices: Choices, selected: set[str]) -> Markup:
        return Markup("").join(self._option(value, label, selected) for value, label in choices)

    def _option(self, value: Any, label: Any, selected: set[str]) -> Markup:
        if is_group_of(label):
            return tag("optgroup", {"label": value}, self._options(label, selected))
        text = self.format(value)
        return tag("option", {"value": text, "selected": text in selected}, label)


class _Several(ChoiceWidget):
    """Reads and shows a list of values."""

    def selected(self, value: Any) -> set[str]:
        """Return the texts of the chosen values."""
        return {self.format(item) for item in value or ()}

    def value_from(self, data: Values, files: Values, name: str) -> Any:  # noqa: ARG002  signature
        """Return all values that were chosen."""
        return values_of(data, name)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:  # noqa: ARG002  signature
        """Return true: choosing nothing sends nothing."""
        return True


class SelectMultiple(_Several, Select):
    """A list of which several may be chosen."""

    multiple = True


class RadioSelect(ChoiceWidget):
    """One radio button for each choice."""

    is_group = True
    input_type = "radio"
    role = "radiogroup"

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return a group of buttons, each with its label."""
        selected = self.selected(value)
        required = attrs.get("required") if self.input_type == "radio" else None
        buttons = Markup("").join(
            self._button(
                number,
                {"name": name, "required": required, "disabled": attrs.get("disabled")},
                choice,
                selected,
                str(attrs.get("id", name)),
            )
            for number, choice in enumerate(flat(self.choices))
        )
        identity = {"id": attrs.get("id"), "role": self.role, "class": "choices"}
        told = {k: v for k, v in attrs.items() if k.startswith("aria-")}
        return tag("span", {**identity, **told, **self.attrs}, buttons)

    def _button(
        self, number: int, values: Attributes, choice: Choice, selected: set[str], group: str
    ) -> Markup:
        text = self.format(choice[0])
        own = {"type": self.input_type, "id": f"{group}_{number}"}
        button = tag("input", {**own, **values, "value": text, "checked": text in selected})
        label = tag("label", {"for": own["id"]}, choice[1])
        return tag("span", {"class": "choice"}, button + Markup(" ") + label)


class CheckboxMultiple(_Several, RadioSelect):
    """One check box for each choice."""

    input_type = "checkbox"
    role = "group"
