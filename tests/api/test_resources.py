"""Resources: rows below a path, with their permissions, policies, locks and links."""

import enum
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import CheckConstraint, Column, ForeignKey, Numeric, Select, String, Table, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback import Application
from lback.api import (
    PUBLIC,
    SIGNED_IN,
    Filter,
    ModelStruct,
    Ordering,
    Prefix,
    Problem,
    Resource,
    operations_of,
)
from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.testing import Client
from lback.users import User, UserManager, define_role

WRITERS = 4


class Stage(enum.Enum):
    DRAFT = "draft"
    OPEN = "open"


report_labels = Table(
    "api_report_labels",
    Base.metadata,
    Column("report_id", ForeignKey("api_reports.id"), primary_key=True),
    Column("label_id", ForeignKey("api_labels.id"), primary_key=True),
)


class Team(Base):
    __tablename__ = "api_teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    reports: Mapped[list["Report"]] = relationship(back_populates="team", cascade="all")


class Label(Base):
    __tablename__ = "api_labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(40))


class Report(Base):
    __tablename__ = "api_reports"
    __table_args__ = (CheckConstraint("cost >= 0", name="cost"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(60), unique=True)
    summary: Mapped[str | None] = mapped_column(String(200))
    stage: Mapped[Stage] = mapped_column(default=Stage.DRAFT)
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal(0))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("api_teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="reports")
    labels: Mapped[list[Label]] = relationship(secondary=report_labels)


class Device(Base):
    __tablename__ = "api_devices"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    serial: Mapped[str] = mapped_column(String(40), unique=True)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy's name


class Place(Base):
    __tablename__ = "api_places"

    shelf: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str | None] = mapped_column(String(20))


class PlaceOut(ModelStruct, model=Place):
    pass


class PlaceIn(ModelStruct, model=Place, for_create=True):
    pass


class Places(Resource):
    model = Place
    read = PlaceOut
    create = PlaceIn
    access = dict.fromkeys(("view", "add", "change", "delete"), PUBLIC)


class TeamOut(ModelStruct, model=Team):
    pass


class ReportOut(ModelStruct, model=Report, relations={"team": TeamOut | None}):
    id: int
    title: str


class ReportIn(ModelStruct, model=Report, for_create=True):
    title: str
    labels: list[int] = msgspec.field(default_factory=list)


class ReportFilter(Filter, model=Report, page_size=2):
    title = Prefix()
    ordering = Ordering("title", "-cost")


class Reports(Resource):
    """Reports of teams."""

    model = Report
    read = ReportOut
    create = ReportIn
    filter = ReportFilter


class TeamIn(ModelStruct, model=Team, for_create=True):
    name: str


class Teams(Resource):
    model = Team
    read = TeamOut
    create = TeamIn
    if_match = "required"


class DeviceOut(ModelStruct, model=Device):
    id: UUID
    serial: str


class DeviceIn(ModelStruct, model=Device, for_create=True):
    serial: str


class Devices(Resource):
    model = Device
    read = DeviceOut
    create = DeviceIn
    access = {"view": PUBLIC, "add": SIGNED_IN, "change": lambda request: True}  # noqa: RUF012
    lookup = "serial"
    idempotency = "required"
    deprecated = datetime(2026, 1, 1, tzinfo=UTC)
    sunset = datetime(2027, 1, 1, tzinfo=UTC)
    successor = "/v2/devices"


class Site:
    """An application with resources, its database, and people with their roles."""

    def __init__(self, database: DatabaseManager) -> None:
        self.database = database
        self.app = Application(
            DATABASE_URL=database.url.render_as_string(False),
            SECRET_KEY="k" * 40,
            MIDDLEWARES=[
                "lback.middleware.SessionMiddleware",
                "lback.middleware.AuthenticationMiddleware",
            ],
        )
        for resource in (Reports, Teams, Devices, Places):
            for route in resource.routes(f"/api/{resource.__name__.lower()}"):
                self.app.add_route(*route)
        users = UserManager()
        self.people: dict[str, User] = {}
        with database.session() as session:
            every = [f"{name}.{kind}" for name in ("report", "team") for kind in
                     ("view", "add", "change", "delete")]  # fmt: skip
            define_role(session, "editor", every)
            define_role(session, "reader", ["report.view"])
            for name, role in (("ada", "editor"), ("ben", "reader"), ("cleo", None)):
                user = users.register(session, name, "correct horse battery")
                if role is not None:
                    users.assign_roles(session, user, role)
                self.people[name] = user
            session.add_all([Team(name="North"), Team(name="South"), Label(word="hot")])

    def client(self, name: str | None = "ada") -> Client:
        client = Client(self.app)
        if name is not None:
            client.sign_in(self.people[name])
        return client

    def add(self, title: str = "Plan", **values: Any) -> int:
        with self.database.session() as session:
            report = Report(title=title, **values)
            session.add(report)
            session.flush()
            return report.id

    def row(self, key: int) -> Any:
        with self.database.session() as session:
            return session.get(Report, key)

    def team(self, name: str) -> int:
        with self.database.session() as session:
            return session.scalars(select(Team.id).where(Team.name == name)).one()


