"""Bound fields: a field of one form, with its control, label and errors for templates."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from lback.forms.errors import ErrorList
from lback.forms.field import Field
from lback.forms.markup import Rendered, tag
from lback.forms.widgets import CheckboxInput, Entered, Widget
from lback.translation import gettext

if TYPE_CHECKING:
    from lback.forms.form import Form


class BoundField:
    """A field of one form, for templates.

    `{{ field }}` renders the control, `{{ field.label_tag }}` its label, `{{ field.help }}` and `{{
    field.error }}` the texts that the control refers to in `aria-describedby`.

    Args:
        form: The form.
        name: Name of the field in the form.
        field: The field.

    Attributes:
        html_name: Name of the control, with the prefix of the form.

    Example:
        >>> from lback.forms import CharField, Form
        >>> class Contact(Form):
        ...     name = CharField(max_length=80)
        >>> field = Contact()["name"]
        >>> print(field)
        <input type="text" name="name" id="id_name" maxlength="80" required>
        >>> print(field.label_tag)
        <label for="id_name">Name<span class="required" aria-hidden="true"> *</span></label>
    """

    def __init__(self, form: "Form", name: str, field: Field) -> None:
        self.form = form
        self.name = name
        self.field = field
        self.html_name = form.add_prefix(name)

    @property
    def widget(self) -> Widget:
        """The widget that renders the field."""
        return self.field.widget

    @property
    def id(self) -> str:
        """The id of the control."""
        return f"id_{self.html_name}"

    @property
    def label(self) -> str:
        """The label of the field, or one made from its name."""
        label = self.field.label
        return str(label) if label is not None else gettext(label_from(self.name))

    @property
    def help_text(self) -> str:
        """The explanation below the control."""
        return str(self.field.help_text)

    @property
    def errors(self) -> ErrorList:
        """The error messages of the field."""
        return self.form.errors.messages_of(self.name)

    @property
    def is_hidden(self) -> bool:
        """True if the control is not visible."""
        return self.widget.is_hidden

    @property
    def initial(self) -> Any:
        """The initial value."""
        return self.form.initial_of(self.name)

    @property
    def raw(self) -> Any:
        """The submitted value, as the widget reads it."""
        return self.form.raw_of(self.name)

    @property
    def value(self) -> Any:
        """The value that the control shows: what was submitted, or the initial value."""
        shows_raw = self.form.is_bound and not self.field.disabled
        if not shows_raw or self.widget.needs_multipart:
            return self.field.prepare(self.initial)
        raw = self.raw
        return Entered(raw) if isinstance(raw, str) else raw

    def attributes(self) -> dict[str, Any]:
        """Return the HTML attributes of the control."""
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
        """The `<label>`; for a group of controls a `<span>` that labels the group."""
        needed = self.field.required and self.form.use_required
        # Screen readers announce the attribute of the control; the star is for the eye.
        star = tag("span", {"class": "required", "aria-hidden": "true"}, " *") if needed else ""
        content = Markup("{}{}").format(self.label, star)
        if self.widget.is_group:
            return Rendered(tag("span", {"id": f"{self.id}_label", "class": "label"}, content))
        return Rendered(tag("label", {"for": self.id}, content))

    @property
    def help(self) -> Rendered:
        """The help text in a `<span>`, or nothing."""
        if not self.help_text:
            return Rendered("")
        return Rendered(tag("span", {"id": f"{self.id}_help", "class": "help"}, self.help_text))

    @property
    def error(self) -> Rendered:
        """The error messages in a `<span>`, or nothing."""
        errors = self.errors
        if not errors:
            return Rendered("")
        lines = Markup("<br>").join(errors)
        return Rendered(tag("span", {"id": f"{self.id}_error", "class": "error"}, lines))


def label_from(name: str) -> str:
    """Return the label for a field name: "given_name" becomes "Given name"."""
    return name.replace("_", " ").strip().capitalize()


def as_paragraph(field: BoundField) -> Markup:
    """Return a field as a `<p>`."""
    return tag("p", {"class": _classes(field)}, _parts(field, Markup(" ")))


def as_block(field: BoundField) -> Markup:
    """Return a field as a `<div>`."""
    return tag("div", {"class": _classes(field)}, _parts(field, Markup("\n")))


def as_row(field: BoundField) -> Markup:
    """Return a field as a table row."""
    control = Markup("{}{}{}").format(field, field.help, field.error)
    cells = tag("th", {"scope": "row"}, field.label_tag) + tag("td", {}, control)
    return tag("tr", {"class": _classes(field)}, cells)


def _parts(field: BoundField, between: Markup) -> Markup:
    # A check box comes before its label, every other control after it.
    first, second = (field, field.label_tag) if _is_box(field) else (field.label_tag, field)
    parts = [Markup("{}").format(part) for part in (first, second, field.help, field.error)]
    return between.join(part for part in parts if part)


def _is_box(field: BoundField) -> bool:
    return isinstance(field.widget, CheckboxInput)


def _classes(field: BoundField) -> str:
    kind = "field box" if _is_box(field) else "field"
    return f"{kind} invalid" if field.errors else kind


Layout = Callable[[BoundField], Markup]
