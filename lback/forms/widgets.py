"""Widgets: a value on one side, an HTML control on the other."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, ClassVar, TypeAlias

from markupsafe import Markup

from lback.core.http.multidict import MultiDict
from lback.forms.markup import Attributes, tag, text_area

Values: TypeAlias = Mapping[str, Any]


def values_of(data: Values, name: str) -> list[Any]:
    """Return all that was sent under a name, in order."""
    if name not in data:
        return []
    held = data[name]
    return list(held) if isinstance(held, (list, tuple)) else [held]


def last_of(data: Values, name: str) -> Any:
    """Return what was sent under a name, or `None`.

    Of several fields of one name the last counts. A list in JSON is one value, and stays a list.
    """
    held = data.get(name)
    if isinstance(held, list) and isinstance(data, MultiDict):
        return held[-1]
    return held


class Widget:
    """How a field looks, and how what comes back is read.

    Args:
        attrs: Further HTML attributes, such as `{"rows": 4}`; they win over those of the field.
    """

    # A file is sent only by a form with enctype="multipart/form-data".
    needs_multipart: ClassVar[bool] = False
    is_hidden: ClassVar[bool] = False
    # Several controls under one name: labelled as a group, each with a label of its own.
    is_group: ClassVar[bool] = False

    def __init__(self, attrs: Attributes | None = None) -> None:
        self.attrs = dict(attrs or {})

    def format(self, value: Any) -> Any:
        """Return a value of Python as the control shows it."""
        return "" if value is None else str(value)

    def value_from(self, data: Values, files: Values, name: str) -> Any:  # noqa: ARG002  for files
        """Return what was entered; `None` where the control was not sent."""
        return last_of(data, name)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:
        """Tell whether the control was part of what was sent."""
        return name in data or name in files

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return the control.

        Args:
            name: Its name in the form.
            value: What it shows: a value of Python, or what was entered.
            attrs: `id`, `required`, `aria-describedby` and so on.
        """
        raise NotImplementedError

    def _attributes(self, name: str, attrs: Attributes) -> dict[str, Any]:
        return {"name": name, **attrs, **self.attrs}


class Input(Widget):
    """A one-line control; a text unless `input_type` is another one."""

    input_type: ClassVar[str] = "text"

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return an `<input>`."""
        shown = self.format(value)
        return tag(
            "input",
            {
                "type": self.input_type,
                **self._attributes(name, attrs),
                "value": None if shown == "" else shown,
            },
        )


class TextInput(Input):
    """A line of text."""

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return an `<input>`, or a `<textarea>` for a text that has several lines already."""
        shown = self.format(value)
        if "\n" in shown or "\r" in shown:
            # A browser would drop the line ends, and the next save would lose them.
            return text_area({"rows": 6, **self._attributes(name, attrs)}, shown)
        return super().render(name, value, attrs)


class EmailInput(Input):
    """An email address."""

    input_type = "email"


class URLInput(Input):
    """A URL."""

    input_type = "url"


class NumberInput(Input):
    """A number; a decimal is shown without an exponent, which people do not read."""

    input_type = "number"

    def format(self, value: Any) -> Any:
        """Return the digits of a number, or what was entered."""
        text = super().format(value)
        return f"{value:f}" if "E" in text and hasattr(value, "as_tuple") else text


class PasswordInput(Input):
    """A password; what was entered is never sent back."""

    input_type = "password"

    def format(self, value: Any) -> Any:  # noqa: ARG002  that is the point
        """Return nothing."""
        return ""


class HiddenInput(Input):
    """A value that people do not see."""

    input_type = "hidden"
    is_hidden = True


