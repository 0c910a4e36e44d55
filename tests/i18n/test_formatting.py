"""Values that are missing, and numbers with many digits, as text."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lback import i18n
from lback.i18n import language


@pytest.mark.parametrize(
    "function",
    [
        i18n.format_date, i18n.format_datetime, i18n.format_time, i18n.format_relative,
        i18n.format_number, i18n.format_percent,
        lambda value: i18n.format_currency(value, "EUR"),
    ],
)  # fmt: skip
def test_no_value_is_no_text(function: Callable[[Any], str]) -> None:
    assert function(None) == "", "and in no case the present day"


def test_numbers_with_many_digits() -> None:
    number = 10**30 + 1
    with language("en"):
        assert i18n.format_number(number).replace(",", "") == str(number)
        assert i18n.format_number(Decimal(f"{number}.25")).endswith("001.25")
        assert i18n.format_percent(number).replace(",", "") == f"{number}00%"
        assert i18n.format_currency(number, "EUR").replace(",", "") == f"€{number}.00"
        assert i18n.format_number(float("inf")) == "∞"
        assert i18n.format_date(date(2026, 12, 24)) == "Dec 24, 2026"
