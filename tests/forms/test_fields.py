"""What is entered becomes a value of Python, or a sentence that says what is wrong with it."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import ValidationError
from lback.core.http.multidict import MultiDict
from lback.core.response import json_encode
from lback.forms import (
    BooleanField,
    CharField,
    ChoiceField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    EmailField,
    Field,
    FloatField,
    Form,
    IntegerField,
    Invalid,
    JSONField,
    MultipleChoiceField,
    NullBooleanField,
    PasswordInput,
    SlugField,
    TextField,
    TimeField,
    URLField,
    UUIDField,
)
from lback.mail import Mail
from tests.growth import assert_linear

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
MILLISECONDS = st.integers(0, 999).map(lambda n: n * 1000)


class Size(Enum):
    SMALL = "s"
    VERY_LARGE = "xl"


def shown(field: Field, value: Any) -> Any:
    """Return what a browser would send back of a value, untouched."""
    return field.widget.format(field.prepare(value))


def refusal(field: Field, raw: Any) -> str:
    with pytest.raises(Invalid) as raised:
        field.clean(raw)
    return str(raised.value)


def assert_round_trip(field: Field, value: Any) -> None:
    raw = shown(field, value)
    assert field.clean(raw) == value
    assert not field.has_changed(value, raw)


# A value that is shown and sent back is the same value, whatever it is.


@given(TEXT.filter(lambda text: "\r" not in text))
def test_text_comes_back(text: str) -> None:
    assert_round_trip(TextField(strip=False, required=False), text)


@given(TEXT)
def test_text_that_browsers_send_with_carriage_returns_has_not_changed(text: str) -> None:
    sent = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    assert not TextField().has_changed(text, sent)


@given(st.integers())
def test_integers_come_back(number: int) -> None:
    assert_round_trip(IntegerField(), number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(
    lambda d: len(f"{d:f}") < 900))  # fmt: skip
def test_decimals_come_back(number: Decimal) -> None:
    assert_round_trip(DecimalField(), number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back(number: float) -> None:
    assert_round_trip(FloatField(), number)


@given(st.dates())
def test_dates_come_back(day: date) -> None:
    assert_round_trip(DateField(), day)


@given(st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), MILLISECONDS))
def test_times_come_back(value: time) -> None:
    assert_round_trip(TimeField(), value)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  given a zone below
    MILLISECONDS,
    st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))]),
)
def test_moments_come_back(value: datetime, fraction: int, zone: timezone) -> None:
    moment = value.replace(microsecond=fraction, tzinfo=UTC)
    assert_round_trip(DateTimeField(zone=zone), moment)


@given(st.datetimes())
def test_a_fraction_that_a_browser_cannot_show_has_not_changed(value: datetime) -> None:
    field = DateTimeField()
    moment = value.replace(tzinfo=UTC)
    assert not field.has_changed(moment, shown(field, moment))


@given(st.timedeltas(timedelta(days=-9999), timedelta(days=9999)))
def test_durations_come_back(value: timedelta) -> None:
    assert_round_trip(DurationField(), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:00:00", timedelta(hours=10)),
        ("1 0:00:00", timedelta(days=1)),
        ("100:30", timedelta(hours=100, minutes=30)),
        ("12 10:00", timedelta(days=12, hours=10)),
        ("-1 23:00:00", timedelta(hours=-1)),
        ("7", timedelta(days=7)),
    ],
)
def test_days_of_a_duration_end_with_a_space(text: str, value: timedelta) -> None:
    assert DurationField().clean(text) == value


@given(st.uuids())
def test_uuids_come_back(value: UUID) -> None:
    assert_round_trip(UUIDField(), value)


@given(JSON.filter(lambda value: value is not None))
def test_json_comes_back(value: Any) -> None:
    assert_round_trip(JSONField(), value)


@given(st.sampled_from(Size))
def test_members_of_an_enumeration_come_back(value: Size) -> None:
    assert_round_trip(ChoiceField(Size), value)


@given(st.sampled_from([True, False, None]))
def test_unknown_is_an_answer(value: bool | None) -> None:
    assert_round_trip(NullBooleanField(), value)


# Whatever is entered is a value or a sentence, never another error.

EVERY_FIELD = [
    CharField(min_length=2, max_length=5), EmailField(), SlugField(), URLField(), UUIDField(),
    JSONField(), IntegerField(min_value=-5, max_value=5), FloatField(),
    DecimalField(max_digits=4, decimal_places=2), BooleanField(required=True), NullBooleanField(),
    DateField(), TimeField(), DateTimeField(), DateTimeField(zone=None), DurationField(),
    DateTimeField(zone=ZoneInfo("Europe/Berlin")),
    ChoiceField(Size), MultipleChoiceField([("a", "A"), (2, "Two")]),
]  # fmt: skip


@pytest.mark.parametrize("field", EVERY_FIELD, ids=lambda field: type(field).__name__)
@given(raw=st.text() | st.text("0123456789-+:.eET ") | JSON | st.binary())
def test_nothing_that_is_entered_is_an_error_of_ours(field: Field, raw: Any) -> None:
    field.has_changed(None, raw)
    try:
        field.clean(raw)
    except Invalid as error:
        assert error.messages
        assert all(message.endswith(".") for message in error.messages)


@pytest.mark.parametrize("field", EVERY_FIELD, ids=lambda field: type(field).__name__)
@pytest.mark.parametrize(
    "hostile",
    ["9" * 400_000, "-" * 400_000, "1e" + "9" * 400_000, "[" * 400_000, "a@" + "a." * 200_000,
     "http://" + "a" * 400_000, " " * 400_000 + "x", "\\" * 400_000, "9" * 5000],
    ids=lambda text: text[:3],
)  # fmt: skip
def test_long_text_is_cleaned_in_linear_time(field: Field, hostile: str) -> None:
    def clean(text: str) -> None:
        with suppress(Invalid):
            field.clean(text)

    assert_linear(clean, hostile)


# One by one.


def test_text_has_a_length() -> None:
    field = CharField(min_length=2, max_length=3)
    assert field.clean(" äöü ") == "äöü"
    assert refusal(field, "a") == "Please write at least 2 characters; you wrote 1."
    assert refusal(field, "abcd") == "Please write at most 3 characters; you wrote 4."
    assert refusal(field, "   ") == "Please fill this in."
    assert CharField(strip=False).clean("  ") == "  "
    assert CharField(required=False).clean(None) == ""
    assert CharField(required=False, empty_value=None).clean(" ") is None


@pytest.mark.parametrize("raw", ["a\0b", "\ud800", "x\udfff"])
def test_what_no_database_keeps_is_refused(raw: str) -> None:
    assert (
        refusal(CharField(), raw)
        == "This contains characters that cannot be stored. Please remove them."
    )
    assert refusal(JSONField(), json.dumps([{"a": raw}])).startswith("This contains characters")
    assert refusal(JSONField(), json.dumps({raw: 1})).startswith("This contains characters")


@pytest.mark.parametrize(
    "address", ["ada@example.org", "a.b+c@sub.example.co", "ada@bücher.example", "x@y.z"]
)
def test_addresses(address: str) -> None:
    assert EmailField().clean(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    ["ada", "@example.org", "ada@", "ada@host", "a b@example.org", "a@b@c.org", ".a@example.org",
     "a..b@example.org", "a@-x.org", "a@x-.org", "a@x..org", "a\n@example.org", "a@exa_mple.org",
     "grüße@example.org", "a@straße.example", "a@example.123", "=?a?=@example.org",
     "a@example.org\nBcc: b@example.org", f"{'a' * 65}@example.org", f"a@{'b' * 250}.org"],
)  # fmt: skip
def test_invalid_address(address: str) -> None:
    with pytest.raises(Invalid):
        EmailField().clean(address)


@given(st.emails() | st.text(max_size=6).map("a{}@bücher.example".format) | st.text())
def test_an_email_can_be_sent_to_each_address_that_is_taken(address: str) -> None:
    try:
        taken = EmailField().clean(address)
    except Invalid:
        return
    assert Mail(taken, "Hello", "text").as_email("shop@example.org")["To"]


@pytest.mark.parametrize("slug", ["a", "a-b_C9"])
def test_slugs(slug: str) -> None:
    assert SlugField().clean(slug) == slug


@pytest.mark.parametrize("slug", ["a b", "ä", "a/b", "a.b", "٣"])
def test_invalid_slug(slug: str) -> None:
    assert refusal(SlugField(), slug).startswith("Please use letters")


@pytest.mark.parametrize("url", ["https://example.org", "HTTP://x/ä?q#f", "https://u@[::1]:80/",
     "http://x_y.example.org./", "http://i❤.example", "http://localhost"])  # fmt: skip
def test_urls(url: str) -> None:
    assert URLField().clean(url) == url


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt://x/%0aalert(1)", "data:text/html,x", "ftp://example.org",
     "//example.org", "example.org", "http://", "http:///x", "http://[::1", "http://x:99999999/",
     "http://x y/", "http:\\\\x", "ht\ntp://x", "http://x\u200b/", "vbscript:x",
     "http://a..example.org", "http://-a.org", "http://a-.org", "http://.org",
     f"http://{'a' * 64}.org"],
)  # fmt: skip
def test_invalid_url(url: str) -> None:
    assert refusal(URLField(), url).startswith("Please write a whole address")


def test_other_schemes_are_named() -> None:
    assert URLField(schemes=["ftp"]).clean("ftp://example.org/x") == "ftp://example.org/x"


@pytest.mark.parametrize("raw", ["1.0", "1e3", "0x1", "1_0", "٣", "--1", "1,5", "", "NaN"])
def test_invalid_integer(raw: str) -> None:
    with pytest.raises(Invalid):
        IntegerField().clean(raw)


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-inf", "1e9999", "1_0", "1,5", ".", "e5"])
@pytest.mark.parametrize("field", [FloatField(), DecimalField()])
def test_invalid_number(field: Field, raw: str) -> None:
    assert refusal(field, raw) == "Please write a number."


def test_a_float_that_is_too_large_for_one_is_none() -> None:
    assert refusal(FloatField(), "1e999") == "Please write a number."
    assert DecimalField().clean("1e999") == Decimal("1e999")


def test_numbers_have_limits() -> None:
    assert refusal(IntegerField(min_value=3), "2") == "Please write 3 or more."
    assert refusal(DecimalField(max_value=Decimal("1.5")), "1.6") == "Please write 1.5 or less."


@pytest.mark.parametrize("raw", ["99.99", "-99.9", "0", "1e1", "0.10", "00001.50", "0e5"])
def test_digits_that_fit(raw: str) -> None:
    assert DecimalField(max_digits=4, decimal_places=2).clean(raw) == Decimal(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [("100", "2 digits before"), ("1e2", "2 digits before"), ("0.001", "2 digits after")],
)
def test_digits_that_do_not_fit(raw: str, said: str) -> None:
    assert said in refusal(DecimalField(max_digits=4, decimal_places=2), raw)
    assert "4 digits" in refusal(DecimalField(max_digits=4), "123.45")


def test_a_box_that_must_be_ticked() -> None:
    assert BooleanField().clean(None) is False
    assert BooleanField(required=True).clean("on") is True
    assert refusal(BooleanField(required=True), "false") == "Please tick this box to go on."


@pytest.mark.parametrize("raw", ["20260331", "2026-02-30", "2026-W01-1", "31.3.2026", "0000-01-01"])
def test_invalid_date(raw: str) -> None:
    assert refusal(DateField(), raw) == "Please write a date such as 2026-03-31."


def test_days_have_limits() -> None:
    field = DateField(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31))
    assert refusal(field, "2025-12-31") == "Please choose 2026-01-01 or later."
    assert refusal(field, "2027-01-01") == "Please choose 2026-12-31 or earlier."


@pytest.mark.parametrize("raw", ["24:00", "1:30", "12:60", "12", "12:30:15.1234567", "12:30Z"])
def test_invalid_time(raw: str) -> None:
    assert refusal(TimeField(), raw) == "Please write a time such as 14:30."


def test_a_moment_is_read_from_the_clock_of_a_zone() -> None:
    field = DateTimeField(zone=ZoneInfo("Europe/Berlin"))
    assert field.clean("2026-07-01T12:00") == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert field.clean("2026-07-01 12:00:30.5Z") == datetime(2026, 7, 1, 12, 0, 30, 500_000, UTC)
    assert shown(field, datetime(2026, 1, 1, 23, 30, tzinfo=UTC)) == "2026-01-02T00:30"


def test_a_time_that_the_clocks_skip_is_none() -> None:
    field = DateTimeField(zone=ZoneInfo("Europe/Berlin"))
    assert "clocks go forward" in refusal(field, "2026-03-29T02:30")


def test_the_second_of_two_equal_times_stays_as_it_is() -> None:
    field = DateTimeField(zone=ZoneInfo("Europe/Berlin"))
    later = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert not field.has_changed(later, shown(field, later))


def test_a_moment_beyond_the_last_day_is_none() -> None:
    assert refusal(DateTimeField(), "9999-12-31T23:59-12:00").startswith("Please write a date")
    assert refusal(DateTimeField(zone=timezone(timedelta(hours=5))), "0001-01-01T00:00")


def test_a_naive_moment_for_a_naive_column() -> None:
    field = DateTimeField(zone=None)
    assert field.clean("2026-07-01T12:00") == datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001
    assert field.clean("2026-07-01T12:00+02:00") == datetime(2026, 7, 1, 10, 0)  # noqa: DTZ001


def test_only_what_is_offered_can_be_chosen() -> None:
    field = ChoiceField([("Fruit", [(1, "Apple"), (2, "Pear")]), (3, "Bread")])
    assert field.clean("2") == 2
    assert refusal(field, "4") == "Please choose one of those offered."
    assert refusal(field, "") == "Please choose one."
    several = MultipleChoiceField(field.choices)
    assert several.clean(["3", "1", "3"]) == [1, 3]
    assert refusal(several, ["1", "9"]) == "Please choose one of those offered."
    assert refusal(several, []) == "Please choose at least one."
    assert MultipleChoiceField(Size, required=False).clean([]) == []


def test_choices_that_are_asked_for_each_form() -> None:
    offered = [("a", "A")]

    class Picking(Form):
        letter = ChoiceField(lambda: offered)

    offered.append(("b", "B"))
    assert Picking({"letter": "b"}).is_valid()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("{", "line 1"),
        ("[NaN]", "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("[" * 500 + "]" * 500, "200 levels"),
        ("[" * 5000, "200 levels"),
        ('{"a":' * 201, "200 levels"),
        ('["\\\\", ' + "[" * 200, "200 levels"),
        ("9" * 5000, "a whole number has more than 4,300 digits"),
        ("[1,]", "not valid JSON"),
        ('{"a": 1e999}', "a number is too large"),
        ('[[{"a": [-1e999]}]]', "a number is too large"),
        ([float("inf")], "a number is too large"),
        ({"a": float("nan")}, "or not finite"),
        ([10**5000], "a whole number has more than 4,300 digits"),
    ],
)
def test_invalid_json(raw: Any, reason: str) -> None:
    sentence = refusal(JSONField(), raw)
    assert reason in sentence
    assert "sys." not in sentence


def test_json_is_taken_to_its_limits() -> None:
    assert JSONField().clean("[1e308, -1e308, 1e-999]") == [1e308, -1e308, 0.0]
    assert JSONField().clean("9" * 4300) == int("9" * 4300)
    assert JSONField().clean('\ufeff{"a": 1}') == {"a": 1}


PRICE = DecimalField(max_digits=10, decimal_places=2)


@pytest.mark.parametrize(
    "raw",
    ["1.001", "1." + "0" * 30 + "1", "12345678." + "0" * 25 + "1", "0.001", "1e-3", "123456789",
     "1e9", "123456789012345678901234567890", Decimal("NaN"), Decimal("Infinity"), "1" + "0" * 40],
)  # fmt: skip
@pytest.mark.parametrize("precision", [1, 5, 28, 100])
def test_digits_are_counted_whatever_the_precision_of_the_context(raw: Any, precision: int) -> None:
    with localcontext() as context:
        context.prec = precision
        assert refusal(PRICE, raw)
        places = DecimalField(decimal_places=2)
        if "." in str(raw):
            assert refusal(places, "1234567890123456789012345678.901")


@pytest.mark.parametrize(
    ("raw", "value"),
    [("1.50000", "1.5"), ("12345678.90", "12345678.90"), ("0.00", "0"), ("00012.3", "12.3"),
     ("1" + "0" * 7, "10000000"), ("1e7", "10000000"), ("0e5", "0"), ("-1.9", "-1.9")],
)  # fmt: skip
@pytest.mark.parametrize("precision", [1, 28])
def test_a_number_is_taken_exactly_whatever_the_context(
    raw: str, value: str, precision: int
) -> None:
    with localcontext() as context:
        context.prec = precision
        taken = PRICE.clean(raw)
    assert taken == Decimal(value)


def test_a_list_in_json_is_one_value_and_no_field_that_came_twice() -> None:
    class Sent(Form):
        title = CharField()
        count = IntegerField()
        agreed = BooleanField()
        size = ChoiceField(Size)
        facts = JSONField()

    body = {"title": ["a", "b"], "count": [1], "agreed": [False], "size": ["s"], "facts": [1, 2]}
    form = Sent(body)
    assert not form.is_valid()
    assert list(form.errors) == ["title", "count", "agreed", "size"]
    assert form.cleaned_data == {"facts": [1, 2]}

    twice = MultiDict(title=["a", "b"], count="1", agreed=["off", "on"], size="SMALL", facts="[1]")
    assert Sent(twice).is_valid()
    assert Sent(MultiDict(title=["a", "b"])).raw_of("title") == "b"


@pytest.mark.parametrize("raw", ["SMALL", "s", Size.SMALL])
def test_a_member_is_taken_by_its_name_in_html_and_its_value_in_json(raw: Any) -> None:
    assert ChoiceField(Size).clean(raw) is Size.SMALL
    assert MultipleChoiceField(Size).clean([raw, "VERY_LARGE"]) == [Size.SMALL, Size.VERY_LARGE]
    assert not MultipleChoiceField(Size).has_changed([Size.SMALL], [raw])


def test_members_of_every_kind_of_enumeration_come_back_from_json() -> None:
    class Number(IntEnum):
        ONE = 1
        TWO = 2

    class Word(StrEnum):
        YES = "yes"

    for kind in (Size, Number, Word):
        for member in kind:
            sent = json.loads(json_encode(member))
            assert ChoiceField(kind).clean(sent) is member
    crossed = Enum("crossed", {"A": "B", "B": "A"})
    assert ChoiceField(crossed).clean("A") is crossed["A"]


def test_brackets_in_a_text_are_not_levels() -> None:
    for value in (["[" * 500], {'"[{': "\\[" * 300}, ['\\"[' * 300]):
        assert JSONField().clean(json.dumps(value)) == value


def test_json_that_is_given_as_data_has_a_depth() -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert JSONField().clean(nested(200)) == nested(200)
    assert JSONField().clean(json.dumps(nested(200))) == nested(200)
    assert "200 levels" in refusal(JSONField(), nested(201))
    assert "200 levels" in refusal(JSONField(), json.dumps(nested(201)))


def test_json_has_a_length() -> None:
    assert "at most 5 characters" in refusal(JSONField(max_length=5), '"12345"')
    assert JSONField().clean("null") is None
    assert JSONField().has_changed({"a": 1}, '{"a":\r\n1}') is False
    assert JSONField().has_changed(True, "1")
    assert JSONField().has_changed(None, "") is False


def test_validators_all_have_their_say() -> None:
    def no_a(value: str) -> None:
        if "a" in value:
            raise Invalid("No a, please.")

    def no_b(value: str) -> None:
        if "b" in value:
            raise ValidationError({"": ["No b, please."]})

    field = CharField(validators=[no_a, no_b])
    assert field.clean("c") == "c"
    assert refusal(field, "ab") == "No a, please.; No b, please."


def test_messages_can_be_said_otherwise() -> None:
    assert refusal(CharField(error_messages={"required": "Bitte ausfüllen."}), "") == (
        "Bitte ausfüllen."
    )
    with pytest.raises(TypeError, match=r"CharField has no message 'requierd'; it has characters"):
        CharField(error_messages={"requierd": "x"})


def test_a_password_is_never_sent_back() -> None:
    assert shown(CharField(widget=PasswordInput), "secret") == ""