@pytest.fixture
def site(database: DatabaseManager, quick_passwords: None) -> Iterator[Site]:
    site = Site(database)
    yield site
    site.app.db_manager.dispose()


def pointers(response: Any) -> list[str]:
    return [error["pointer"] for error in response.json()["errors"]]


# The walk through one row.


@pytest.mark.parametrize("cost", ["1.005", 1.005, "12345678"])
def test_a_number_that_the_column_would_change_is_refused_by_each_method(
    site: Site, cost: object
) -> None:
    client, key = site.client(), site.add(cost=Decimal("2.50"))
    url = f"/api/reports/{key}"
    answers = [
        client.post("/api/reports", json={"title": "Other", "cost": cost}),
        client.put(url, json={"title": "Plan", "cost": cost}),
        client.patch(url, json={"cost": cost}),
        client.patch(
            url,
            data=json.dumps({"cost": cost}),
            headers={"Content-Type": "application/merge-patch+json"},
        ),
    ]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert [pointers(answer) for answer in answers] == [["/cost"]] * 4
    assert site.row(key).cost == Decimal("2.50")


def test_a_row_is_created_read_changed_and_deleted(site: Site) -> None:
    client, team = site.client(), site.team("North")
    made = client.post("/api/reports", json={"title": "Plan", "team_id": team, "cost": "1.5"})
    assert made.status_code == 201, made.text
    location = made.headers["location"]
    assert location == f"/api/reports/{made.json()['id']}"
    assert made.json()["team"] == {"id": team, "name": "North"}
    assert made.json()["cost"] == "1.50"

    read = client.get(location)
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"]

    changed = client.put(location, json={"title": "Plan B", "summary": "Short"})
    assert changed.status_code == 200
    assert changed.json() == {
        "id": read.json()["id"], "title": "Plan B", "summary": "Short", "stage": "draft",
        "cost": "0.00", "team_id": None, "team": None,
    }  # fmt: skip
    assert changed.headers["etag"] != read.headers["etag"]

    patched = client.patch(location, json={"summary": None, "stage": "open"})
    assert patched.status_code == 200
    assert (patched.json()["title"], patched.json()["summary"]) == ("Plan B", None)
    assert patched.json()["stage"] == "open"

    assert client.delete(location).status_code == 204
    assert client.get(location).status_code == 404


def test_a_list_is_filtered_and_paged(site: Site) -> None:
    for title in ("A", "B", "C", "Big"):
        site.add(title)
    client = site.client()
    first = client.get("/api/reports")
    assert [item["title"] for item in first.json()["items"]] == ["A", "B"]
    assert 'rel="next"' in first.headers["link"]
    assert [r["title"] for r in client.get("/api/reports?title=B").json()["items"]] == ["B", "Big"]
    assert client.get("/api/reports?author=1").status_code == 422


# RFC 9110: methods, fields, preconditions.


def test_rfc_9110_section_9_3_2_head_sends_the_fields_of_get(site: Site) -> None:
    client, key = site.client(), site.add()
    for url in (f"/api/reports/{key}", "/api/reports"):
        head, get = client.head(url), client.get(url)
        assert head.status_code == 200
        assert head.body == b""
        assert head.headers["etag"] == get.headers["etag"]
        assert head.headers["content-length"] == str(len(get.body))


