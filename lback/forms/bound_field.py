"""A field in a form: its control, its label, its errors, and what ties them together."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from lback.forms.errors import ErrorList
from lback.forms.field import Field
from lback.forms.markup import Rendered, tag
from lback.forms.widgets import CheckboxInput, Entered, Widget

if TYPE_CHECKING:
    from lback.forms.form import Form


class BoundField:
    """One field of one form, to be shown in a template.

    `{{ field }}` is the control, `{{ field.label_tag }}` its label, `{{ field.help }}` and
    `{{ field.error }}` the texts that the control names in `aria-describedby`.

    Attributes:
        form: The form.
        name: Name in the form.
        field: The rule.
        html_name: Name in what is sent: the prefix of the form comes first.
    """

    def __init__(self, form: "Form", name: str, field: Field) -> None:
        self.form = form
        self.name = name
        self.field = field
        self.html_name = form.add_prefix(name)

    @property
    def widget(self) -> Widget:
        """How it looks."""
        return self.field.widget

    @property
    def id(self) -> str:
        """The id of the control."""
        return f"id_{self.html_name}"

    @property
    def label(self) -> str:
        """What it is called."""
        return self.field.label if self.field.label is not None else label_from(self.name)

    @property
    def help_text(self) -> str:
        """The sentence below it."""
        return self.field.help_text

    @property
    def errors(self) -> ErrorList:
        """What is wrong with it."""
        return self.form.errors.messages_of(self.name)

    @property
    def is_hidden(self) -> bool:
        """Whether people do not see it."""
        return self.widget.is_hidden

    @property
    def initial(self) -> Any:
        """What it showed at first."""
        return self.form.initial_of(self.name)

    @property
    def raw(self) -> Any:
        """What was entered."""
        return self.form.raw_of(self.name)

    @property
    def value(self) -> Any:
        """What it shows: what was entered, so that nobody enters it twice, or the initial value."""
        sent = self.form.is_bound and not self.field.disabled and not self.widget.needs_multipart
        if not sent:
            return self.field.prepare(self.initial)
        raw = self.raw
        return Entered(raw) if isinstance(raw, str) else raw

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the control."""
        if self.is_hidden:
            return {"id": self.id}
        errors = self.errors
        described = [f"{self.id}_help"] if self.help_text else []
        described += [f"{self.id}_error"] if errors else []
        return {
            "id": self.id,
            **self.field.attributes(),
            "required": self.field.required and self.form.use_required,
            "disabled": self.field.disabled,
            "aria-invalid": "true" if errors else None,
            "aria-describedby": " ".join(described) or None,
            "aria-labelledby": f"{self.id}_label" if self.widget.is_group else None,
        }

    def __html__(self) -> str:
        return self.widget.render(self.html_name, self.value, self.attributes())

    def __str__(self) -> str:
        return self.__html__()

    @property
    def label_tag(self) -> Rendered:
        """The label; for a group of controls a text that names the group."""
        needed = self.field.required and self.form.use_required
        # The control says it itself; the star is for the eye.
        star = tag("span", {"class": "required", "aria-hidden": "true"}, " *") if needed else ""
        content = Markup("{}{}").format(self.label, star)
        if self.widget.is_group:
            return Rendered(tag("span", {"id": f"{self.id}_label", "class": "label"}, content))
        return Rendered(tag("label", {"for": self.id}, content))

    @property
    def help(self) -> Rendered:
        """The sentence below it, or nothing."""
        if not self.help_text:
            return Rendered("")
        return Rendered(tag("span", {"id": f"{self.id}_help", "class": "help"}, self.help_text))

    @property
    def error(self) -> Rendered:
        """What is wrong with it, or nothing."""
        errors = self.errors
        if not errors:
            return Rendered("")
        lines = Markup("<br>").join(errors)
        return Rendered(tag("span", {"id": f"{self.id}_error", "class": "error"}, lines))


def label_from(name: str) -> str:
    """Return the label that a name makes: "given_name" becomes "Given name"."""
    return name.replace("_", " ").strip().capitalize()


def as_paragraph(field: BoundField) -> Markup:
    """Return a field as a `<p>`."""
    return tag("p", {"class": _classes(field)}, _parts(field, Markup(" ")))


def as_block(field: BoundField) -> Markup:
    """Return a field as a `<div>`."""
    return tag("div", {"class": _classes(field)}, _parts(field, Markup("\n")))


def as_row(field: BoundField) -> Markup:
    """Return a field as a row of a table."""
    control = Markup("{}{}{}").format(field, field.help, field.error)
    cells = tag("th", {"scope": "row"}, field.label_tag) + tag("td", {}, control)
    return tag("tr", {"class": _classes(field)}, cells)


def _parts(field: BoundField, between: Markup) -> Markup:
    # A box comes before its words, everything else after them.
    first, second = (field, field.label_tag) if _is_box(field) else (field.label_tag, field)
    parts = [Markup("{}").format(part) for part in (first, second, field.help, field.error)]
    return between.join(part for part in parts if part)


def _is_box(field: BoundField) -> bool:
    return isinstance(field.widget, CheckboxInput)


def _classes(field: BoundField) -> str:
    kind = "field box" if _is_box(field) else "field"
    return f"{kind} invalid" if field.errors else kind


Layout = Callable[[BoundField], Markup]
