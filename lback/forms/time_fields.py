"""Fields for dates, times and durations."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar

from lback.forms.field import Field, Messages
from lback.forms.widgets import DateInput, DateTimeInput, TimeInput

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_TIME = re.compile(_CLOCK)
_MOMENT = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?"
)


class _BoundedField(Field):
    """Base class of dates and times with limits.

    Args:
        min_value: Earliest accepted value.
        max_value: Latest accepted value.
        **options: See `Field`.
    """

    messages: ClassVar[Messages] = {
        "min_value": "Please choose {limit} or later.",
        "max_value": "Please choose {limit} or earlier.",
    }

    def __init__(self, *, min_value: Any = None, max_value: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.min_value = min_value
        self.max_value = max_value

    def check(self, value: Any) -> None:
        """Validate the limits.

        Args:
            value: The converted value.

        Raises:
            Invalid: The value is earlier or later than the limits.
        """
        if self.min_value is not None and value < self.min_value:
            raise self.invalid("min_value", limit=self._shown(self.min_value))
        if self.max_value is not None and value > self.max_value:
            raise self.invalid("max_value", limit=self._shown(self.max_value))

    def _shown(self, value: Any) -> str | None:
        return None if value is None else str(self.widget.format(self.prepare(value)))

    def attributes(self) -> dict[str, Any]:
        """Return the attributes `min` and `max`."""
        return {"min": self._shown(self.min_value), "max": self._shown(self.max_value)}

    def iso(self, raw: Any, pattern: re.Pattern[str]) -> str:
        """Return ISO 8601 text.

        Args:
            raw: The submitted value.
            pattern: What the text must match.

        Raises:
            Invalid: It does not match.
        """
        text = self.token(raw)
        if not pattern.fullmatch(text):
            raise self.invalid("invalid")
        return text


class DateField(_BoundedField):
    """A date.

    Example:
        >>> DateField().clean("2026-03-31")
        datetime.date(2026, 3, 31)
    """

    widget_class = DateInput
    messages: ClassVar[Messages] = {"invalid": "Please write a date such as 2026-03-31."}

    def to_python(self, raw: Any) -> Any:
        """Return the date.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a date in the form `YYYY-MM-DD`.
        """
        if isinstance(raw, date) and not isinstance(raw, datetime):
            return raw
        try:
            return date.fromisoformat(self.iso(raw, _DATE))
        except ValueError:
            raise self.invalid("invalid") from None


class TimeField(_BoundedField):
    """A time of day, without a time zone."""

    widget_class = TimeInput
    messages: ClassVar[Messages] = {"invalid": "Please write a time such as 14:30."}

    def to_python(self, raw: Any) -> Any:
        """Return the time.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a time in the form `HH:MM[:SS]`.
        """
        if isinstance(raw, time):
            return raw
        try:
            return time.fromisoformat(_whole_fraction(self.iso(raw, _TIME)))
        except ValueError:
            raise self.invalid("invalid") from None

    def attributes(self) -> dict[str, Any]:
        """Return the limits, and a step that accepts seconds."""
        return {**super().attributes(), "step": "any"}


class DateTimeField(_BoundedField):
    """A date with a time: an aware datetime in UTC.

    Args:
        zone: Time zone in which values without an offset are entered and shown; `None` for a column
            of naive datetimes.
        **options: `min_value`, `max_value`, and see `Field`.
    """

    widget_class = DateTimeInput
    messages: ClassVar[Messages] = {
        "invalid": "Please write a date and a time such as 2026-03-31 14:30.",
        "skipped": "The clocks go forward at this time. Please choose another one.",
    }

    def __init__(self, *, zone: tzinfo | None = UTC, **options: Any) -> None:
        super().__init__(**options)
        self.zone = zone

    def to_python(self, raw: Any) -> Any:
        """Return the datetime; an offset in the text takes precedence over the time zone.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a date with a time, or the time is skipped in the time zone.
        """
        value = raw
        if not isinstance(raw, datetime):
            try:
                value = datetime.fromisoformat(_whole_fraction(self.iso(raw, _MOMENT)))
            except ValueError:
                raise self.invalid("invalid") from None
        try:
            return self._in_zone(value)
        except OverflowError:
            raise self.invalid("invalid") from None

    def _in_zone(self, value: datetime) -> datetime:
        if self.zone is None:
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        moment = value.replace(tzinfo=self.zone).astimezone(UTC)
        if moment.astimezone(self.zone).replace(tzinfo=None, fold=0) != value:
            raise self.invalid("skipped")
        return moment

    def prepare(self, value: Any) -> Any:
        """Return the datetime in the time zone of the field."""
        if not isinstance(value, datetime) or value.tzinfo is None or self.zone is None:
            return value
        try:
            return value.astimezone(self.zone).replace(tzinfo=None)
        except OverflowError:  # the first or last day that Python has
            return value

    def attributes(self) -> dict[str, Any]:
        """Return the limits, and a step that accepts seconds."""
        return {**super().attributes(), "step": "any"}


class DurationField(Field):
    """A duration, written as `[days] hours:minutes[:seconds]`.

    Example:
        >>> str(DurationField().clean("1:30:00"))
        '1:30:00'
    """

    messages: ClassVar[Messages] = {
        "invalid": "Please write a duration such as 1:30:00 or 2 12:00:00."
    }
    _pattern = re.compile(
        r"(?:(-?[0-9]{1,9})(?:\s+|$))?"  # days, which end with a space: "10:00" is ten hours
        r"(?:([0-9]{1,9}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))?)?"
    )

    def to_python(self, raw: Any) -> Any:
        """Return the duration.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a duration.
        """
        if isinstance(raw, timedelta):
            return raw
        found = self._pattern.fullmatch(self.token(raw))
        if found is None:
            raise self.invalid("invalid")
        days, hours, minutes, seconds = found.groups()
        try:
            return timedelta(
                days=int(days or 0),
                hours=int(hours or 0),
                minutes=int(minutes or 0),
                seconds=int((seconds or "0").partition(".")[0]),
                microseconds=int((seconds or "0").partition(".")[2].ljust(6, "0")),
            )
        except OverflowError:
            raise self.invalid("invalid") from None

    def prepare(self, value: Any) -> Any:
        """Return the duration as it is written."""
        if not isinstance(value, timedelta):
            return value
        minutes, seconds = divmod(value.seconds, 60)
        fraction = f".{value.microseconds:06}" if value.microseconds else ""
        days = f"{value.days} " if value.days else ""
        return f"{days}{minutes // 60}:{minutes % 60:02}:{seconds:02}{fraction}"


def _whole_fraction(text: str) -> str:
    # Python 3.11 reads any number of digits, but of the second's fraction 3 or 6 only before it.
    head, point, rest = text.partition(".")
    if not point:
        return text
    digits = re.match(r"[0-9]*", rest)
    count = digits.end() if digits else 0
    return f"{head}.{rest[:count].ljust(6, '0')}{rest[count:]}"