def test_rfc_9110_section_9_3_7_options_lists_the_methods(site: Site) -> None:
    key = site.add()
    client = site.client(None)
    item = client.request("OPTIONS", f"/api/reports/{key}")
    assert item.status_code == 204
    methods = set(item.headers["allow"].split(", "))
    assert methods == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}
    # RFC 5789 section 3.1
    assert item.headers["accept-patch"] == "application/merge-patch+json, application/json"
    of_list = client.request("OPTIONS", "/api/reports")
    assert set(of_list.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    refused = client.put("/api/reports", json={})
    assert refused.status_code == 405
    assert refused.headers["content-type"] == "application/problem+json"


def test_rfc_9110_section_15_5_7_json_is_all_that_is_sent(site: Site) -> None:
    client, key = site.client(), site.add()
    refused = client.get(f"/api/reports/{key}", headers={"Accept": "image/png"})
    assert refused.status_code == 406
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client.get(f"/api/reports/{key}", headers=browser).status_code == 200


def test_rfc_9110_section_13_1_2_a_known_state_is_not_sent_again(site: Site) -> None:
    client, key = site.client(), site.add()
    for url in (f"/api/reports/{key}", "/api/reports"):
        etag = client.get(url).headers["etag"]
        again = client.get(url, headers={"If-None-Match": f'"x", W/{etag}'})
        assert (again.status_code, again.body) == (304, b"")
        assert again.headers["etag"] == etag
        assert client.get(url, headers={"If-None-Match": "*"}).status_code == 304
        assert client.get(url, headers={"If-None-Match": '"x"'}).status_code == 200
        assert client.get(url, headers={"If-Match": '"x"'}).status_code == 412


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_rfc_9110_section_13_1_1_a_change_of_an_old_state_is_refused(
    site: Site, method: str
) -> None:
    client, key = site.client(), site.add()
    url, body = f"/api/reports/{key}", {"title": "New"}
    etag = client.get(url).headers["etag"]
    client.patch(url, json={"summary": "meanwhile"})
    options: Any = {} if method == "DELETE" else {"json": body}
    for field in (etag, f"W/{etag}", '"other"', ""):
        refused = client.request(method, url, headers={"If-Match": field}, **options)
        assert refused.status_code == 412, field
    assert refused.headers["etag"] == client.get(url).headers["etag"]
    assert site.row(key).title == "Plan"
    now = client.get(url).headers["etag"]
    # Section 13.1.2: for a method that changes the resource, a match is a 412.
    for field in (now, "*"):
        refused = client.request(method, url, headers={"If-None-Match": field}, **options)
        assert refused.status_code == 412
    done = client.request(method, url, headers={"If-Match": f'"x", {now}'}, **options)
    assert done.status_code in (200, 204)


def test_rfc_6585_section_3_a_precondition_may_be_required(site: Site) -> None:
    client, url = site.client(), f"/api/teams/{site.team('North')}"
    for method in ("PUT", "PATCH", "DELETE"):
        options: Any = {} if method == "DELETE" else {"json": {"name": "West"}}
        refused = client.request(method, url, **options)
        assert refused.status_code == 428
        assert refused.headers["content-type"] == "application/problem+json"
    etag = client.get(url).headers["etag"]
    assert client.put(url, json={"name": "West"}, headers={"If-Match": etag}).status_code == 200
    assert client.post("/api/teams", json={"name": "East"}).status_code == 201


def test_the_etag_changes_with_columns_that_are_not_shown(site: Site) -> None:
    client, key = site.client(), site.add(team_id=site.team("North"))
    url = f"/api/reports/{key}"
    first = client.get(url).headers["etag"]
    assert client.get(url).headers["etag"] == first
    with site.database.session() as session:
        session.scalars(select(Team).where(Team.name == "North")).one().name = "Far north"
    assert client.get(url).headers["etag"] != first


@pytest.mark.parametrize("required", [True, False])
def test_no_update_is_lost(site: Site, required: bool) -> None:
    key = site.add(summary="")
    url, barrier = f"/api/reports/{key}", Barrier(WRITERS)
    etag = site.client().get(url).headers["etag"]

    def write(number: int) -> int:
        client = site.client()
        fields = {"If-Match": etag} if required else {}
        body = {"summary": str(number)} if required or number % 2 else {"title": f"T{number}"}
        barrier.wait(30)
        return client.patch(url, json=body, headers=fields).status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        statuses = list(pool.map(write, range(WRITERS)))
    if required:
        assert sorted(statuses) == [200, *[412] * (WRITERS - 1)]
    else:
        # A patch writes what it names, so that changes of other members stay.
        assert statuses == [200] * WRITERS
        assert site.row(key).title in ("T0", "T2")
        assert site.row(key).summary in ("1", "3")


# RFC 7396, RFC 5789 and RFC 7240.


def test_rfc_7396_null_removes_a_value(site: Site) -> None:
    client = site.client()
    key = site.add(summary="x", cost=5, team_id=site.team("North"))
    url = f"/api/reports/{key}"
    fields = {"Content-Type": "application/merge-patch+json"}
    patched = client.patch(url, data=b'{"summary": null, "team_id": null}', headers=fields)
    assert patched.status_code == 200
    assert (patched.json()["summary"], patched.json()["team_id"]) == (None, None)
    assert patched.json()["cost"] == "5.00"
    refused = client.patch(url, data=b'{"title": null, "cost": "x"}', headers=fields)
    assert refused.status_code == 422
    assert pointers(refused) == ["/title", "/cost"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 422), (b"null", 422), (b'"x"', 422), (b"{", 400), (b"", 400), (b"{}", 200),
     (b'{"titel": "x"}', 422), (b'{"id": 5}', 422), (b'{"title": "a", "title": "b"}', 400),
     (b'{"title": {"a": 1}}', 422), (b'{"cost": "NaN"}', 422), (b'{"cost": 12345678901}', 422)],
)  # fmt: skip
def test_a_patch_is_checked_as_a_whole(site: Site, body: bytes, status: int) -> None:
    key = site.add()
    fields = {"Content-Type": "application/merge-patch+json"}
    response = site.client().patch(f"/api/reports/{key}", data=body, headers=fields)
    assert response.status_code == status, response.text
    assert site.row(key).title == "Plan"


