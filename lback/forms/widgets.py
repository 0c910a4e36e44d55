"""Widgets: render a value as an HTML control, and read the submitted value."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, ClassVar, NamedTuple, TypeAlias

from markupsafe import Markup

from lback.core.http.multidict import MultiDict
from lback.forms.markup import Attributes, tag, text_area
from lback.translation import gettext

Values: TypeAlias = Mapping[str, Any]


def values_of(data: Values, name: str) -> list[Any]:
    """Return all values submitted under a name, in order.

    Args:
        data: The submitted values.
        name: Name of the control.
    """
    if name not in data:
        return []
    value = data[name]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def last_of(data: Values, name: str) -> Any:
    """Return the value submitted under a name, or `None`.

    If there are several values, the last one counts. A list in JSON is one value.

    Args:
        data: The submitted values.
        name: Name of the control.
    """
    value = data.get(name)
    if isinstance(value, list) and isinstance(data, MultiDict):
        return value[-1]
    return value


class Widget:
    """Renders the control of a field, and reads what was submitted for it.

    Args:
        attrs: Further HTML attributes, such as `{"rows": 4}`; they take precedence over those of
            the field.
    """

    # A file is sent only by a form with enctype="multipart/form-data".
    needs_multipart: ClassVar[bool] = False
    is_hidden: ClassVar[bool] = False
    # Several controls with one name, labelled as a group; each has a label of its own.
    is_group: ClassVar[bool] = False

    def __init__(self, attrs: Attributes | None = None) -> None:
        self.attrs = dict(attrs or {})

    # Whether values are shown and read as the current language writes them.
    is_localized: ClassVar[bool] = False

    def format(self, value: Any) -> str:
        """Return a value as the control shows it.

        Args:
            value: A Python value, or text as it was submitted.
        """
        return "" if value is None else str(value)

    def value_from(self, data: Values, files: Values, name: str) -> Any:  # noqa: ARG002  for files
        """Return the submitted value, or `None` if there is none.

        Args:
            data: The submitted values.
            files: The uploads.
            name: Name of the control.
        """
        return last_of(data, name)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:
        """Return True if the control was part of the submitted form.

        Args:
            data: The submitted values.
            files: The uploads.
            name: Name of the control.
        """
        return name in data or name in files

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return the control as HTML.

        Args:
            name: Name of the control.
            value: The value to show: a Python value, or text as it was submitted.
            attrs: HTML attributes, such as `id`, `required` and `aria-describedby`.
        """
        raise NotImplementedError

    def _attributes(self, name: str, attrs: Attributes) -> dict[str, object]:
        return {"name": name, **attrs, **self.attrs}


class Input(Widget):
    """An `<input>` with one line of text, unless `input_type` says otherwise."""

    input_type: ClassVar[str] = "text"

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return an `<input>`.

        Args:
            name: Name of the control.
            value: The value to show.
            attrs: HTML attributes of the control.
        """
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

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return an `<input>`, or a `<textarea>` for text that has several lines already.

        Args:
            name: Name of the control.
            value: The value to show.
            attrs: HTML attributes of the control.
        """
        shown = self.format(value)
        if "\n" in shown or "\r" in shown:
            # An <input> would drop the line ends, and the next save would lose them.
            return text_area({"rows": 6, **self._attributes(name, attrs)}, shown)
        return super().render(name, value, attrs)


class EmailInput(Input):
    """An email address."""

    input_type = "email"


class URLInput(Input):
    """A URL."""

    input_type = "url"


class NumberInput(Input):
    """A number; decimals are shown without an exponent."""

    input_type = "number"

    def format(self, value: object) -> str:
        """Return the digits of a number, or the submitted text."""
        text = super().format(value)
        return f"{value:f}" if "E" in text and hasattr(value, "as_tuple") else text


class PasswordInput(Input):
    """A password; a submitted one is never rendered again."""

    input_type = "password"

    def format(self, value: object) -> str:  # noqa: ARG002  a password is never shown
        """Return an empty text."""
        return ""


class HiddenInput(Input):
    """A value that is not visible."""

    input_type = "hidden"
    is_hidden = True


