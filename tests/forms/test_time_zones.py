"""Datetime fields in the time zone of the project, from the form to each database and back."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import TIMESTAMP, DateTime, func, select
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base, DatabaseManager
from lback.forms import DateField, DateTimeField, Form, ModelForm
from lback.forms.errors import Invalid
from lback.forms.identity import identity_of
from lback.time_zones import use_zone

ZONES = ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "UTC"]


class Departure(Base):
    __tablename__ = "zoned_departures"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None]
    with_zone: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    without_zone: Mapped[datetime | None] = mapped_column(DateTime)
    stamp: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    day: Mapped[date | None]


class Tick(Base):
    __tablename__ = "zoned_ticks"

    at: Mapped[datetime] = mapped_column(primary_key=True)


class DepartureForm(ModelForm):
    class Meta:
        model = Departure
        exclude = ("stamp",)


NAMES = ("at", "with_zone", "without_zone")


def shown(form: Form, name: str) -> str:
    field = form.fields[name]
    return str(field.widget.format(field.prepare(form.initial_of(name))))


# The field.


def test_a_time_is_read_and_shown_in_the_zone_of_the_project() -> None:
    with use_zone("Europe/Berlin"):
        field = DateTimeField()
        value = field.clean("2026-07-01T14:30")
        assert value == datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
        assert value.tzinfo is UTC
        assert field.widget.format(field.prepare(value)) == "2026-07-01T14:30"
    assert field.widget.format(field.prepare(value)) == "2026-07-01T12:30"


def test_an_offset_takes_precedence() -> None:
    with use_zone("Europe/Berlin"):
        assert DateTimeField().clean("2026-07-01T14:30Z").hour == 14
        assert DateTimeField().clean("2026-10-25T02:30+01:00").hour == 1  # the second 2:30


def test_a_zone_of_the_field_takes_precedence() -> None:
    with use_zone("Europe/Berlin"):
        assert DateTimeField(zone=UTC).clean("2026-07-01T14:30").hour == 14
        assert DateTimeField(zone="Asia/Tokyo").clean("2026-07-01T14:30").hour == 5
        with pytest.raises(ValueError, match="did you mean 'Asia/Tokyo'"):
            DateTimeField(zone="Asia/Tokio")
        local = DateTimeField(zone=None)
        assert local.clean("2026-07-01T14:30") == datetime(2026, 7, 1, 14, 30)  # noqa: DTZ001
        assert local.clean("2026-07-01T14:30Z") == datetime(2026, 7, 1, 14, 30)  # noqa: DTZ001


def test_a_skipped_time_is_an_error_and_a_repeated_one_the_first() -> None:
    with use_zone("Europe/Berlin"):
        with pytest.raises(Invalid, match="clocks go forward"):
            DateTimeField().clean("2026-03-29T02:30")
        assert DateTimeField().clean("2026-10-25T02:30").hour == 0


def test_a_field_of_utc_without_a_zone() -> None:
    with use_zone("Europe/Berlin"):
        field = DateTimeField(naive=True)
        value = field.clean("2026-07-01T14:30")
        assert value == datetime(2026, 7, 1, 12, 30)  # noqa: DTZ001
        assert field.widget.format(field.prepare(value)) == "2026-07-01T14:30"
        assert field.clean("2026-07-01T14:30+00:00").hour == 14
        assert not field.has_changed(value, "2026-07-01T14:30")


@pytest.mark.parametrize("naive", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # the same time of day, an hour later
        datetime(2026, 7, 1, 12, 30, 1, 123456, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
    ],
    ids=str,
)
@pytest.mark.parametrize("zone", ZONES)
def test_what_is_not_changed_stays_as_it_is(zone: str, value: datetime, *, naive: bool) -> None:
    class Moved(Form):
        at = DateTimeField(naive=naive)

    initial = value.replace(tzinfo=None) if naive else value
    with use_zone(zone):
        sent = shown(Moved(initial={"at": initial}), "at")
        form = Moved({"at": sent}, initial={"at": initial})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["at"] == initial
        assert not form.has_changed()


@given(
    st.datetimes(),
    st.sampled_from(ZONES),
    st.booleans(),
)
def test_any_text_of_a_time_is_a_value_or_an_error(value: datetime, zone: str, naive: bool) -> None:
    with use_zone(zone):
        field = DateTimeField(naive=naive)
        try:
            cleaned = field.clean(value.isoformat())
        except Invalid:
            return
        assert (cleaned.tzinfo is None) is naive
        if 1 < value.year < 9999:
            assert field.prepare(cleaned) == value


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59:59.999"])
@pytest.mark.parametrize("hours", [-12, 14])
def test_the_ends_of_the_calendar_are_a_value_or_an_error(text: str, hours: int) -> None:
    with use_zone(timezone(timedelta(hours=hours))):
        for field in (DateTimeField(), DateTimeField(naive=True)):
            try:
                value = field.clean(text)
            except Invalid:
                continue
            assert field.prepare(value).year in (1, 9999)


@pytest.mark.parametrize("text", ["2026-02-29", "2100-02-29", "2028-02-30"])
def test_a_leap_day_that_does_not_exist_is_an_error(text: str) -> None:
    with pytest.raises(Invalid):
        DateField().clean(text)
    with pytest.raises(Invalid):
        DateTimeField().clean(f"{text}T12:00")


def test_limits_are_compared_whatever_their_zone() -> None:
    with use_zone("Europe/Berlin"):
        limit = datetime(2026, 7, 1, 12)  # noqa: DTZ001  local
        field = DateTimeField(min_value=limit, max_value=datetime(2026, 7, 1, 12, tzinfo=UTC))
        assert field.clean("2026-07-01T12:00").hour == 10
        assert field.clean("2026-07-01T14:00").hour == 12
        assert field.attributes()["min"] == "2026-07-01T12:00"
        assert field.attributes()["max"] == "2026-07-01T14:00"
        with pytest.raises(Invalid, match="2026-07-01T14:00 or earlier"):
            field.clean("2026-07-01T14:01")
        with pytest.raises(Invalid, match="2026-07-01T12:00 or later"):
            field.clean("2026-07-01T11:59")


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("2026-07-01T12:00:00+02:00", True),
        ("2026-07-01T12:00:00", False),
        ("9999-12-31T23:59:59-14:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("2026-02-29T12:00:00+00:00", False),
    ],
)
def test_keys_that_are_times(text: str, is_key: bool) -> None:
    found = identity_of(Tick, text)
    assert found == ((datetime(2026, 7, 1, 10, tzinfo=UTC),) if is_key else None)


# Form, database, form.


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("written", ["2026-07-01T14:30", "2028-02-29T00:00", "2026-12-31T23:59:59"])
def test_form_to_database_to_form(database: DatabaseManager, zone: str, written: str) -> None:
    expected = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    with use_zone(zone), database.session() as session:
        form = DepartureForm(
            {**dict.fromkeys(NAMES, written), "day": "2028-02-29"}, session=session
        )
        assert form.is_valid(), form.errors
        key = form.save().id
    with use_zone(zone), database.create_session() as session:
        row = session.get(Departure, key)
        assert row is not None
        assert (row.at, row.with_zone) == (expected, expected)
        assert row.at.tzinfo is UTC and row.with_zone.tzinfo is not None  # type: ignore[union-attr]
        assert row.with_zone.utcoffset() == timedelta(0)  # type: ignore[union-attr]
        assert row.without_zone == expected.replace(tzinfo=None)
        assert row.day == date(2028, 2, 29)
        again = DepartureForm(instance=row, session=session)
        assert [shown(again, name) for name in NAMES] == [written] * 3
        sent = DepartureForm(
            {**dict.fromkeys(NAMES, written), "day": "2028-02-29"}, instance=row, session=session
        )
        assert sent.is_valid() and not sent.has_changed()


def test_all_databases_keep_utc(database: DatabaseManager) -> None:
    value = datetime(2026, 7, 1, 14, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    with database.session() as session:
        session.add(Departure(at=value, with_zone=value, without_zone=value, stamp=value))
    with database.create_session() as session:
        row = session.query(Departure).filter(Departure.with_zone == value).one()
        assert row.at == row.with_zone == value
        assert row.without_zone == value.astimezone(UTC).replace(tzinfo=None)
        for column in (Departure.at, Departure.with_zone, Departure.without_zone, Departure.stamp):
            assert session.scalar(select(func.count()).where(column == value)) == 1
            same = select(Departure.id).where(column == value)
            literal = same.compile(session.bind, compile_kwargs={"literal_binds": True})
            assert session.connection().exec_driver_sql(str(literal)).scalar() == row.id
            latest = session.scalar(select(func.max(column)))
            assert latest is not None and latest.replace(tzinfo=UTC) == value
        assert row.stamp == value
        clock = {
            "sqlite": "strftime('%H:%M')",
            "postgresql": "to_char(now()::timestamp, 'HH24:MI')",
        }
        now = clock.get(database.engine.dialect.name, "date_format(now(), '%%H:%%i')")
        earlier = datetime.now(UTC)
        told = session.connection().exec_driver_sql(f"SELECT {now}").scalar()
        later = datetime.now(UTC)
        assert told in (f"{earlier:%H:%M}", f"{later:%H:%M}")


@pytest.mark.parametrize(
    ("server", "option"),
    [
        pytest.param(
            "postgresql", "options=-c timezone=America/New_York", marks=pytest.mark.postgresql
        ),
        pytest.param("mariadb", "init_command=SET time_zone='-05:00'", marks=pytest.mark.mariadb),
    ],
)
def test_the_zone_of_a_server_does_not_matter(
    request: pytest.FixtureRequest, server: str, option: str
) -> None:
    url: str = request.getfixturevalue(f"{server}_url")
    database = DatabaseManager.from_url(f"{url}{'&' if '?' in url else '?'}{option}")
    value = datetime(2026, 7, 1, 12, tzinfo=UTC)
    database.create_tables()
    with database.session() as session:
        row = Departure(at=value, with_zone=value.replace(tzinfo=None), without_zone=value)
        session.add(row)
        session.flush()
        key = row.id
    with database.session() as session:
        stored = session.get_one(Departure, key)
        assert (stored.at, stored.with_zone) == (value, value)
        assert stored.without_zone == value.replace(tzinfo=None)
        now = session.scalars(select(func.now())).one()
        assert abs(now.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(hours=1)
        session.delete(stored)
    database.dispose()


@pytest.mark.parametrize(
    # MySQL and MariaDB keep microseconds only in columns made for them.
    "aware",
    [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)],
    ids=str,
)
def test_the_ends_of_the_calendar_on_all_databases(
    database: DatabaseManager, aware: datetime
) -> None:
    value = aware.replace(tzinfo=None)
    with database.session() as session:
        row = Departure(at=aware, with_zone=aware, without_zone=value, day=value.date())
        session.add(row)
        session.flush()
        key = row.id
    with use_zone("Europe/Berlin"), database.create_session() as session:
        stored = session.get(Departure, key)
        assert stored is not None
        assert (stored.at, stored.with_zone, stored.without_zone) == (aware, aware, value)
        form = DepartureForm(instance=stored, session=session)
        data = {name: shown(form, name) for name in (*NAMES, "day")}
        sent = DepartureForm(data, instance=stored, session=session)
        assert sent.is_valid(), sent.errors
        assert not sent.has_changed()