def test_rfc_5789_section_2_2_other_types_of_patches_are_named(site: Site) -> None:
    url = f"/api/reports/{site.add()}"
    fields = {"Content-Type": "application/json-patch+json"}
    refused = site.client().patch(url, data=b"[]", headers=fields)
    assert refused.status_code == 415
    assert "application/merge-patch+json" in refused.headers["accept-patch"]


def test_rfc_7240_section_4_2_a_client_may_want_no_body(site: Site) -> None:
    client, fields = site.client(), {"Prefer": "return=minimal"}
    made = client.post("/api/reports", json={"title": "Plan"}, headers=fields)
    assert (made.status_code, made.body) == (201, b"")
    assert made.headers["preference-applied"] == "return=minimal"
    url = made.headers["location"]
    assert client.get(url).headers["etag"] == made.headers["etag"]
    for send in (client.put, client.patch):
        done = send(url, json={"title": "New"}, headers=fields)
        assert (done.status_code, done.body) == (204, b"")
        assert client.get(url).headers["etag"] == done.headers["etag"]
    whole = client.patch(url, json={}, headers={"Prefer": "return=representation"})
    assert whole.headers["preference-applied"] == "return=representation"
    assert whole.json()["title"] == "New"
    assert "preference-applied" not in client.patch(url, json={}).headers


# Values.


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["/title"]),
        ({"title": "x", "id": 7}, ["/id"]),
        ({"title": 5, "stage": "secret"}, ["/title", "/stage"]),
        ({"title": "x", "team_id": 999}, ["/team_id"]),
        ({"title": "x", "labels": [999]}, ["/labels/0"]),
        ({"title": "x", "team_id": 2**62}, ["/team_id"]),
    ],
)
def test_every_wrong_value_is_named(site: Site, body: Any, wrong: list[str]) -> None:
    refused = site.client().post("/api/reports", json=body)
    assert refused.status_code == 422
    assert pointers(refused) == wrong


def test_constraints_of_the_database_are_conflicts_and_wrong_values(site: Site) -> None:
    client = site.client()
    site.add("Plan")
    taken = client.post("/api/reports", json={"title": "Plan"})
    assert taken.status_code == 409
    assert pointers(taken) == ["/title"]
    other = site.add("Other")
    assert client.patch(f"/api/reports/{other}", json={"title": "Plan"}).status_code == 409
    assert client.post("/api/reports", json={"title": "x", "cost": "-1"}).status_code == 422
    assert client.get("/api/reports").json()["items"][0]["title"] == "Other"