class Textarea(Widget):
    """Several lines of text."""

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return a `<textarea>`."""
        return text_area({"rows": 6, **self._attributes(name, attrs)}, self.format(value))


class JSONInput(Textarea):
    """A JSON value, indented, every character as it is."""

    def format(self, value: Any) -> Any:
        """Return the JSON text of a value; what was entered comes wrapped as `Entered`."""
        if value is None or isinstance(value, Entered):
            return super().format(value)
        return json.dumps(value, ensure_ascii=False, indent=2)


class Entered(str):
    """Text as somebody entered it, told apart from a value of Python that is a text as well."""

    __slots__ = ()


class DateInput(Input):
    """A day (ISO 8601)."""

    input_type = "date"

    def format(self, value: Any) -> Any:
        """Return `YYYY-MM-DD`."""
        return value.isoformat() if isinstance(value, date) else super().format(value)


class TimeInput(Input):
    """A time of day (ISO 8601)."""

    input_type = "time"

    def format(self, value: Any) -> Any:
        """Return `HH:MM`, with seconds and milliseconds where there are any."""
        return clock_text(value) if isinstance(value, time) else super().format(value)


class DateTimeInput(Input):
    """A day and a time of day (ISO 8601)."""

    input_type = "datetime-local"

    def format(self, value: Any) -> Any:
        """Return `YYYY-MM-DDTHH:MM`, with seconds and milliseconds where there are any."""
        if isinstance(value, datetime):
            return f"{value.date().isoformat()}T{clock_text(value.time())}"
        return super().format(value)


def clock_text(value: time) -> str:
    """Return a time as HTML writes it: browsers take no more than three digits of a second."""
    if value.microsecond:
        return value.replace(tzinfo=None).isoformat("milliseconds")
    return value.replace(tzinfo=None).isoformat("seconds" if value.second else "minutes")


class CheckboxInput(Widget):
    """A switch: not being sent means off."""

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return an `<input type="checkbox">`."""
        return tag(
            "input",
            {
                "type": "checkbox",
                **self._attributes(name, attrs),
                "value": "on",
                "checked": is_on(value),
            },
        )

    def value_from(self, data: Values, files: Values, name: str) -> Any:  # noqa: ARG002  signature
        """Return whether it was on; a list or an object of JSON as it is."""
        held = last_of(data, name)
        return held if isinstance(held, (list, dict)) else is_on(held)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:  # noqa: ARG002  signature
        """Return true: an unchecked box is sent by not being sent."""
        return True


def is_on(value: Any) -> bool:
    """Tell whether a value means yes, as forms and JSON write it."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "off", "no", "0", "none")
    return bool(value)


class _Cleared:
    """What a file input reads where somebody wants the kept file removed."""

    def __repr__(self) -> str:
        return "CLEARED"


CLEARED = _Cleared()


class FileInput(Widget):
    """A file. Browsers let no page choose one, so what was chosen is not shown again."""

    needs_multipart = True
    # Set by a field that may be empty: a box then removes the file that is kept.
    clearable = False

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return an `<input type="file">`, and a box to remove the file that is kept."""
        kept = value is not None and value != "" and not isinstance(value, Entered)
        values = {"type": "file", **self._attributes(name, attrs)}
        if kept:
            values["required"] = None
        control = tag("input", values)
        return control + self._clear_box(name, attrs) if kept and self.clearable else control

    def _clear_box(self, name: str, attrs: Attributes) -> Markup:
        key = f"{attrs.get('id', name)}-clear"
        box = {"type": "checkbox", "name": f"{name}-clear", "id": key, "value": "on"}
        label = tag("label", {"for": key}, "Remove the file that is kept")
        return Markup(" ") + tag("span", {"class": "choice"}, tag("input", box) + " " + label)

    def value_from(self, data: Values, files: Values, name: str) -> Any:
        """Return the uploaded file; an empty control sends one without name and content."""
        held = next(reversed(values_of(files, name)), None)
        if held is not None and (held.filename or held.size):
            return held
        return CLEARED if self.clearable and is_on(last_of(data, f"{name}-clear")) else None

    def was_sent(self, data: Values, files: Values, name: str) -> bool:
        """Tell whether a file was chosen, or the kept one is to be removed."""
        return name in files or f"{name}-clear" in data
