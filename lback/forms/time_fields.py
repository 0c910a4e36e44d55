"""Fields for dates, times and durations."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar, Unpack

from lback.forms.field import Field, FieldOptions, Messages
from lback.forms.widgets import DateInput, DateTimeInput, TimeInput
from lback.i18n.parsing import is_localized, parse_date, parse_datetime, parse_time
from lback.time_zones import SkippedTimeError, current_zone, localtime, to_utc, zone_of
from lback.translation import gettext_lazy as _

# The zone of a field that reads and shows times in the zone of the project.
CURRENT = "current"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_TIME = re.compile(_CLOCK)
_MOMENT = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?"
)


class MomentOptions(FieldOptions, total=False):
    """Options that every field for dates and times takes; see `DateField`."""

    min_value: date | time | None
    max_value: date | time | None


class _BoundedField(Field):
    """Base class of dates and times with limits.

    Args:
        min_value: Earliest accepted value.
        max_value: Latest accepted value.
        **options: See `Field`.
    """

    messages: ClassVar[Messages] = {
        "min_value": _("Please choose {limit} or later."),
        "max_value": _("Please choose {limit} or earlier."),
    }

    def __init__(
        self,
        *,
        min_value: date | time | None = None,
        max_value: date | time | None = None,
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
            Invalid: The value is earlier or later than the limits.
        """
        entered = self._comparable(value)
        if self.min_value is not None and entered < self._comparable(self.min_value):
            raise self.invalid("min_value", limit=self._shown(self.min_value))
        if self.max_value is not None and entered > self._comparable(self.max_value):
            raise self.invalid("max_value", limit=self._shown(self.max_value))

    def _comparable(self, value: Any) -> Any:
        return value

    def _shown(self, value: object) -> str | None:
        return None if value is None else str(self.widget.format(self.prepare(value)))

    def attributes(self) -> dict[str, object]:
        """Return the attributes `min` and `max`."""
        return {"min": self._shown(self.min_value), "max": self._shown(self.max_value)}

    def iso(
        self, raw: object, pattern: re.Pattern[str], parse: Callable[[str], date | time | None]
    ) -> str:
        """Return ISO 8601 text.

        Args:
            raw: The submitted value.
            pattern: What the text must match.
            parse: Reads text as the current language writes it, in an application with languages.

        Raises:
            Invalid: It does not match.
        """
        text = self.token(raw)
        if not pattern.fullmatch(text) and is_localized():
            found = parse(text)
            text = "" if found is None else found.isoformat()
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
    messages: ClassVar[Messages] = {"invalid": _("Please write a date such as 2026-03-31.")}

    def to_python(self, raw: object) -> date:
        """Return the date.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a date in the form `YYYY-MM-DD`.
        """
        if isinstance(raw, date) and not isinstance(raw, datetime):
            return raw
        try:
            return date.fromisoformat(self.iso(raw, _DATE, parse_date))
        except ValueError:
            raise self.invalid("invalid") from None


class TimeField(_BoundedField):
    """A time of day, without a time zone."""

    widget_class = TimeInput
    messages: ClassVar[Messages] = {"invalid": _("Please write a time such as 14:30.")}

    def to_python(self, raw: object) -> time:
        """Return the time.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a time in the form `HH:MM[:SS]`.
        """
        if isinstance(raw, time):
            return raw
        try:
            return time.fromisoformat(_whole_fraction(self.iso(raw, _TIME, parse_time)))
        except ValueError:
            raise self.invalid("invalid") from None

    def attributes(self) -> dict[str, object]:
        """Return the limits, and a step that accepts seconds."""
        return {**super().attributes(), "step": "any"}


