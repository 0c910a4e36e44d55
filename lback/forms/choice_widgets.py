"""Choice widgets: lists, radio buttons and check boxes."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, TypeAlias, TypeGuard

from markupsafe import Markup

from lback.forms.markup import Attributes, tag
from lback.forms.widgets import Values, Widget, values_of

Choice: TypeAlias = tuple[Any, Any]
# A value with its label; or the name of a group with its choices.
Choices: TypeAlias = Iterable[Choice]


def is_group_of(label: object) -> TypeGuard[Sequence[Choice]]:
    """Return True if the second element of a choice is a list of choices."""
    return isinstance(label, (list, tuple))


def flat(choices: Choices) -> list[Choice]:
    """Return the choices without their groups."""
    flattened: list[Choice] = []
    for value, label in choices:
        flattened.extend(flat(label) if is_group_of(label) else [(value, label)])
    return flattened


class ChoiceWidget(Widget):
    """Base class of widgets with choices; the field sets `choices`.

    Args:
        attrs: Further HTML attributes.
    """

    def __init__(self, attrs: Attributes | None = None) -> None:
        super().__init__(attrs)
        self.choices: Sequence[Choice] = ()

    def format(self, value: object) -> str:
        """Return the text of a value; that of an enumeration member is its name."""
        return value.name if isinstance(value, Enum) else super().format(value)

    def selected(self, value: object) -> set[str]:
        """Return the texts of the selected values."""
        return {self.format(value)}


class Select(ChoiceWidget):
    """A drop-down list."""

    multiple = False

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return a `<select>`.

        Args:
            name: Name of the control.
            value: The selected value, or values where several may be selected.
            attrs: HTML attributes of the control.
        """
        values = {**self._attributes(name, attrs), "multiple": self.multiple}
        return tag("select", values, self._options(self.choices, self.selected(value)))

    def _options(self, choices: Choices, selected: set[str]) -> Markup:
        return Markup("").join(self._option(value, label, selected) for value, label in choices)

    def _option(self, value: object, label: object, selected: set[str]) -> Markup:
        if is_group_of(label):
            return tag("optgroup", {"label": value}, self._options(label, selected))
        text = self.format(value)
        return tag("option", {"value": text, "selected": text in selected}, label)


class _Several(ChoiceWidget):
    """Base class of widgets with several values."""

    def selected(self, value: Any) -> set[str]:
        """Return the texts of the selected values."""
        return {self.format(item) for item in value or ()}

    def value_from(self, data: Values, files: Values, name: str) -> list[Any]:  # noqa: ARG002  signature
        """Return all submitted values."""
        return values_of(data, name)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:  # noqa: ARG002  signature
        """Return True: browsers send nothing if nothing is selected."""
        return True


class SelectMultiple(_Several, Select):
    """A list in which several values may be selected."""

    multiple = True


class RadioSelect(ChoiceWidget):
    """A radio button for each choice."""

    is_group = True
    input_type = "radio"
    role = "radiogroup"

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return a group of controls, each with its label.

        Args:
            name: Name of the controls.
            value: The selected value, or values where several may be selected.
            attrs: HTML attributes of the group.
        """
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
        aria = {k: v for k, v in attrs.items() if k.startswith("aria-")}
        return tag("span", {**identity, **aria, **self.attrs}, buttons)

    def _button(
        self, number: int, values: Attributes, choice: Choice, selected: set[str], group: str
    ) -> Markup:
        text = self.format(choice[0])
        own = {"type": self.input_type, "id": f"{group}_{number}"}
        button = tag("input", {**own, **values, "value": text, "checked": text in selected})
        label = tag("label", {"for": own["id"]}, choice[1])
        return tag("span", {"class": "choice"}, button + Markup(" ") + label)


class CheckboxMultiple(_Several, RadioSelect):
    """A check box for each choice."""

    input_type = "checkbox"
    role = "group"
