"""A field: the rule of one value, from what somebody entered to a value of Python."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

from lback.core.exceptions import ValidationError
from lback.forms.errors import Invalid, errors_by_field
from lback.forms.widgets import TextInput, Widget

Validator: TypeAlias = Callable[[Any], None]
Messages: TypeAlias = Mapping[str, str]

# A number, a date or a key that is longer than this is none, and is not looked at.
LONGEST_TOKEN = 1000


class Field:
    """One value of a form.

    Args:
        required: Whether something has to be entered.
        label: What it is called; `None` makes it from its name.
        help_text: A sentence below it.
        initial: What it shows at first, or a callable that gives it.
        widget: How it looks: a widget or a class of one.
        validators: Called with the value; each raises `Invalid` for one that breaks its rule.
        disabled: Shown, and whatever is sent for it is ignored.
        error_messages: Sentences in place of those of the class, by the same keys.

    Raises:
        TypeError: `error_messages` has a key that the field does not.
    """

    widget_class: ClassVar[type[Widget]] = TextInput
    empty_value: Any = None
    messages: ClassVar[Messages] = {"required": "Please fill this in."}

    def __init__(
        self,
        *,
        required: bool = True,
        label: str | None = None,
        help_text: str = "",
        initial: Any = None,
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
        found: dict[str, str] = {}
        for kind in reversed(cls.__mro__):
            found.update(vars(kind).get("messages", {}))
        return found

    def invalid(self, key: str, **values: Any) -> Invalid:
        """Return the error with one of the messages, its values filled in."""
        return Invalid(self.error_messages[key].format(**values))

    def is_empty(self, raw: Any) -> bool:
        """Tell whether nothing was entered."""
        return raw is None or (isinstance(raw, str) and not raw.strip())

    def clean(self, raw: Any, initial: Any = None) -> Any:
        """Return the value of what was entered.

        Args:
            raw: What the widget read.
            initial: What the field showed at first.

        Raises:
            Invalid: It breaks a rule; holds all that are broken.
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

    def clean_empty(self, initial: Any) -> Any:  # noqa: ARG002  files look at it
        """Return the value where nothing was entered.

        Raises:
            Invalid: Something has to be.
        """
        if self.required:
            raise self.invalid("required")
        return self.empty_value

    def to_python(self, raw: Any) -> Any:
        """Return what was entered as a value of Python.

        Raises:
            Invalid: It cannot be read as one.
        """
        return raw

    def check(self, value: Any) -> None:
        """Check a value against the rules of the field.

        Raises:
            Invalid: It breaks one.
        """

    def prepare(self, value: Any) -> Any:
        """Return a value as it is handed to the widget."""
        return value

    def attributes(self) -> dict[str, Any]:
        """Return the HTML attributes that say the same rules to a browser."""
        return {}

    def has_changed(self, initial: Any, raw: Any) -> bool:
        """Tell whether something else was entered than was shown.

        A value that a browser cannot show in full, such as a microsecond, has not changed as long
        as what it can show has not.
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

    def bind(self, session: Any) -> None:
        """Take the database session of the form; for fields that ask the database."""

    def token(self, raw: Any, key: str = "invalid") -> str:
        """Return short text without outer blanks.

        Raises:
            Invalid: It is no text, or a long one.
        """
        if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
            raise self.invalid(key)
        text = str(raw).strip()
        if len(text) > LONGEST_TOKEN:
            raise self.invalid(key)
        return text
