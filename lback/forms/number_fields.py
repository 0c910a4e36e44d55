"""Fields for numbers, and for yes and no."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias, Unpack

from lback.core.http.decimal_digits import digit_counts
from lback.forms.choice_widgets import Select
from lback.forms.errors import CountedMessage
from lback.forms.field import Field, FieldOptions, Messages, OptionalFieldOptions
from lback.forms.widgets import CheckboxInput, NumberInput, is_on
from lback.i18n.parsing import is_localized, parse_number
from lback.translation import gettext_lazy as _

_INTEGER = re.compile(r"[+-]?[0-9]+")
# Three digits of exponent: with more, the few characters of "1e999999999" are a billion digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")

Number: TypeAlias = int | float | Decimal


class NumberOptions(FieldOptions, total=False):
    """Options that every field for numbers takes; see `IntegerField`."""

    min_value: Number | None
    max_value: Number | None


class _NumberField(Field):
    """Base class of numbers with limits.

    Args:
        min_value: Smallest accepted value.
        max_value: Largest accepted value.
        **options: See `Field`.
    """

    widget_class = NumberInput
    messages: ClassVar[Messages] = {
        "invalid": _("Please write a number."),
        "min_value": _("Please write {limit} or more."),
        "max_value": _("Please write {limit} or less."),
    }

    def __init__(
        self,
        *,
        min_value: Number | None = None,
        max_value: Number | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(**options)
        self.min_value = min_value
        self.max_value = max_value

    def check(self, value: Any) -> None:
        """Validate the limits.

        Args:
            value: The converted value.

        Raises:
            Invalid: The value is below or above the limits.
        """
        if self.min_value is not None and value < self.min_value:
            raise self.invalid("min_value", limit=self.widget.format(self.min_value))
        if self.max_value is not None and value > self.max_value:
            raise self.invalid("max_value", limit=self.widget.format(self.max_value))

    def attributes(self) -> dict[str, object]:
        """Return the attributes `min`, `max` and `step`."""
        return {"min": self.min_value, "max": self.max_value, "step": "any"}

    def number(self, raw: object, pattern: re.Pattern[str]) -> str:
        """Return the text of a number, with a point before its decimals.

        In an application with languages, a number as the current language writes it is accepted
        too. With a `LocalizedNumberInput` it alone is, since "1.234" may be either.

        Args:
            raw: The submitted value.
            pattern: What the text must match.

        Raises:
            Invalid: It does not match.
        """
        text = self.token(raw)
        is_written = isinstance(raw, str) and is_localized()
        if is_written and (self.widget.is_localized or not pattern.fullmatch(text)):
            text = parse_number(text) or ""
        if not pattern.fullmatch(text):
            raise self.invalid("invalid")
        return text


class IntegerField(_NumberField):
    """A whole number.

    Example:
        >>> IntegerField(min_value=1).clean(" 42 ")
        42
    """

    messages: ClassVar[Messages] = {"invalid": _("Please write a whole number.")}

    def to_python(self, raw: object) -> int:
        """Return the number.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a whole number.
        """
        return int(self.number(raw, _INTEGER))

    def attributes(self) -> dict[str, object]:
        """Return the limits, and steps of one."""
        return {**super().attributes(), "step": 1, "inputmode": "numeric"}


class FloatField(_NumberField):
    """A floating-point number; use `DecimalField` for money."""

    def to_python(self, raw: object) -> float:
        """Return the number.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a finite number.
        """
        value = float(self.number(raw, _NUMBER))
        if not math.isfinite(value):
            raise self.invalid("invalid")
        return value


class DecimalField(_NumberField):
    """A decimal number, exactly as written.

    Args:
        max_digits: Maximum number of digits, including those after the point.
        decimal_places: Maximum number of digits after the point.
        **options: `min_value`, `max_value`, and see `Field`.

    Example:
        >>> DecimalField(max_digits=6, decimal_places=2).clean("19.90")
        Decimal('19.90')
    """

    messages: ClassVar[Messages] = {
        "digits": CountedMessage(
            "Please write at most {limit} digits before the point.", by="limit"
        ),
        "places": CountedMessage(
            "Please write at most {limit} digits after the point.", by="limit"
        ),
    }

    def __init__(
        self,
        *,
        max_digits: int | None = None,
        decimal_places: int | None = None,
        **options: Unpack[NumberOptions],
    ) -> None:
        super().__init__(**options)
        self.max_digits = max_digits
        self.decimal_places = decimal_places

    def to_python(self, raw: object) -> Decimal:
        """Return the number, with as many digits as were entered.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a finite number.
        """
        value = raw if isinstance(raw, Decimal) else Decimal(self.number(raw, _NUMBER))
        if not value.is_finite():
            raise self.invalid("invalid")
        return value

    def check(self, value: Decimal) -> None:
        """Validate limits and digits.

        Args:
            value: The converted value.

        Raises:
            Invalid: The value is outside the limits or has too many digits.
        """
        super().check(value)
        whole, places = digit_counts(value)
        if self.decimal_places is not None and places > self.decimal_places:
            raise self.invalid("places", limit=self.decimal_places)
        if self.max_digits is not None:
            limit = self.max_digits - (self.decimal_places or 0)
            if whole > limit or (self.decimal_places is None and whole + places > self.max_digits):
                raise self.invalid("digits", limit=limit)

    def attributes(self) -> dict[str, object]:
        """Return the limits and the step."""
        step = (
            "any" if self.decimal_places is None else f"{Decimal(1).scaleb(-self.decimal_places):f}"
        )
        return {**super().attributes(), "step": step, "inputmode": "decimal"}


class BooleanField(Field):
    """Yes or no; if it is required, it must be yes, as for terms that must be accepted."""

    widget_class = CheckboxInput
    empty_value = False
    messages: ClassVar[Messages] = {
        "required": _("Please tick this box to go on."),
        "invalid": _("Please answer with yes or no."),
    }

    def __init__(self, *, required: bool = False, **options: Unpack[OptionalFieldOptions]) -> None:
        super().__init__(required=required, **options)

    def is_empty(self, raw: object) -> bool:
        """Return True if the value means "no"."""
        return not is_on(raw)

    def to_python(self, raw: object) -> bool:
        """Return the value.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is a list or an object.
        """
        if isinstance(raw, (list, dict)):
            raise self.invalid("invalid")
        return is_on(raw)

    def has_changed(self, initial: object, raw: object) -> bool:
        """Return True if the value is another one than before.

        Args:
            initial: The value that the control showed.
            raw: The submitted value.
        """
        return is_on(initial) != is_on(raw)


class NullBooleanField(Field):
    """Yes, no or unknown."""

    widget_class = Select
    messages: ClassVar[Messages] = {"invalid": _("Please choose yes, no or unknown.")}
    answers: ClassVar[Mapping[str, bool | None]] = {"true": True, "false": False, "": None}

    def __init__(self, *, required: bool = False, **options: Unpack[OptionalFieldOptions]) -> None:
        super().__init__(required=required, **options)
        self.widget.choices = [  # type: ignore[attr-defined]
            ("", _("Unknown")),
            ("true", _("Yes")),
            ("false", _("No")),
        ]

    def to_python(self, raw: object) -> bool | None:
        """Return the value; `None` means unknown.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is none of the three.
        """
        if isinstance(raw, bool):
            return raw
        text = str(raw).strip().lower()
        if text not in self.answers:
            raise self.invalid("invalid")
        return self.answers[text]

    def prepare(self, value: object) -> str | None:
        """Return the value as the list has it."""
        return value if value is None or isinstance(value, str) else str(bool(value)).lower()