def test_labels_are_written_by_their_keys(site: Site) -> None:
    client = site.client()
    with site.database.session() as session:
        keys = sorted(session.scalars(select(Label.id)))
    made = client.post("/api/reports", json={"title": "Plan", "labels": keys})
    assert made.status_code == 201
    key = made.json()["id"]
    with site.database.session() as session:
        assert [label.id for label in session.get_one(Report, key).labels] == keys
    client.patch(f"/api/reports/{key}", json={"labels": []})
    with site.database.session() as session:
        assert session.get_one(Report, key).labels == []


@pytest.mark.parametrize("key", ["0", "x", "-1", "1.0", "9" * 30, "%00", "%F0%9F%98%80"])
def test_a_key_that_cannot_be_one_is_not_found(site: Site, key: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        options: Any = {"json": {"title": "x"}} if method in ("PUT", "PATCH") else {}
        assert site.client().request(method, f"/api/reports/{key}", **options).status_code == 404


@pytest.mark.parametrize("shelf", ["A", "a,b", "50%", "é ü", "%41", "x?y#z"])
def test_a_row_with_several_keys_has_one_address(site: Site, shelf: str) -> None:
    client = site.client(None)
    made = client.post("/api/places", json={"shelf": shelf, "number": 7})
    url = made.headers["location"]
    assert client.get(url).json() == {"shelf": shelf, "number": 7, "note": None}
    assert client.patch(url, json={"note": "x", "number": 7}).json()["note"] == "x"
    moved = client.put(url, json={"shelf": "B", "number": 8})
    assert pointers(moved) == ["/shelf", "/number"]
    assert client.put(url, json={"shelf": shelf, "number": 7}).json()["note"] is None
    assert client.get("/api/places/A").status_code == 404
    assert client.delete(url).status_code == 204


# Permissions and policies.


def test_without_permission_nothing_is_open(site: Site) -> None:
    key = site.add()
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/api/reports", None), ("GET", f"/api/reports/{key}", None),
        ("POST", "/api/reports", {"title": "x"}), ("PUT", f"/api/reports/{key}", {"title": "x"}),
        ("PATCH", f"/api/reports/{key}", {"title": "x"}), ("DELETE", f"/api/reports/{key}", None),
    ]  # fmt: skip
    expected = {None: [401] * 6, "ben": [200, 200, 403, 403, 403, 403], "cleo": [403] * 6}
    for name, statuses in expected.items():
        client = site.client(name)
        for (method, url, body), status in zip(calls, statuses, strict=True):
            options: Any = {} if body is None else {"json": body}
            response = client.request(method, url, **options)
            assert response.status_code == status, (name, method)
            if status == 401:
                assert response.headers["www-authenticate"]
            if status >= 400:
                assert response.headers["content-type"] == "application/problem+json"
    assert site.row(key).title == "Plan"
    # Nobody learns by a wrong body what a body should be.
    assert site.client("ben").post("/api/reports", json={"x": 1}).status_code == 403


