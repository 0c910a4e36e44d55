"""No number, date or token of a client brings the admin down, whatever the column keeps."""

import enum
import json
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, Float, ForeignKey, Numeric, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application
from lback.admin import ModelAdmin
from lback.auth.sign_in import begin
from lback.database import Base
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")


class Kind(enum.Enum):
    ONE = 1


class NumbersMeasure(Base):
    __tablename__ = "admin_measures"

    id: Mapped[int] = mapped_column(primary_key=True)
    whole: Mapped[int | None]
    small: Mapped[int | None] = mapped_column(SmallInteger)
    big: Mapped[int | None] = mapped_column(BigInteger)
    real: Mapped[float | None] = mapped_column(Float)
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    code: Mapped[uuid.UUID | None]
    kind: Mapped[Kind | None]
    day: Mapped[date | None]
    hour: Mapped[time | None]
    at: Mapped[datetime | None]
    text: Mapped[str | None] = mapped_column(String(20))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("admin_measures.id"))
    parent: Mapped["NumbersMeasure | None"] = relationship(remote_side="NumbersMeasure.id")


COLUMNS = ("whole", "small", "big", "real", "price", "code", "kind", "day", "hour", "at", "text")


class MeasureAdmin(ModelAdmin):
    slug = "measure"
    list_columns = ("id", *COLUMNS)
    search_columns = ("=whole", "^text", "big", "=at")
    filters = (*COLUMNS, "parent", "parent_id", "id")
    ordering = ("id",)
    date_hierarchy = "at"


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL=database_url,
        SESSION_STORE="memory",
    )
    app.db_manager.create_tables()
    app.admin_registry.register(NumbersMeasure, MeasureAdmin)
    app.include("lback.admin.urls", "/admin")
    with app.db_manager.session() as session:
        root = app.admin_user_manager.register(
            session, "root", "correct horse battery", is_superuser=True
        )
        session.add(NumbersMeasure(id=1, whole=1))
        visit = app.session_manager.create()
        begin(visit, root)
    app.session_manager.save(visit)
    client = Client(app)
    client.cookies["session"] = visit.session_id or ""
    yield client
    with app.db_manager.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    app.db_manager.dispose()


NUMBERS = [
    "9" * 10, "9" * 19, "9" * 20, "-" + "9" * 20, "1" * 199, "1e400", "1e9999999", "nan", "-inf",
    "\u0661", "32768", "2147483648", "9223372036854775808",
]  # fmt: skip
DATES = [
    "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2026-01-01T00:00:00",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "24:00", "12345678901234567890",
]  # fmt: skip
OTHERS = ["x", "~", "ONE", str(uuid.UUID(int=1)), "\ud800", "%00"]


@pytest.mark.parametrize("name", [*COLUMNS, "parent", "parent_id", "id"])
def test_no_filter_brings_a_list_down(client: Client, name: str) -> None:
    for value in (*NUMBERS, *DATES, *OTHERS):
        sent = value.encode("utf-8", "surrogatepass")
        answer = client.get("/admin/measure", query={f"is-{name}": sent})
        assert answer.status_code in (200, 400, 414), (name, value)


@pytest.mark.parametrize("name", COLUMNS)
def test_no_page_token_brings_a_list_down(client: Client, name: str) -> None:
    values: list[Any] = [
        *NUMBERS, *DATES, *OTHERS, 10**20, 2**31, 2**63 - 1, 1e300, True, None, [],
    ]  # fmt: skip
    for value in values:
        for place in ("after", "before"):
            token = urlsafe_b64encode(json.dumps([value, 1]).encode()).decode().rstrip("=")
            query = {"sort": name, place: token}
            answer = client.get("/admin/measure", query=query)
            assert answer.status_code in (200, 400, 414), (name, value)


def test_no_key_date_or_search_brings_a_page_down(client: Client) -> None:
    for value in (*NUMBERS, *DATES, "x", "~", "%00"):
        for url, query in (
            ("/admin/measure", {"date": value}),
            ("/admin/measure", {"q": value}),
            ("/admin/measure/find", {"q": value}),
            ("/admin/history", {"before": value}),
        ):
            answer = client.get(url, query=query)
            assert answer.status_code in (200, 400, 414), (url, value)
        for url in ("", "/history", "/delete", "/file/text"):
            answer = client.get(f"/admin/measure/row/{value[:300]}{url}")
            assert answer.status_code in (200, 400, 404), (url, value)
        act = {"action": "delete", "key": value}
        assert client.post("/admin/measure", data=act).status_code in (200, 303), value
