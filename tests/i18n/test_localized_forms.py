"""Forms show and read numbers, dates and times as the current language writes them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from lback.forms import (
    DateField,
    DateTimeField,
    DecimalField,
    FloatField,
    IntegerField,
    LocalizedDateInput,
    LocalizedDateTimeInput,
    LocalizedNumberInput,
    LocalizedTimeInput,
    TimeField,
)
from lback.forms.errors import Invalid
from lback.i18n.parsing import parse_date, parse_datetime, parse_number, parse_time
from lback.time_zones import use_zone
from lback.translation import CURRENT, Translations

Speak = Callable[[str], AbstractContextManager[None]]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    token = CURRENT.set(Translations(code))
    try:
        yield
    finally:
        CURRENT.reset(token)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("de", "1.234,50", "1234.50"),
        ("de", "1234,5", "1234.5"),
        ("de", "-1.234.567", "-1234567"),
        ("de", "1.5", None),
        ("de", "1,234,5", None),
        ("fr", "1 234,50", "1234.50"),
        ("fr", "1\u202f234,50", "1234.50"),
        ("de-CH", "1'234.50", "1234.50"),
        ("de-CH", "1\u2019234.50", "1234.50"),
        ("en", "1,234.50", "1234.50"),
        ("hi", "12,34,567", "1234567"),
        ("ar", "\u0661\u0662\u0663", "123"),
        ("sv", "\u22125", "-5"),
        ("de", ",5", "0.5"),
        ("de", ",", None),
        ("de", "", None),
        ("de", "NaN", None),
    ],
)
def test_numbers_of_a_language(code: str, text: str, expected: str | None) -> None:
    with speaking(code):
        assert parse_number(text) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("de", "24.12.2026", date(2026, 12, 24)),
        ("de", "1.2.26", date(2026, 2, 1)),
        ("de", "1.2.99", date(1999, 2, 1)),
        ("de", "31.02.2026", None),
        ("de", "24.12.", None),
        ("de", "24.12.226", None),
        ("en", "12/24/2026", date(2026, 12, 24)),
        ("en", "24/12/2026", None),
        ("en-GB", "24/12/2026", date(2026, 12, 24)),
        ("zh", "2026/12/24", date(2026, 12, 24)),
        ("zh", "2026年12月24日", date(2026, 12, 24)),
        ("ar", "\u200f24/\u200f12/2026", date(2026, 12, 24)),
        ("ar", "\u0662\u0664/\u0661\u0662/\u0662\u0660\u0662\u0666", date(2026, 12, 24)),
        ("de", "24 Dez 2026 x", None),
    ],
)
def test_dates_of_a_language(code: str, text: str, expected: date | None) -> None:
    with speaking(code):
        assert parse_date(text) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("de", "18:30", time(18, 30)),
        ("en", "6:30 PM", time(18, 30)),
        ("en", "12:30 a.m.", time(0, 30)),
        ("en", "18:30 PM", None),
        ("fr", "18h30", time(18, 30)),
        ("de", "18:30:15", time(18, 30, 15)),
        ("ar", "6:30 م", time(18, 30)),
        ("de", "25:00", None),
        ("de", "18:30 später", None),
    ],
)
def test_times_of_a_language(code: str, text: str, expected: time | None) -> None:
    with speaking(code):
        assert parse_time(text) == expected


def test_a_date_with_a_time() -> None:
    with speaking("de"):
        assert parse_datetime("24.12.2026, 18:30") == datetime(2026, 12, 24, 18, 30)  # noqa: DTZ001
        assert parse_datetime("24.12.2026 25:00") is None
        assert parse_datetime("24.12.2026") is None


def test_fields_accept_what_the_language_writes() -> None:
    with speaking("de"), use_zone("Europe/Berlin"):
        assert DecimalField().clean("1.234,50") == Decimal("1234.50")
        assert FloatField().clean("0,5") == 0.5
        assert IntegerField().clean("1.234") == 1234
        assert DateField().clean("24.12.2026") == date(2026, 12, 24)
        assert TimeField().clean("8:05") == time(8, 5)
        moment = datetime(2026, 12, 24, 17, 30, tzinfo=UTC)
        assert DateTimeField().clean("24.12.2026 18:30") == moment


def test_what_browsers_send_for_their_own_controls_stays() -> None:
    with speaking("de"):
        assert DecimalField().clean("1.234") == Decimal("1.234")
        assert DateField().clean("2026-12-24") == date(2026, 12, 24)
        assert DecimalField().clean(19.9) == Decimal("19.9")


def test_a_localized_control_reads_the_language_alone() -> None:
    field = DecimalField(widget=LocalizedNumberInput)
    with speaking("de"):
        assert field.clean("1.234") == Decimal("1234")
        assert field.clean(1.5) == Decimal("1.5")
        with pytest.raises(Invalid):
            field.clean("1.5")


def test_without_languages_the_usual_form_alone_is_accepted() -> None:
    field = DecimalField(widget=LocalizedNumberInput)
    assert field.clean("1.5") == Decimal("1.5")
    assert field.widget.format(Decimal("1234.50")) == "1234.50"
    for text in ("1,234.50", "1.234,50"):
        with pytest.raises(Invalid):
            field.clean(text)
    with pytest.raises(Invalid):
        DateField().clean("24.12.2026")


CASES: list[tuple[Any, Any, str, str]] = [
    (DecimalField(widget=LocalizedNumberInput), Decimal("1234.50"), "1.234,50", "1,234.50"),
    (IntegerField(widget=LocalizedNumberInput), 1234, "1.234", "1,234"),
    (DateField(widget=LocalizedDateInput), date(2026, 2, 1), "01.02.2026", "2/1/2026"),
    (TimeField(widget=LocalizedTimeInput), time(18, 30), "18:30", "6:30\u202fPM"),
    (
        DateTimeField(widget=LocalizedDateTimeInput),
        datetime(2026, 2, 1, 18, 30, tzinfo=UTC),
        "01.02.2026 18:30",
        "2/1/2026 6:30\u202fPM",
    ),
]


@pytest.mark.parametrize(("field", "value", "german", "english"), CASES)
def test_what_a_control_shows_is_read_again(
    field: Any, value: Any, german: str, english: str
) -> None:
    for code, text in (("de", german), ("en", english)):
        with speaking(code):
            assert field.widget.format(field.prepare(value)) == text
            assert field.clean(text, value) == value
            assert not field.has_changed(value, text)


@pytest.mark.parametrize("code", ["de", "fr", "es", "ar", "zh", "en", "hi", "sv", "pt-BR", "de-CH"])
@pytest.mark.parametrize(("field", "value", "german", "english"), CASES)
def test_each_language_reads_what_it_shows(
    field: Any, value: Any, german: str, english: str, code: str
) -> None:
    with speaking(code):
        assert field.clean(field.widget.format(field.prepare(value))) == value


def test_a_localized_control_has_no_limits_of_html() -> None:
    field = DecimalField(widget=LocalizedNumberInput, min_value=1, decimal_places=2)
    with speaking("de"):
        html = str(field.widget.render("price", Decimal("1234.5"), field.attributes()))
        with pytest.raises(Invalid, match="1"):
            field.clean("0")
    assert 'type="text"' in html
    assert 'value="1.234,5"' in html
    assert 'inputmode="decimal"' in html
    assert "step" not in html
    assert "min=" not in html
