"""Validation errors of forms: messages for the visitor, by field."""

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from lback.core.exceptions import ValidationError
from lback.translation import ngettext

# The key of errors of a form as a whole.
NON_FIELD = "__all__"


class Invalid(ValueError):
    """A value that breaks a rule; its messages are shown beside the field.

    Args:
        *messages: Sentences for the visitor that say what to do.

    Example:
        >>> str(Invalid("Choose a date in the future."))
        'Choose a date in the future.'
    """

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        # As text: a lazy one would be translated when it is written, perhaps in another language.
        self.messages = [str(message) for message in messages]

    def __str__(self) -> str:
        return "; ".join(self.messages)


class CountedMessage(str):
    """A message with placeholders whose translation depends on the number in one of them.

    In English, it is the same for all numbers.

    Args:
        message: The message, with placeholders such as `{limit}`.
        by: Name of the placeholder with the number.

    Example:
        >>> CountedMessage("Please choose at most {limit}.", by="limit").format(limit=3)
        'Please choose at most 3.'
    """

    __slots__ = ("by",)
    by: str

    def __new__(cls, message: str, *, by: str) -> "CountedMessage":
        """Return the message in English, which knows the placeholder."""
        counted = super().__new__(cls, message)
        counted.by = by
        return counted

    def format(self, *args: object, **values: Any) -> str:
        """Return the translation for the number, with the values in place of the placeholders.

        Args:
            *args: Values of placeholders without a name.
            **values: Values of placeholders by name.
        """
        text = str.__str__(self)
        return ngettext(text, text, values[self.by]).format(*args, **values)


class ErrorList(list[str]):
    """The messages of one field or form; renders as an HTML list in templates.

    It is callable, so that `{{ form.non_field_errors }}` and `{{ form.non_field_errors() }}` are
    the same.
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
    """Messages by field name; `__all__` has those of the whole form."""

    def add(self, name: str, messages: Iterable[str]) -> None:
        """Add messages to those of a field, each only once.

        Args:
            name: Name of the field, or `__all__`.
            messages: The messages to add.
        """
        present = self.setdefault(name, ErrorList())
        texts = (str(message) for message in messages)  # a lazy one in the language of now
        present.extend(text for text in texts if text not in present)

    def messages_of(self, name: str) -> ErrorList:
        """Return the messages of a field, or of the form for `__all__`; empty if there are none."""
        present = self.get(name)
        return present if isinstance(present, ErrorList) else ErrorList(present or ())

    def as_dict(self) -> dict[str, list[str]]:
        """Return a plain dictionary of lists, as `ValidationError` of `lback` takes it."""
        return {name: list(messages) for name, messages in self.items()}


def errors_by_field(error: Invalid | ValidationError, name: str) -> dict[str, list[str]]:
    """Return the messages of an error by field.

    Args:
        error: An error raised by a field, by `clean_<field>` or by `clean`.
        name: The field of messages that name none.
    """
    if isinstance(error, Invalid):
        return {name: error.messages}
    errors: Iterable[object] = error.errors
    if isinstance(errors, Mapping):
        return {str(field): _texts(messages) for field, messages in errors.items()}
    return {name: _texts(errors)}


def _texts(messages: Iterable[object]) -> list[str]:
    texts = [messages] if isinstance(messages, str) else messages
    return [str(message) for message in texts]
