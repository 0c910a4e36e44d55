"""What is wrong with what somebody entered, in sentences for that person."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from lback.core.exceptions import ValidationError

# The key of what is wrong with a form as a whole.
NON_FIELD = "__all__"


class Invalid(ValueError):
    """A value that breaks a rule; what it says is shown beside the field.

    Args:
        *messages: Sentences for the person who entered it.
    """

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = list(messages)

    def __str__(self) -> str:
        return "; ".join(self.messages)


class ErrorList(list[str]):
    """The messages of one field, or of a form; shows itself as a list in a template.

    It may be called or not, so that `{{ form.non_field_errors }}` and
    `{{ form.non_field_errors() }}` are the same.
    """

    def __html__(self) -> str:
        if not self:
            return ""
        items = Markup("").join(Markup("<li>{}</li>").format(message) for message in self)
        return Markup('<ul class="errors">{}</ul>').format(items)

    def __call__(self) -> "ErrorList":
        """Return itself."""
        return self


class ErrorDict(dict[str, list[str]]):
    """Field name to its messages; `__all__` holds those of the form."""

    def add(self, name: str, messages: Iterable[str]) -> None:
        """Add messages to those of a field, each once."""
        held = self.setdefault(name, ErrorList())
        held.extend(message for message in messages if message not in held)

    def messages_of(self, name: str) -> ErrorList:
        """Return the messages of a field, or of the form for `__all__`; empty without any."""
        held = self.get(name)
        return held if isinstance(held, ErrorList) else ErrorList(held or ())

    def as_dict(self) -> dict[str, list[str]]:
        """Return plain lists, as `lback.core.exceptions.ValidationError` takes them."""
        return {name: list(messages) for name, messages in self.items()}


def errors_by_field(error: Invalid | ValidationError, name: str) -> dict[str, list[str]]:
    """Return what an error says, by field.

    Args:
        error: As it was raised by a field, by `clean_<field>` or by `clean`.
        name: The field it is about where it does not say so itself.
    """
    if isinstance(error, Invalid):
        return {name: error.messages}
    errors: Any = error.errors
    if isinstance(errors, Mapping):
        return {str(field): _texts(messages) for field, messages in errors.items()}
    return {name: _texts(errors)}


def _texts(messages: Any) -> list[str]:
    return [messages] if isinstance(messages, str) else [str(message) for message in messages]
