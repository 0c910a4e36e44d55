"""Zones by name, conversion to and from UTC, and days that are longer or shorter than 24 hours."""

import threading
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from lback import Application, Request, StreamingResponse
from lback.core.exceptions import ConfigurationError
from lback.core.http.after_answer import after_answer
from lback.testing import Client
from lback.time_zones import (
    SkippedTimeError,
    current_zone,
    localtime,
    start_of_day,
    to_utc,
    today,
    use_zone,
    zone_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
FAR_WEST, FAR_EAST = timezone(timedelta(hours=-12)), timezone(timedelta(hours=14))


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def naive(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, fold=fold)  # type: ignore[arg-type]  # noqa: DTZ001


# Names.


def test_a_zone_by_its_name() -> None:
    assert zone_of("Europe/Berlin") is BERLIN
    assert zone_of("UTC") is UTC


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlim", "europe/berlin", "", "../etc/passwd", "/etc/localtime", "Europe", "\0"],
)
def test_an_unknown_zone_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match="TIME_ZONE") as caught:
        Application(DEBUG=True, TIME_ZONE=name).prepare()
    assert "IANA" in str(caught.value)


def test_a_misspelt_zone_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        zone_of("europe/berlin")


def test_missing_zone_data_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(key: str) -> ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr("lback.time_zones.ZoneInfo", nothing)
    monkeypatch.setattr("lback.time_zones.available_timezones", set)
    with pytest.raises(ValueError, match="tzdata"):
        zone_of("Africa/Ouagadougou")
    assert zone_of("UTC") is UTC  # needs no data


# The zone that applies.


def test_a_request_has_the_zone_of_its_application() -> None:
    def show(request: Request) -> str:
        return str(localtime(datetime(2026, 7, 1, 12, tzinfo=UTC)))

    texts = []
    for name in ("Europe/Berlin", "Asia/Kathmandu", "UTC"):
        app = Application(DEBUG=True, TIME_ZONE=name, MIDDLEWARES=[])
        app.add_route("/", show, requires_auth=False)
        texts.append(Client(app).get("/").text)
    assert texts == [
        "2026-07-01 14:00:00+02:00",
        "2026-07-01 17:45:00+05:45",
        "2026-07-01 12:00:00+00:00",
    ]
    assert current_zone() is UTC  # the client leaves nothing behind


def test_a_block_has_a_zone_of_its_own() -> None:
    with use_zone("Europe/Berlin") as zone:
        assert current_zone() is zone is BERLIN
        with use_zone(FAR_EAST):
            assert current_zone() is FAR_EAST
        assert current_zone() is BERLIN
    assert current_zone() is UTC


def test_another_thread_is_not_affected() -> None:
    seen = []
    with use_zone("Europe/Berlin"):
        thread = threading.Thread(target=lambda: seen.append(current_zone()))
        thread.start()
        thread.join()
    assert seen == [UTC]


# Conversion.


def test_a_naive_time_counts_as_utc() -> None:
    with use_zone(BERLIN):
        assert localtime(naive(2026, 7, 1, 12)).replace(tzinfo=None) == naive(2026, 7, 1, 14)


def test_the_ends_of_the_calendar_stay_in_utc() -> None:
    assert localtime(LAST, FAR_EAST) == LAST
    assert localtime(FIRST, FAR_WEST) == FIRST
    assert localtime(LAST.replace(tzinfo=None), BERLIN).tzinfo is UTC
    assert localtime(LAST, FAR_WEST).hour == 11


def test_a_local_time_becomes_utc() -> None:
    assert to_utc(naive(2026, 1, 1, 12), BERLIN) == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert to_utc(naive(2026, 7, 1, 12), BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert to_utc(datetime(2026, 7, 1, 12, tzinfo=FAR_EAST), BERLIN).day == 30


def test_a_time_that_the_clocks_skip_is_an_error() -> None:
    with pytest.raises(SkippedTimeError):
        to_utc(naive(2026, 3, 29, 2, 30), BERLIN)
    assert to_utc(naive(2026, 3, 29, 3, 0), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_time_that_occurs_twice_is_the_first_unless_fold_is_set() -> None:
    assert to_utc(naive(2026, 10, 25, 2, 30), BERLIN).hour == 0
    assert to_utc(naive(2026, 10, 25, 2, 30, fold=1), BERLIN).hour == 1


# Days.


def hours_of(day: date, zone: ZoneInfo) -> float:
    return (start_of_day(day + timedelta(days=1), zone) - start_of_day(day, zone)) / timedelta(
        hours=1
    )


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2028, 2, 29), 24),
        ("America/Havana", date(2026, 3, 8), 23),  # begins at 1 o'clock
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # left out, to move across the date line
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_has_the_hours_of_its_zone(name: str, day: date, hours: float) -> None:
    assert hours_of(day, ZoneInfo(name)) == hours


def test_days_at_the_ends_of_the_calendar() -> None:
    assert start_of_day(date.min, FAR_EAST) == FIRST
    assert start_of_day(date.max, FAR_WEST).day == 31
    assert start_of_day(date.max, FAR_EAST).day == 30


def test_today_is_the_day_of_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    days = (today(FAR_EAST) - today(FAR_WEST)).days
    assert days in (1, 2)
    with use_zone(FAR_EAST):
        assert today() >= today(UTC)


# Templates.


def rendered(app: Application, source: str, **values: object) -> str:
    return app.template_renderer.environment.from_string(source).render(**values)


def test_a_template_shows_the_time_of_the_project() -> None:
    app = Application(DEBUG=True, TIME_ZONE="Europe/Berlin")
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert rendered(app, "{{ at | localtime }}", at=noon) == "2026-07-01 14:00:00+02:00"
    assert rendered(app, "{{ at | localtime('%H:%M %Z') }}", at=noon) == "14:00 CEST"
    assert rendered(app, "{{ at | localtime('%H:%M') }}", at=noon.replace(tzinfo=None)) == "14:00"
    with use_zone("Asia/Tokyo"):
        assert rendered(app, "{{ at | localtime('%H:%M') }}", at=noon) == "21:00"


def test_a_template_shows_dates_and_missing_values_as_they_are() -> None:
    app = Application(DEBUG=True, TIME_ZONE="Europe/Berlin")
    assert rendered(app, "{{ at | localtime }}", at=date(2026, 7, 1)) == "2026-07-01"
    assert rendered(app, "{{ at | localtime }}{{ b | localtime('%H') }}", at=None) == ""
    assert rendered(app, "{{ at | localtime('%Y-%m') }}", at=LAST) == "9999-12"
    with pytest.raises(TypeError, match="takes a datetime, not str"):
        rendered(app, "{{ 'noon' | localtime }}")


def test_a_template_of_the_database_has_the_filter() -> None:
    app = Application(DEBUG=True, TIME_ZONE="Europe/Berlin")
    renderer = app.template_renderer
    renderer._db_loader_func = lambda name, session: "{{ (at | localtime).hour }}"
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert renderer.render_from_db_to_string("any", at=noon) == "14"


def test_streams_and_jobs_after_the_response_have_the_zone() -> None:
    app = Application(DEBUG=True, TIME_ZONE="Europe/Berlin", MIDDLEWARES=[])
    seen = []

    def show(request: Request) -> StreamingResponse:
        after_answer(request, lambda: seen.append(current_zone()))
        return StreamingResponse((str(current_zone()) for _ in range(1)), content_type="text/plain")

    app.add_route("/", show, requires_auth=False)
    assert Client(app).get("/").text == "Europe/Berlin"
    assert seen == [BERLIN]