class Textarea(Widget):
    """Several lines of text."""

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return a `<textarea>`.

        Args:
            name: Name of the control.
            value: The value to show.
            attrs: HTML attributes of the control.
        """
        return text_area({"rows": 6, **self._attributes(name, attrs)}, self.format(value))


class JSONInput(Textarea):
    """A JSON value, indented and without escaped non-ASCII characters."""

    def format(self, value: object) -> str:
        """Return a value as JSON; submitted text, which is an `Entered`, stays as it is."""
        if value is None or isinstance(value, Entered):
            return super().format(value)
        return json.dumps(value, ensure_ascii=False, indent=2)


class Entered(str):
    """Submitted text, as distinct from a Python value that is a text."""

    __slots__ = ()


class DateInput(Input):
    """A date (ISO 8601)."""

    input_type = "date"

    def format(self, value: object) -> str:
        """Return `YYYY-MM-DD`."""
        return value.isoformat() if isinstance(value, date) else super().format(value)


class TimeInput(Input):
    """A time of day (ISO 8601)."""

    input_type = "time"

    def format(self, value: object) -> str:
        """Return `HH:MM`, with seconds and milliseconds if there are any."""
        return clock_text(value) if isinstance(value, time) else super().format(value)


class DateTimeInput(Input):
    """A date with a time of day (ISO 8601)."""

    input_type = "datetime-local"

    def format(self, value: object) -> str:
        """Return `YYYY-MM-DDTHH:MM`, with seconds and milliseconds if there are any."""
        if isinstance(value, datetime):
            return f"{value.date().isoformat()}T{clock_text(value.time())}"
        return super().format(value)


def clock_text(value: time) -> str:
    """Return a time as HTML writes it, with at most three digits of a second."""
    if value.microsecond:
        return value.replace(tzinfo=None).isoformat("milliseconds")
    return value.replace(tzinfo=None).isoformat("seconds" if value.second else "minutes")


class CheckboxInput(Widget):
    """A check box; nothing is submitted for one that is off."""

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return an `<input type="checkbox">`.

        Args:
            name: Name of the control.
            value: Whether it is on; see `is_on`.
            attrs: HTML attributes of the control.
        """
        return tag(
            "input",
            {
                "type": "checkbox",
                **self._attributes(name, attrs),
                "value": "on",
                "checked": is_on(value),
            },
        )

    def value_from(self, data: Values, files: Values, name: str) -> object:  # noqa: ARG002  signature
        """Return whether it was on; a list or an object in JSON is returned as it is.

        Args:
            data: The submitted values.
            files: Not used.
            name: Name of the control.
        """
        value = last_of(data, name)
        return value if isinstance(value, (list, dict)) else is_on(value)

    def was_sent(self, data: Values, files: Values, name: str) -> bool:  # noqa: ARG002  signature
        """Return True: browsers send nothing for a box that is off.

        Args:
            data: Not used.
            files: Not used.
            name: Not used.
        """
        return True


def is_on(value: object) -> bool:
    """Return True if a value means yes in a form or in JSON.

    Example:
        >>> is_on("on"), is_on("false"), is_on(None)
        (True, False, False)
    """
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "off", "no", "0", "none")
    return bool(value)


class _Cleared:
    """The value of a file control by which the stored file is to be removed."""

    def __repr__(self) -> str:
        return "CLEARED"


CLEARED = _Cleared()


class Arriving(NamedTuple):
    """A file that was uploaded in parts before the form was sent.

    Attributes:
        token: The token of the upload.
        field_name: Name of the control.
    """

    token: str
    field_name: str


class FileInput(Widget):
    """A file; browsers do not let pages preselect one, so a chosen file is not shown again."""

    needs_multipart = True
    # Address of lback.storage.upload_urls; its script then uploads the file in parts.
    uploads_url = ""
    # Address that answers with a direct upload; the script then sends the file to the storage.
    direct_url = ""
    # Set by a field that is not required: a check box then removes the stored file.
    clearable = False

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return an `<input type="file">`, and a box to remove the stored file.

        Args:
            name: Name of the control.
            value: The stored file, or `None`.
            attrs: HTML attributes of the control.
        """
        is_stored = value is not None and value != "" and not isinstance(value, Entered)
        values = {"type": "file", **self._attributes(name, attrs)}
        values.update(self._for_script())
        if is_stored:
            values["required"] = None
        control = tag("input", values)
        return control + self._clear_box(name, attrs) if is_stored and self.clearable else control

    def _for_script(self) -> dict[str, str]:
        """Return the addresses and the texts for `upload.js`."""
        addresses = {"data-direct": self.direct_url, "data-uploads": self.uploads_url}
        given = {name: address for name, address in addresses.items() if address}
        if given:
            given["data-upload-label"] = gettext("Progress of the upload")
            given["data-upload-refused"] = gettext("The file was refused. Please choose another.")
            given["data-upload-lost"] = gettext(
                "The connection was lost. Please send the form again."
            )
        return given

    def _clear_box(self, name: str, attrs: Attributes) -> Markup:
        key = f"{attrs.get('id', name)}-clear"
        box = {"type": "checkbox", "name": f"{name}-clear", "id": key, "value": "on"}
        label = tag("label", {"for": key}, gettext("Remove the stored file"))
        return Markup(" ") + tag("span", {"class": "choice"}, tag("input", box) + " " + label)

    def value_from(self, data: Values, files: Values, name: str) -> object:
        """Return the uploaded file, `CLEARED` to remove the stored one, or `None`.

        Args:
            data: The submitted values.
            files: The uploads.
            name: Name of the control.
        """
        upload = next(reversed(values_of(files, name)), None)
        if upload is not None and (upload.filename or upload.size):
            return upload
        takes_token = self.uploads_url or self.direct_url
        token = last_of(data, f"{name}-upload") if takes_token else None
        if isinstance(token, str) and token:
            return Arriving(token, name)
        return CLEARED if self.clearable and is_on(last_of(data, f"{name}-clear")) else None

    def was_sent(self, data: Values, files: Values, name: str) -> bool:
        """Return True if a file was chosen, or the stored one is to be removed.

        Args:
            data: The submitted values.
            files: The uploads.
            name: Name of the control.
        """
        sent = f"{name}-clear" in data or f"{name}-upload" in data
        return name in files or sent