class DateTimeField(_BoundedField):
    """A date with a time: an aware datetime in UTC.

    Values without an offset are entered and shown in the time zone of the project. A time that
    does not exist, because the clocks go forward, is an error; of a time that occurs twice it is
    the first. If the text of the initial value is submitted again, the value is the initial one.

    Args:
        zone: Another time zone, also by its IANA name; `None` for times on a clock, which are not
            converted. "current" is the time zone of the project.
        naive: The value is naive, in UTC; for columns without a time zone.
        **options: `min_value`, `max_value`, and see `Field`. A limit without a time zone is one in
            that of the field, or in UTC with `naive`.

    Raises:
        ValueError: There is no zone of that name.
    """

    widget_class = DateTimeInput
    messages: ClassVar[Messages] = {
        "invalid": _("Please write a date and a time such as 2026-03-31 14:30."),
        "skipped": _("The clocks go forward at this time. Please choose another one."),
    }

    def __init__(
        self,
        *,
        zone: tzinfo | str | None = CURRENT,
        naive: bool = False,
        **options: Unpack[MomentOptions],
    ) -> None:
        super().__init__(**options)
        named = isinstance(zone, str) and zone != CURRENT
        self.zone = zone_of(str(zone)) if named else zone
        self.naive = naive

    def clean(self, raw: object, initial: object = None) -> Any:
        """Return the validated value of a submitted one; see `Field.clean`.

        Args:
            raw: The submitted value, as the widget reads it.
            initial: The value that the control showed at first.

        Raises:
            Invalid: The value breaks a rule.
        """
        if isinstance(initial, datetime) and raw == self.widget.format(self.prepare(initial)):
            # A text leaves out microseconds, and which of two equal times is meant.
            raw = initial if self.zone is None else self._comparable(initial)
        return super().clean(raw, initial)

    def to_python(self, raw: object) -> datetime:
        """Return the datetime; an offset in the text takes precedence over the time zone.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a date with a time, or the time is skipped in the time zone.
        """
        try:
            return self._in_utc(raw if isinstance(raw, datetime) else self._parsed(raw))
        except OverflowError:
            raise self.invalid("invalid") from None
        except SkippedTimeError:
            raise self.invalid("skipped") from None

    def _parsed(self, raw: object) -> datetime:
        try:
            return datetime.fromisoformat(_whole_fraction(self.iso(raw, _MOMENT, parse_datetime)))
        except ValueError:
            raise self.invalid("invalid") from None

    def _in_utc(self, value: datetime) -> datetime:
        if self.zone is None and value.tzinfo is None:
            return value
        moment = to_utc(value, self._zone)
        return moment.replace(tzinfo=None) if self.naive or self.zone is None else moment

    @property
    def _zone(self) -> tzinfo:
        zone = self.zone
        return zone if isinstance(zone, tzinfo) else current_zone()

    def _comparable(self, value: datetime) -> datetime:
        """Return a value or a limit as an aware datetime; as a naive one for times on a clock."""
        if self.zone is None:
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        if value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC if self.naive else self._zone)

    def prepare(self, value: object) -> Any:
        """Return the datetime in the time zone of the field."""
        if not isinstance(value, datetime) or self.zone is None:
            return value
        # In UTC if the zone has no such year: the first or last day that Python has.
        return localtime(self._comparable(value), self._zone).replace(tzinfo=None)

    def attributes(self) -> dict[str, object]:
        """Return the limits, and a step that accepts seconds."""
        return {**super().attributes(), "step": "any"}


class DurationField(Field):
    """A duration, written as `[days] hours:minutes[:seconds]`.

    Example:
        >>> str(DurationField().clean("1:30:00"))
        '1:30:00'
    """

    messages: ClassVar[Messages] = {
        "invalid": _("Please write a duration such as 1:30:00 or 2 12:00:00.")
    }
    _pattern = re.compile(
        r"(?:(-?[0-9]{1,9})(?:\s+|$))?"  # days, which end with a space: "10:00" is ten hours
        r"(?:([0-9]{1,9}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))?)?"
    )

    def to_python(self, raw: object) -> timedelta:
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

    def prepare(self, value: object) -> object:
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
