"""Reads numbers, dates and times as the current language writes them."""

import re
import unicodedata
from datetime import date, datetime, time
from functools import lru_cache

from lback.i18n.babel import locale_of, require_babel
from lback.translation import current_translations, get_language

# Marks of direction, which copied text may have, and signs and spaces that look alike.
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c"))
_ALIKE = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2019": "'", "\u066b": ","})
_NUMBERS = re.compile(r"[0-9]+")
_CLOCK = re.compile(r"([0-9]{1,2})[:.h]([0-9]{2})(?:[:.]([0-9]{2}))?\s*(\D*)")
# Two digits of a year: 69 is 2069 and 70 is 1970, as in POSIX.
_CENTURY_ENDS = 70


def is_localized() -> bool:
    """Return True if the application has languages, whose numbers and dates are accepted."""
    return current_translations() is not None


def _ascii(text: str) -> str:
    """Return text with ASCII digits, without marks of direction and with usual spaces."""
    plain = text.translate(_MARKS).translate(_ALIKE).strip()
    if plain.isascii():
        return plain
    return "".join(
        str(unicodedata.decimal(char)) if unicodedata.decimal(char, None) is not None else char
        for char in plain
    )


@lru_cache(64)
def _number_pattern(code: str) -> tuple[re.Pattern[str], str]:
    require_babel("numbers of a language")
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = locale_of(code)
    decimal = get_decimal_symbol(locale).translate(_MARKS).translate(_ALIKE)
    group = re.escape(get_group_symbol(locale).translate(_MARKS).translate(_ALIKE))
    # Groups of two before the last one, as in India.
    whole = rf"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|[0-9]+"
    return re.compile(rf"([+-]?)({whole}|)(?:{re.escape(decimal)}([0-9]*))?"), decimal


def parse_number(text: str) -> str | None:
    """Return a number in digits and a point, or None if the text is not one.

    Args:
        text: The number as the current language writes it, with or without groups.

    Example:
        >>> from lback.i18n.parsing import parse_number
        >>> parse_number("1,234.50"), parse_number("12,34")
        ('1234.50', None)
    """
    pattern, _ = _number_pattern(get_language())
    found = pattern.fullmatch(_ascii(text))
    if found is None or not (found[2] or found[3]):
        return None
    whole = "".join(_NUMBERS.findall(found[2])) or "0"
    return f"{found[1]}{whole}{f'.{found[3]}' if found[3] else ''}"


@lru_cache(64)
def _date_order(code: str) -> str:
    require_babel("dates of a language")
    pattern = re.sub("'[^']*'", "", locale_of(code).date_formats["short"].pattern)
    letters = [letter for letter in pattern.replace("L", "M") if letter in "yMd"]
    return "".join(dict.fromkeys(letters))


def parse_date(text: str) -> date | None:
    """Return the date in a text, or None if it is not one.

    Args:
        text: Day, month and year in numbers, in the order of the current language.

    Example:
        >>> from lback.i18n.parsing import parse_date
        >>> parse_date("12/24/2026")
        datetime.date(2026, 12, 24)
    """
    plain = _ascii(text)
    numbers = _NUMBERS.findall(plain)
    if len(numbers) != 3 or re.search(r"[^0-9\s./,\-年月日]", plain):
        return None
    by_letter = dict(zip(_date_order(get_language()), numbers, strict=True))
    year = int(by_letter["y"])
    if len(by_letter["y"]) == 2:
        year += 1900 if year >= _CENTURY_ENDS else 2000
    elif len(by_letter["y"]) != 4:
        return None
    try:
        return date(year, int(by_letter["M"]), int(by_letter["d"]))
    except ValueError:
        return None


@lru_cache(64)
def _halves(code: str) -> dict[str, int]:
    """Return the words for the halves of the day, with the hours that they add to 12 o'clock."""
    require_babel("times of a language")
    periods = locale_of(code).day_periods
    words = {"am": 0, "a.m.": 0, "pm": 12, "p.m.": 12}
    for widths in periods.values():
        for names in widths.values():
            for half, hours in (("am", 0), ("pm", 12)):
                if half in names:
                    words[_ascii(names[half]).lower()] = hours
    return words


def parse_time(text: str) -> time | None:
    """Return the time of day in a text, or None if it is not one.

    Args:
        text: Hours, minutes and perhaps seconds, with or without the half of the day.

    Example:
        >>> from lback.i18n.parsing import parse_time
        >>> parse_time("6:30 PM"), parse_time("18:30")
        (datetime.time(18, 30), datetime.time(18, 30))
    """
    found = _CLOCK.fullmatch(_ascii(text))
    if found is None:
        return None
    hour, word = int(found[1]), found[4].strip().lower()
    if word:
        half = _halves(get_language()).get(word)
        if half is None or not 1 <= hour <= 12:
            return None
        hour = hour % 12 + half
    try:
        return time(hour, int(found[2]), int(found[3] or 0))
    except ValueError:
        return None


def parse_datetime(text: str) -> datetime | None:
    """Return the date with a time of day in a text, naive, or None if it is not one.

    Args:
        text: A date, then a time, as `parse_date` and `parse_time` read them.

    Example:
        >>> from lback.i18n.parsing import parse_datetime
        >>> parse_datetime("12/24/2026, 6:30 PM")
        datetime.datetime(2026, 12, 24, 18, 30)
    """
    plain = _ascii(text)
    numbers = list(_NUMBERS.finditer(plain))
    if len(numbers) < 5:
        return None
    end = numbers[2].end()
    day = parse_date(plain[:end])
    clock = parse_time(plain[end:].lstrip(" ,.،"))
    return None if day is None or clock is None else datetime.combine(day, clock)
