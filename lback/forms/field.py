"""Form fields: convert and validate one submitted value."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypedDict

from lback.core.exceptions import ValidationError
from lback.forms.errors import Invalid, errors_by_field
from lback.forms.widgets import TextInput, Widget
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Validator: TypeAlias = Callable[[Any], None]
Messages: TypeAlias = Mapping[str, str]

# Longer text cannot be a number, a date or a key, and is not parsed.
LONGEST_TOKEN = 1000


class OptionalFieldOptions(TypedDict, total=False):
    """Options of `Field` except `required`, for fields with a default of their own for it."""

    label: str | None
    help_text: str
    initial: object
    widget: Widget | type[Widget] | None
    validators: Iterable[Validator]
    disabled: bool
    error_messages: Mapping[str, str] | None


class FieldOptions(OptionalFieldOptions, total=False):
    """Options that every field takes; see `Field`."""

    required: bool


class Field:
    """A field of a form; the base class of all fields.

    Args:
        required: Whether a value must be entered.
        label: Label of the control; `None` makes one from the name of the field.
        help_text: Explanation below the control.
        initial: Value that the control shows at first, or a callable that returns it.
        widget: Widget that renders the control, or its class.
        validators: Functions called with the converted value; each raises `Invalid` if it breaks a
            rule.
        disabled: Show the control, but ignore what is submitted for it.
        error_messages: Messages that replace those of the class, by the same keys.

    Raises:
        TypeError: `error_messages` has a key that the field does not have.
    """

    widget_class: ClassVar[type[Widget]] = TextInput
    empty_value: Any = None
    messages: ClassVar[Messages] = {"required": _("Please fill this in.")}

    def __init__(
        self,
        *,
        required: bool = True,
        label: str | None = None,
        help_text: str = "",
        initial: object = None,
        widget: Widget | type[Widget] | None = None,
        validators: Iterable[Validator] = (),
        disabled: bool = False,
        error_messages: Mapping[str, str] | None = None,
    ) -> None:
        self.required = required
        self.label = label
        self.help_text = help_text
        self.initial = initial
        chosen = widget or self.widget_class
        self.widget = chosen() if isinstance(chosen, type) else chosen
        self.validators = list(validators)
        self.disabled = disabled
        self.error_messages = {**self._all_messages(), **(error_messages or {})}
        unknown = self.error_messages.keys() - self._all_messages().keys()
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no message {', '.join(map(repr, sorted(unknown)))}; "
                f"it has {', '.join(sorted(self._all_messages()))}"
            )

    @classmethod
    def _all_messages(cls) -> dict[str, str]:
        messages: dict[str, str] = {}
        for kind in reversed(cls.__mro__):
            messages.update(vars(kind).get("messages", {}))
        return messages

    def invalid(self, key: str, **values: object) -> Invalid:
        """Return an error with one of the messages of the field.

        Args:
            key: Key of the message, such as `"required"`.
            **values: Values for the placeholders of the message.
        """
        return Invalid(self.error_messages[key].format(**values))

    def is_empty(self, raw: object) -> bool:
        """Return True if nothing was entered."""
        return raw is None or (isinstance(raw, str) and not raw.strip())

    def clean(self, raw: object, initial: object = None) -> Any:
        """Return the validated value of a submitted one.

        Args:
            raw: The submitted value, as the widget reads it.
            initial: The value that the control showed at first.

        Returns:
            The converted value.

        Raises:
            Invalid: The value breaks a rule; it has the messages of all validators that reject it.

        Example:
            >>> Field(required=False).clean("hello")
            'hello'
        """
        if self.is_empty(raw):
            return self.clean_empty(initial)
        value = self.to_python(raw)
        self.check(value)
        broken: list[str] = []
        for validator in self.validators:
            try:
                validator(value)
            except (Invalid, ValidationError) as error:
                for messages in errors_by_field(error, "").values():
                    broken.extend(messages)
        if broken:
            raise Invalid(*broken)
        return value

    def clean_empty(self, initial: object) -> Any:  # noqa: ARG002  file fields use it
        """Return the value of a field for which nothing was entered.

        Args:
            initial: The value that the control showed at first; only file fields use it.

        Raises:
            Invalid: The field is required.
        """
        if self.required:
            raise self.invalid("required")
        return self.empty_value

    def to_python(self, raw: Any) -> Any:
        """Return the submitted value, converted to its Python type.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It cannot be converted.
        """
        return raw

    def check(self, value: Any) -> None:
        """Validate a converted value against the rules of the field.

        Args:
            value: The converted value.

        Raises:
            Invalid: It breaks a rule.
        """

    def prepare(self, value: Any) -> Any:
        """Return a value as the widget takes it."""
        return value

    def attributes(self) -> dict[str, Any]:
        """Return HTML attributes by which a browser checks the same rules."""
        return {}

    def has_changed(self, initial: object, raw: object) -> bool:
        """Return True if another value was submitted than the control showed.

        Precision that a browser cannot show, such as microseconds, does not count.

        Args:
            initial: The value that the control showed at first.
            raw: The submitted value.
        """
        shown = self.widget.format(self.prepare(initial))
        entered = "" if raw is None else raw
        if shown == entered:
            return False
        if self.is_empty(entered) or self.is_empty(shown):
            return self.is_empty(entered) != self.is_empty(shown)
        try:
            return bool(self.to_python(entered) != initial)
        except Invalid:
            return True

    def bind(self, session: "Session | None") -> None:
        """Receive the database session of the form, for fields that query it.

        Args:
            session: The session, or `None`.
        """

    def token(self, raw: object, key: str = "invalid") -> str:
        """Return short text, stripped, such as a number, a date or a key.

        Args:
            raw: The submitted value.
            key: Key of the message for values that are not short text.

        Raises:
            Invalid: It is not text or a number, or it is longer than 1000 characters.
        """
        if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
            raise self.invalid(key)
        text = str(raw).strip()
        if len(text) > LONGEST_TOKEN:
            raise self.invalid(key)
        return text
