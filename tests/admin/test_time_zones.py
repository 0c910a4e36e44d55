"""The admin in the time zone of the project: lists, forms, history, and filters by day."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from lback.admin import ModelAdmin
from lback.admin.filters import span_of
from lback.database import Base
from lback.database.keyset import token_of
from lback.testing import Client
from lback.time_zones import start_of_day, today
from lback.users import AdminUser
from tests.admin.conftest import DATABASES, HASH, build_gallery, signed_in

if TYPE_CHECKING:
    from lback import Application

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class Concert(Base):
    __tablename__ = "admin_concerts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    at: Mapped[datetime | None]
    plain: Mapped[datetime | None] = mapped_column(DateTime)
    zoned: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    day: Mapped[date | None]

    def __str__(self) -> str:
        return self.title


class ConcertAdmin(ModelAdmin):
    list_columns = ("title", "at", "plain", "zoned", "day")
    filters = ("at", "plain", "zoned", "day")
    ordering = ("at",)
    date_hierarchy = "at"
    page_size = 2
    export_columns = ("title", "at", "plain")


class PlainAdmin(ConcertAdmin):
    ordering = ("plain",)
    date_hierarchy = "plain"


class ZonedAdmin(ConcertAdmin):
    ordering = ("zoned",)
    date_hierarchy = "zoned"


class DayAdmin(ConcertAdmin):
    ordering = ("day",)
    date_hierarchy = "day"


ADMINS = {"at": ConcertAdmin, "plain": PlainAdmin, "zoned": ZonedAdmin, "day": DayAdmin}


@pytest.fixture(scope="module", params=DATABASES)
def hall_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('hall') / 'test.sqlite3'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


OpenHall = Callable[..., Client]


@pytest.fixture
def open_hall(hall_url: str) -> Iterator[OpenHall]:
    """Builds an admin of concerts in a zone, and signs a superuser in."""
    built: list[Application] = []

    def build(zone: str = "Europe/Berlin", options: Any = ConcertAdmin) -> Client:
        app = build_gallery(hall_url, TIME_ZONE=zone)
        app.admin_registry.register(Concert, options)
        if not built:
            app.db_manager.create_tables()
            with app.db_manager.session() as session:
                session.add(AdminUser(username="ada", password_hash=HASH, is_superuser=True))
        built.append(app)
        return signed_in(app, "ada")

    yield build
    with built[0].db_manager.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    for app in built:
        app.db_manager.dispose()


def add(client: Client, **moments: datetime) -> None:
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        for title, at in moments.items():
            plain = at.astimezone(UTC).replace(tzinfo=None)
            day = at.date()
            session.add(Concert(title=title, at=at, plain=plain, zoned=at, day=day))


def titles(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"/admin/concert?{query}")
    assert answer.status_code == 200
    return re.findall(r'first" data-label="Title"><a [^>]*>([^<]*)</a>', answer.text)


def berlin(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BERLIN, fold=fold)  # type: ignore[misc,arg-type]


# Lists, forms and history.


def test_a_list_shows_the_times_of_the_zone(open_hall: OpenHall) -> None:
    client = open_hall()
    add(client, summer=berlin(2026, 7, 1, 0, 30), winter=berlin(2026, 1, 1, 0, 30))
    page = client.get("/admin/concert").text
    assert page.count("2026-07-01 00:30") == page.count("2026-01-01 00:30") == 3
    assert "Europe/Berlin" in page
    page = open_hall("America/New_York").get("/admin/concert").text
    assert page.count("2026-06-30 18:30") == 3


def test_a_form_reads_and_shows_the_times_of_the_zone(
    open_hall: OpenHall, form_of: Callable[[str], dict[str, Any]]
) -> None:
    client = open_hall()
    form = form_of(client.get("/admin/concert/add").text)
    written = {"title": "Jazz", "at": "2026-07-01T20:00", "plain": "2026-07-01T20:00",
               "zoned": "2026-07-01T20:00"}  # fmt: skip
    assert client.post("/admin/concert/add", data={**form, **written}).status_code == 303
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        row = session.query(Concert).one()
        assert row.at == row.zoned == datetime(2026, 7, 1, 18, tzinfo=UTC)
        assert row.plain == datetime(2026, 7, 1, 18)  # noqa: DTZ001
        key = row.id
    page = client.get(f"/admin/concert/row/{key}").text
    assert page.count('value="2026-07-01T20:00"') == 3
    changed = {**form_of(page), "at": "2026-07-02T21:00"}
    assert client.post(f"/admin/concert/row/{key}", data=changed).status_code == 303
    history = client.get(f"/admin/concert/row/{key}/history").text
    assert "<del>2026-07-01 20:00 CEST</del>" in history
    assert "<ins>2026-07-02 21:00 CEST</ins>" in history
    assert history.count("Plain") == 1  # it was not changed
    local = datetime.now(BERLIN)
    assert re.search(rf"{local:%Y-%m-%d} \d\d:\d\d {local:%Z}</time>", history)


def test_a_time_that_the_clocks_skip_is_an_error_of_the_form(
    open_hall: OpenHall, form_of: Callable[[str], dict[str, Any]]
) -> None:
    client = open_hall()
    form = {**form_of(client.get("/admin/concert/add").text), "title": "Jazz"}
    answer = client.post("/admin/concert/add", data={**form, "at": "2026-03-29T02:30"})
    assert answer.status_code == 422
    assert "The clocks go forward" in answer.text


@pytest.mark.parametrize("fold", [0, 1])
def test_saving_leaves_the_second_of_two_equal_times(
    open_hall: OpenHall, form_of: Callable[[str], dict[str, Any]], fold: int
) -> None:
    client = open_hall()
    moment = berlin(2026, 10, 25, 2, 30, fold=fold).astimezone(UTC)
    add(client, twice=moment)
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        key = session.query(Concert).one().id
    form = form_of(client.get(f"/admin/concert/row/{key}").text)
    answer = client.post(f"/admin/concert/row/{key}", data={**form, "title": "renamed"})
    assert answer.status_code == 303
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        row = session.query(Concert).one()
        assert (row.title, row.at, row.zoned) == ("renamed", moment, moment)
        assert row.plain == moment.replace(tzinfo=None)


# Days.


@pytest.mark.parametrize("name", ["at", "plain", "zoned"])
def test_a_day_is_a_day_of_the_zone(open_hall: OpenHall, name: str) -> None:
    client = open_hall(options=ADMINS[name])
    second = timedelta(seconds=1)
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2028, 2, 29)):
        begin, end = start_of_day(day, BERLIN), start_of_day(day + timedelta(days=1), BERLIN)
        add(client, before=begin - second, first=begin, last=end - second, after=end)
        assert titles(client, f"date={day}") == ["first", "last"]
        assert titles(client, f"date={day - timedelta(days=1)}") == ["before"]
        assert titles(client, f"date={day + timedelta(days=1)}") == ["after"]


def test_periods_are_those_of_the_zone(open_hall: OpenHall) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")  # 14 hours ahead
    client = open_hall("Pacific/Kiritimati")
    here = today(zone)
    begin, end = start_of_day(here, zone), start_of_day(here + timedelta(days=1), zone)
    second = timedelta(seconds=1)
    add(client, before=begin - second, first=begin, last=end - second, after=end)
    for name in ("at", "plain", "zoned"):
        assert titles(client, f"is-{name}=today") == ["first", "last"]


def test_years_are_those_of_the_zone(open_hall: OpenHall) -> None:
    client = open_hall()
    add(client, party=berlin(2027, 1, 1, 0, 30))
    page = client.get("/admin/concert").text
    assert ">2027<" in page
    assert ">2026<" not in page
    assert titles(client, "date=2027") == titles(client, "date=2027-01") == ["party"]
    assert titles(client, "date=2026") == []


# The ends of the calendar.


@pytest.mark.parametrize("name", ADMINS)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_the_first_and_the_last_day(
    open_hall: OpenHall, form_of: Callable[[str], dict[str, Any]], zone: str, name: str
) -> None:
    client = open_hall(zone, ADMINS[name])
    add(client, first=FIRST, middle=datetime(2026, 5, 6, tzinfo=UTC), last=LAST)
    assert titles(client) == ["first", "middle"]
    following = re.search(r'rel="next" href="([^"]*)"', client.get("/admin/concert").text)
    assert following
    assert "last" in client.get(following[1].replace("&amp;", "&")).text
    for query in ("date=9999", "date=9999-12", "date=9999-12-31"):
        assert titles(client, query) == ["last"], query
    for query in ("date=1", "date=0001", "date=0001-01"):
        assert titles(client, query) == ["first"], query
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        keys = {row.title: row.id for row in session.query(Concert)}
    for title in ("first", "last"):
        form = form_of(client.get(f"/admin/concert/row/{keys[title]}").text)
        url = f"/admin/concert/row/{keys[title]}"
        assert client.post(url, data={**form, "title": f"{title}!"}).status_code == 303
    with client.application.db_manager.session() as session:  # type: ignore[attr-defined]
        stored = {row.title: (row.at, row.zoned) for row in session.query(Concert)}
        assert stored["first!"] == (FIRST, FIRST)
        assert stored["last!"] == (LAST, LAST)
    for kind in ("csv", "json"):
        assert "9999-12-31T23:59:59+00:00" in client.get(f"/admin/concert/export.{kind}").text


WRITTEN = (
    "9999-12-31T23:59:59", "0001-01-01T00:00", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00",
)  # fmt: skip


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_what_does_not_fit_is_an_error_of_the_form(
    open_hall: OpenHall, form_of: Callable[[str], dict[str, Any]], zone: str
) -> None:
    client = open_hall(zone)
    form = {**form_of(client.get("/admin/concert/add").text), "title": "Jazz"}
    for written in WRITTEN:
        for name in ("at", "plain", "zoned"):
            answer = client.post("/admin/concert/add", data={**form, name: written})
            assert answer.status_code in (303, 422)
    assert client.get("/admin/concert").status_code == 200


IN_TOKENS = (
    "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00+00:00", "2026-02-29T00:00:00+00:00", "2026-10-25T02:30:00",
    "9999-12-31", "0001-01-01", "2026-02-29",
)  # fmt: skip


@pytest.mark.parametrize("name", ADMINS)
def test_tokens_of_pages_at_the_ends(open_hall: OpenHall, name: str) -> None:
    client = open_hall("Pacific/Kiritimati", ADMINS[name])
    add(client, one=datetime(2026, 5, 6, tzinfo=UTC))
    for text in IN_TOKENS:
        for where in ("after", "before"):
            titles(client, f"{where}={token_of([text, 1])}")
            titles(client, f"sort=-{name}&{where}={token_of([text, 1])}")


def test_spans_at_the_ends() -> None:
    assert span_of("9999") == (date(9999, 1, 1), None)
    assert span_of("9999-12") == (date(9999, 12, 1), None)
    assert span_of("9999-12-31") == (date.max, None)
    assert span_of("2028-02") == (date(2028, 2, 1), date(2028, 3, 1))
    assert span_of("2026-02-29") is None
    assert span_of("10000") is None
