"""Controls that show and read numbers, dates and times as the current language writes them.

The controls of `lback.forms.widgets` leave that to the browser, whose language may be another one.
"""

from datetime import date, datetime, time
from typing import Any

from lback.forms.markup import Attributes
from lback.forms.widgets import Input, clock_text
from lback.i18n.parsing import is_localized


class _LocalizedInput(Input):
    """Base class of text controls; without languages they show what the usual controls do."""

    input_type = "text"
    is_localized = True

    def _attributes(self, name: str, attrs: Attributes) -> dict[str, object]:
        # HTML knows these for its own controls of numbers and dates alone.
        kept = {key: value for key, value in attrs.items() if key not in ("min", "max", "step")}
        return super()._attributes(name, kept)


class LocalizedNumberInput(_LocalizedInput):
    """A number such as 1.234,50 in German.

    Example:
        >>> from lback.forms import DecimalField, LocalizedNumberInput
        >>> field = DecimalField(widget=LocalizedNumberInput)
    """

    def format(self, value: Any) -> str:
        """Return a number as the current language writes it, or the submitted text."""
        if isinstance(value, (str, bool)) or value is None:
            return super().format(value)
        if is_localized():
            from lback.i18n.formatting import format_number  # it needs the extra

            return format_number(value)
        return f"{value:f}" if hasattr(value, "as_tuple") else str(value)


class LocalizedDateInput(_LocalizedInput):
    """A date such as 24.12.2026 in German."""

    def format(self, value: Any) -> str:
        """Return a date as the current language writes it, or the submitted text."""
        if not isinstance(value, date):
            return super().format(value)
        return _date_text(value) if is_localized() else value.isoformat()


class LocalizedTimeInput(_LocalizedInput):
    """A time of day such as 6:30 PM in English."""

    def format(self, value: Any) -> str:
        """Return a time as the current language writes it, or the submitted text."""
        if not isinstance(value, time):
            return super().format(value)
        return _time_text(value) if is_localized() else clock_text(value)


class LocalizedDateTimeInput(_LocalizedInput):
    """A date with a time of day such as 24.12.2026 18:30 in German."""

    def format(self, value: Any) -> str:
        """Return a date and a time as the current language writes them, or the submitted text."""
        if not isinstance(value, datetime):
            return super().format(value)
        if is_localized():
            return f"{_date_text(value)} {_time_text(value.time())}"
        return f"{value.date().isoformat()} {clock_text(value.time())}"


def _date_text(value: date) -> str:
    from lback.i18n.formatting import numeric_date  # it needs the extra

    return numeric_date(value)


def _time_text(value: time) -> str:
    from lback.i18n.formatting import format_time  # it needs the extra

    return format_time(value, "medium" if value.second else "short")