def test_access_can_be_opened_for_one_kind(site: Site) -> None:
    fields = {"Idempotency-Key": "a"}
    assert site.client(None).get("/api/devices").status_code == 200
    assert site.client(None).post("/api/devices", json={"serial": "s"}).status_code == 401
    client = site.client("cleo")
    assert client.post("/api/devices", json={"serial": "s"}).status_code == 400
    made = client.post("/api/devices", json={"serial": "a/b ü"}, headers=fields)
    assert made.status_code == 201
    again = client.post("/api/devices", json={"serial": "a/b ü"}, headers=fields)
    assert (again.status_code, again.body) == (201, made.body)
    assert made.headers["location"] == "/api/devices/a%2Fb%20%C3%BC"
    # RFC 9745 and RFC 8594, also on errors.
    for response in (made, client.get("/api/devices?x=1"), client.delete("/api/devices/s")):
        assert response.headers["deprecation"] == "@1767225600"
        assert response.headers["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert '</v2/devices>; rel="successor-version"' in made.headers["link"]


def test_a_version_column_is_the_state(site: Site) -> None:
    client = site.client("cleo")
    made = client.post("/api/devices", json={"serial": "s1"}, headers={"Idempotency-Key": "k"})
    url, etag = made.headers["location"], made.headers["etag"]
    assert client.get(url).headers["etag"] == etag
    moved = client.patch(url, json={"serial": "s2"}, headers={"If-Match": etag})
    assert moved.status_code == 200
    assert moved.json()["version"] == 2
    late = client.patch("/api/devices/s2", json={"serial": "s3"}, headers={"If-Match": etag})
    assert late.status_code == 412


class OwnTeam(policies.Policy):
    def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
        return statement.join(Report.team).where(Team.name == "North")

    def allows(self, user: Any, action: str, row: Any) -> bool:
        return row.title != "Closed" and super().allows(user, action, row)


class NorthOnly(policies.Policy):
    def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
        return statement.where(Team.name == "North")


@pytest.fixture
def ruled(site: Site) -> Iterator[Site]:
    policies.policy(Report)(OwnTeam)
    policies.policy(Team)(NorthOnly)
    yield site
    policies.remove_policy(Report)
    policies.remove_policy(Team)


def test_a_row_out_of_scope_does_not_exist(ruled: Site) -> None:
    north, south = ruled.team("North"), ruled.team("South")
    seen, hidden = ruled.add("Seen", team_id=north), ruled.add("Hidden", team_id=south)
    client = ruled.client()
    assert [r["id"] for r in client.get("/api/reports").json()["items"]] == [seen]
    absent = client.get("/api/reports/999999")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        options: Any = {"json": {"title": "x"}} if method in ("PUT", "PATCH") else {}
        response = client.request(method, f"/api/reports/{hidden}", **options)
        assert response.status_code == 404
        assert response.json()["detail"] == absent.json()["detail"]
    assert ruled.row(hidden).title == "Hidden"


def test_no_row_is_moved_or_added_out_of_scope(ruled: Site) -> None:
    north, south = ruled.team("North"), ruled.team("South")
    key = ruled.add("Seen", team_id=north)
    client = ruled.client()
    for team in (south, 999):
        for send, url in ((client.post, "/api/reports"), (client.put, f"/api/reports/{key}"),
                          (client.patch, f"/api/reports/{key}")):  # fmt: skip
            refused = send(url, json={"title": "New", "team_id": team})
            assert refused.status_code == 422
            assert pointers(refused) == ["/team_id"]
            assert refused.json()["errors"][0]["detail"].startswith("This row does not exist")
    assert client.post("/api/reports", json={"title": "No team"}).status_code == 403
    assert client.patch(f"/api/reports/{key}", json={"team_id": None}).status_code == 403
    assert ruled.row(key).team_id == north
    assert client.post("/api/reports", json={"title": "Own", "team_id": north}).status_code == 201


def test_a_row_that_may_be_read_may_be_closed_to_changes(ruled: Site) -> None:
    key = ruled.add("Closed", team_id=ruled.team("North"))
    client, url = ruled.client(), f"/api/reports/{key}"
    assert client.get(url).status_code == 200
    assert client.put(url, json={"title": "x"}).status_code == 403
    assert client.patch(url, json={"title": "x"}).status_code == 403
    assert client.delete(url).status_code == 403
    with ruled.database.session() as session:
        session.delete(session.get_one(Report, key))
    body = {"title": "Closed", "team_id": ruled.team("North")}
    assert client.post("/api/reports", json=body).status_code == 403
    assert client.post("/api/reports", json={**body, "title": "New"}).status_code == 201


def test_a_deletion_reaches_no_row_that_may_not_be_deleted(ruled: Site) -> None:
    team = ruled.team("North")
    key = ruled.add("Closed", team_id=team)
    client = ruled.client()
    etag = client.get(f"/api/teams/{team}").headers["etag"]
    assert client.delete(f"/api/teams/{team}", headers={"If-Match": etag}).status_code == 403
    with ruled.database.session() as session:
        session.get_one(Report, key).title = "Open"
    assert client.delete(f"/api/teams/{team}", headers={"If-Match": etag}).status_code == 204
    assert ruled.row(key) is None


def test_related_rows_out_of_scope_are_left_out(site: Site) -> None:
    policies.policy(Team)(NorthOnly)
    try:
        key = site.add(team_id=site.team("South"))
        client = site.client()
        assert client.get(f"/api/reports/{key}").json()["team"] is None
        assert client.get("/api/reports").json()["items"][0]["team"] is None
        # It stays what it is, as long as nobody changes it.
        assert client.patch(f"/api/reports/{key}", json={"summary": "x"}).status_code == 200
        body = {"title": "Plan", "team_id": site.team("South")}
        assert client.put(f"/api/reports/{key}", json=body).status_code == 200
    finally:
        policies.remove_policy(Team)


def test_hidden_labels_stay_when_others_are_replaced(site: Site) -> None:
    class Hot(policies.Policy):
        def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
            return statement.where(Label.word == "hot")

    with site.database.session() as session:
        hot = session.scalars(select(Label)).one()
        cold = Label(word="cold")
        report = Report(title="Plan", labels=[hot, cold])
        session.add(report)
        session.flush()
        key, hidden = report.id, cold.id
    policies.policy(Label)(Hot)
    try:
        client = site.client()
        assert client.patch(f"/api/reports/{key}", json={"labels": []}).status_code == 200
        refused = client.patch(f"/api/reports/{key}", json={"labels": [hidden]})
        assert pointers(refused) == ["/labels/0"]
    finally:
        policies.remove_policy(Label)
    with site.database.session() as session:
        assert [label.id for label in session.get_one(Report, key).labels] == [hidden]


# What a project changes.


def test_hooks_see_rows_before_and_after_they_are_written(site: Site) -> None:
    seen: list[tuple[str, object]] = []

    class Hooked(Reports):
        name = "report"
        actions = ("create", "patch", "delete")

        def statement(self) -> Select[Any]:
            return super().statement().where(Report.stage == Stage.OPEN)

        def new_row(self, values: Any) -> Any:
            return super().new_row({**values, "stage": Stage.OPEN})

        def before_save(self, row: Any, *, is_new: bool) -> None:
            if row.title == "Forbidden":
                raise Problem(409, title="Not this one")
            seen.append(("before", row.id))

        def after_save(self, row: Any, *, is_new: bool) -> None:
            seen.append(("after", is_new))

        def before_delete(self, row: Any) -> None:
            seen.append(("delete", row.id))

    app = Application(
        DATABASE_URL=site.database.url.render_as_string(False), SECRET_KEY="k" * 40,
        MIDDLEWARES=site.app.config.MIDDLEWARES,
    )  # fmt: skip
    for route in Hooked.routes("/r"):
        app.add_route(*route)
    client = Client(app)
    client.sign_in(site.people["ada"])
    draft = site.add("Draft")
    made = client.post("/r", json={"title": "Plan"})
    key = made.json()["id"]
    assert made.json()["stage"] == "open"
    assert client.post("/r", json={"title": "Forbidden"}).status_code == 409
    assert client.patch(f"/r/{draft}", json={"title": "x"}).status_code == 404
    assert client.patch(f"/r/{key}", json={"title": "x"}).status_code == 200
    assert client.delete(f"/r/{key}").status_code == 204
    assert client.get("/r").status_code == 405
    assert seen == [("before", None), ("after", True), ("before", key), ("after", False),
                    ("delete", key)]  # fmt: skip
    app.db_manager.dispose()


def test_a_route_before_takes_the_place_of_one(site: Site) -> None:
    app = Application(
        DATABASE_URL=site.database.url.render_as_string(False), SECRET_KEY="k" * 40,
        MIDDLEWARES=site.app.config.MIDDLEWARES,
    )  # fmt: skip

    def create(body: ReportIn) -> tuple[dict[str, str], int]:
        return {"queued": body.title}, 202

    app.add_route("/r", create, ["POST"], requires_auth=False)
    for route in Reports.routes("/r"):
        app.add_route(*route)
    client = Client(app)
    assert client.post("/r", json={"title": "x"}).status_code == 202
    assert client.get("/r").status_code == 401
    assert "POST" in client.request("OPTIONS", "/r").headers["allow"]
    app.db_manager.dispose()


def test_a_method_may_answer_anything_a_view_may(site: Site) -> None:
    class Own(Reports):
        name = "report"

        def read_row(self, **variables: Any) -> Any:
            return {"title": self.find(**variables).title}, 203

    app = Application(
        DATABASE_URL=site.database.url.render_as_string(False), SECRET_KEY="k" * 40,
        MIDDLEWARES=site.app.config.MIDDLEWARES,
    )  # fmt: skip
    for route in Own.routes("/r"):
        app.add_route(*route)
    client = Client(app)
    client.sign_in(site.people["ben"])
    answer = client.get(f"/r/{site.add()}")
    assert (answer.status_code, answer.json()) == (203, {"title": "Plan"})
    app.db_manager.dispose()


def test_operations_are_described(site: Site) -> None:
    found = {
        (operation.method, operation.route.path): operation
        for route in site.app.router.routes
        if route.path.startswith("/api/")
        for operation in operations_of(route, site.app.dependencies)
    }
    listed = found["GET", "/api/reports"]
    assert [p.name for p in listed.parameters][:2] == ["title", "ordering"]
    assert listed.answers[0].type.__origin__.__name__ == "Page"
    assert listed.summary == "List reports."
    patched = found["PATCH", "/api/reports/{id:int}"]
    assert patched.body is not None
    assert patched.body.media_types[0] == "application/merge-patch+json"
    assert {p.name: p.location for p in patched.parameters} == {
        "id": "path", "If-Match": "header", "Prefer": "header",
    }  # fmt: skip
    assert {401, 403, 404, 409, 412, 415, 422} <= set(patched.errors)
    required = found["DELETE", "/api/teams/{id:int}"]
    assert 428 in required.errors
    assert required.parameters[1].required
    assert found["GET", "/api/devices/{serial}"].parameters[0].type is str
    assert 401 not in found["GET", "/api/devices"].errors
    assert not any(method == "OPTIONS" for method, _ in found)
    assert msgspec.json.schema(patched.body.type)


def resource(**attributes: Any) -> Any:
    base = {"model": Report, "read": ReportOut, "create": ReportIn}
    kept = {name: value for name, value in {**base, **attributes}.items() if value is not ...}
    wrong: Any = type("Wrong", (Resource,), kept)
    return wrong.routes("/x")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"model": ...}, "has no model: write model = "),
        ({"read": ...}, "has no read"),
        ({"actions": ("list", "reed")}, "names 'reed'; use .*did you mean read"),
        ({"actions": "list"}, r"actions is text; write \('list',\)"),
        ({"actions": ("create",), "create": None}, "names 'create', and the class has no struct"),
        ({"access": {"read": PUBLIC}}, "names 'read'; use view"),
        ({"access": {"view": None}}, "use PUBLIC, SIGNED_IN"),
        ({"filter": type("F", (Filter,), {}, model=Team)}, "is for Team, not for Report"),
        ({"lookup": "slug"}, "lookup names 'slug'"),
        ({"if_match": True}, "if_match is True"),
        ({"idempotency": "always"}, "idempotency is 'always'"),
        ({"create": msgspec.defstruct("C", [("titel", str)])}, "takes 'titel'"),
        ({"model": Team, "create": msgspec.defstruct("C", [("reports", list[int])])},
         "takes the relationship 'reports'"),
        ({"deprecated": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"deprecated": datetime(2026, 1, 1, tzinfo=UTC),
          "sunset": datetime(2025, 1, 1, tzinfo=UTC)}, "is before the deprecation"),
    ],
)  # fmt: skip
def test_mistakes_stop_the_start(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resource(**attributes)


def test_a_resource_for_reading_alone_has_two_routes() -> None:
    class ReadOnly(Resource):
        model = Report
        read = ReportOut
        actions = ("list", "read")

    routes = ReadOnly.routes("api/reports/")
    assert [(route[0], route[2], route[3]) for route in routes] == [
        ("/api/reports", ["GET"], "report-list"),
        ("/api/reports/{id:int}", ["GET"], "report-read"),
    ]
    assert all(route[4] for route in routes)
    assert [entry[0] for entry in routes if getattr(entry[1], "permissions_wanted", ())]


def test_rows_are_read_with_one_query_for_each_relationship(site: Site) -> None:
    for number in range(4):
        site.add(f"R{number}", team_id=site.team("North"))
    statements: list[str] = []
    from sqlalchemy import event

    engine = site.app.db_manager.engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    site.client().get("/api/reports?limit=4")
    assert sum("api_teams" in statement for statement in statements) == 1


def test_session_is_the_one_of_the_request(site: Site) -> None:
    made: list[Session] = []

    class Watched(Reports):
        name = "report"

        def list_rows(self) -> Any:
            made.append(self.session)
            assert self.session is self.request.db_session
            return super().list_rows()

    app = Application(
        DATABASE_URL=site.database.url.render_as_string(False), SECRET_KEY="k" * 40,
        MIDDLEWARES=site.app.config.MIDDLEWARES,
    )  # fmt: skip
    for route in Watched.routes("/r"):
        app.add_route(*route)
    client = Client(app)
    client.sign_in(site.people["ada"])
    assert client.get("/r").status_code == 200
    assert made
    app.db_manager.dispose()
