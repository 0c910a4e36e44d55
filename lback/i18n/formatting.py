"""Dates, times, numbers, currencies and lists as the current language writes them."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Literal

from lback.i18n.babel import current_locale, locale_of, require_babel
from lback.time_zones import current_zone, localtime
from lback.translation import get_language

require_babel("lback.i18n.format_…")

from babel import dates, lists, numbers  # noqa: E402  after the message of `require_babel`

Length = Literal["short", "medium", "long", "full"]
Number = int | float | Decimal
# Digits that patterns may add, such as zeros after the point and those of a percentage.
_SPARE_DIGITS = 40
_MOST_DIGITS = 1000


def format_date(value: date | datetime | None, format: str = "medium") -> str:  # noqa: A002  as in Babel
    """Return a date as text.

    Args:
        value: A date, or a datetime, of which the day in the current time zone counts. A naive
            datetime counts as UTC. None, such as of an empty column, is "".
        format: "short", "medium", "long" or "full"; a skeleton such as "yMMMd", whose order the
            language decides; or a pattern of CLDR such as "EEE, d. MMM y".

    Example:
        >>> format_date(date(2026, 12, 24))
        'Dec 24, 2026'
        >>> format_date(date(2026, 12, 24), "MMMMd")
        'December 24'
    """
    if value is None:
        return ""  # Babel would take today
    if isinstance(value, datetime):
        value = localtime(value).date()
    locale = current_locale()
    if format in locale.datetime_skeletons:
        return dates.format_skeleton(format, value, locale=locale)
    return dates.format_date(value, format, locale=locale)


def numeric_date(value: date) -> str:
    """Return a date in numbers with four digits of the year, as `parse_date` reads it.

    Args:
        value: The date; of a datetime its own day.

    Example:
        >>> from lback.i18n.formatting import numeric_date
        >>> numeric_date(date(2026, 12, 24))
        '12/24/2026'
    """
    locale = current_locale()
    pattern = re.sub("y+", "y", locale.date_formats["short"].pattern)
    return dates.format_date(value, pattern, locale=locale)


def format_datetime(value: datetime | None, format: str = "medium") -> str:  # noqa: A002  as in Babel
    r"""Return a datetime in the current time zone as text.

    Args:
        value: An aware datetime, or a naive one, which counts as UTC. None is "".
        format: As for `format_date`.

    Example:
        >>> format_datetime(datetime(2026, 12, 24, 18, 30, tzinfo=UTC), "short")
        '12/24/26, 6:30\u202fPM'
    """
    if value is None:
        return ""
    local, locale = localtime(value), current_locale()
    zone = local.tzinfo
    if format in locale.datetime_skeletons:
        return dates.format_skeleton(format, local, tzinfo=zone, locale=locale)
    return dates.format_datetime(local, format, tzinfo=zone, locale=locale)


def format_time(value: datetime | time | None, format: str = "short") -> str:  # noqa: A002  as in Babel
    r"""Return a time of day as text.

    Args:
        value: A datetime, shown in the current time zone, or a time, shown as it is. None is "".
        format: "short", "medium", "long" or "full", or a pattern of CLDR such as "HH:mm".

    Example:
        >>> format_time(time(18, 30))
        '6:30\u202fPM'
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        local = localtime(value)
        return dates.format_time(local, format, tzinfo=local.tzinfo, locale=current_locale())
    shown = datetime.combine(date(2000, 1, 1), value.replace(tzinfo=None), UTC)
    return dates.format_time(shown, format, tzinfo=UTC, locale=current_locale())


def format_relative(
    value: datetime | timedelta | None, *, now: datetime | None = None, style: str = "long"
) -> str:
    """Return how long ago or ahead something is, such as "3 hours ago".

    Args:
        value: A datetime, or the difference from now; a negative one is in the past. None is "".
        now: The moment to compare with; None means now.
        style: "long", "short" or "narrow".

    Example:
        >>> format_relative(timedelta(hours=-3))
        '3 hours ago'
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        now = now or datetime.now(UTC)
        value = localtime(value, UTC) - localtime(now, UTC)
    return dates.format_timedelta(
        value,
        add_direction=True,
        format=style,  # type: ignore[arg-type]  # checked by Babel
        locale=current_locale(),
    )


def format_number(value: Number | None, format: str | None = None) -> str:  # noqa: A002  as in Babel
    """Return a number as text, with the digits after the point that it has.

    Args:
        value: The number; a float is written with the digits that `repr` shows. None is "".
        format: A pattern of CLDR such as "#,##0.00"; None means that of the language.

    Example:
        >>> format_number(Decimal("1234.50"))
        '1,234.50'
    """
    if value is None:
        return ""
    # Of a float, its shortest text; a Decimal keeps its zeros.
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    locale = current_locale()
    if format is None and isinstance(exact, Decimal) and exact.is_finite():
        places = max(0, -int(exact.as_tuple().exponent))
        whole = locale.decimal_formats[None].pattern.partition(";")[0].partition(".")[0]
        format = f"{whole}.{'0' * places}" if places else whole  # noqa: A001  as in Babel
    with localcontext(prec=_digits(exact)):
        return numbers.format_decimal(exact, format, locale=locale)


def format_percent(value: Number | None, format: str | None = None) -> str:  # noqa: A002  as in Babel
    """Return a share as a percentage.

    Args:
        value: The share; 1 is 100 %. None is "".
        format: A pattern of CLDR such as "#,##0.0%"; None means that of the language.

    Example:
        >>> format_percent(0.42)
        '42%'
    """
    if value is None:
        return ""
    with localcontext(prec=_digits(value)):
        return numbers.format_percent(value, format, locale=current_locale())


def format_currency(
    value: Number | None,
    currency: str,
    format: str | None = None,  # noqa: A002  as in Babel
) -> str:
    """Return an amount of money as text, with the digits that the currency has.

    Args:
        value: The amount; None is "".
        currency: Code of the currency, such as "EUR" (ISO 4217).
        format: A pattern of CLDR; None means that of the language.

    Example:
        >>> format_currency(Decimal("1234.5"), "EUR")
        '€1,234.50'
    """
    if value is None:
        return ""
    with localcontext(prec=_digits(value)):
        return numbers.format_currency(value, currency, format, locale=current_locale())


def _digits(value: Number) -> int:
    """Return a precision with which Babel can round a number of more than 28 digits."""
    exact = Decimal(value)
    return min(len(exact.as_tuple().digits) + abs(exact.adjusted()), _MOST_DIGITS) + _SPARE_DIGITS


def format_list(items: Iterable[object], style: str = "standard") -> str:
    """Return items as a list in a sentence, such as "bread, milk, and eggs".

    Args:
        items: The items; `str` makes text of each.
        style: "standard" (and), "or", "unit", and each of them with "-short".

    Example:
        >>> format_list(["bread", "milk", "eggs"])
        'bread, milk, and eggs'
    """
    texts = [str(item) for item in items]
    return lists.format_list(texts, style, locale=current_locale())  # type: ignore[arg-type]


def language_name(code: str, in_language: str = "") -> str:
    """Return the name of a language.

    Args:
        code: Tag of the language, such as "de".
        in_language: Tag of the language of the name; empty means the language itself.

    Example:
        >>> language_name("de"), language_name("de", "en")
        ('Deutsch', 'German')
    """
    locale = locale_of(code)
    name = locale.get_display_name(locale_of(in_language or code)) or code
    return name[:1].upper() + name[1:]


def zone_name() -> str:
    """Return the name of the current time zone in the current language."""
    return dates.get_timezone_name(current_zone(), locale=locale_of(get_language()))
