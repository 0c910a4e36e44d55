"""Constraints of the database that a typed view violates: 409 for conflicts, else 500."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Annotated

import msgspec
import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, Request
from lback.api import Status
from lback.database import Base, DatabaseManager
from lback.middleware import csrf_exempt
from lback.testing import Client


class Shelf(Base):
    __tablename__ = "shelves_of_conflicts"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(40), unique=True)
    above_id: Mapped[int | None] = mapped_column(ForeignKey("shelves_of_conflicts.id"))


class ShelfIn(msgspec.Struct):
    label: str | None
    above_id: int | None = None


@pytest.fixture
def app(database: DatabaseManager) -> Application:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=database.engine.url.render_as_string(hide_password=False),
    )

    @csrf_exempt
    def add(request: Request, shelf: ShelfIn) -> Annotated[None, Status(204)]:
        request.db_session.add(Shelf(label=shelf.label, above_id=shelf.above_id))

    @csrf_exempt
    def add_plainly(request: Request) -> str:
        request.db_session.add(Shelf(label="A"))
        return "added"

    app.add_route("/shelves", add, ["POST"], requires_auth=False)
    app.add_route("/plain", add_plainly, ["POST"], requires_auth=False)
    return app


def test_of_two_requests_that_add_one_row_at_once_one_is_a_conflict(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    start = Barrier(4)

    def add(_: int) -> tuple[int, str]:
        start.wait()
        response = Client(app).post("/shelves", json={"label": "secret label"})
        return response.status_code, response.text

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(add, range(4)))
    assert [status for status, _ in answers] == [204, 409, 409, 409]
    assert "A row with these values exists already." in answers[1][1]
    assert "secret label" not in answers[1][1] + caplog.text
    assert "ERROR" not in caplog.text
    app.db_manager.dispose()


def test_a_row_that_refers_to_a_missing_one_is_a_conflict(app: Application) -> None:
    response = Client(app).post("/shelves", json={"label": "B", "above_id": 4711})
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    app.db_manager.dispose()


def test_other_violations_and_plain_views_are_failures(app: Application) -> None:
    client = Client(app)
    assert client.post("/shelves", json={"label": None}).status_code == 500
    assert client.post("/plain").status_code == 200
    assert client.post("/plain").status_code == 500
    app.db_manager.dispose()


def test_a_plain_view_below_an_api_prefix_answers_as_the_api_does(
    database: DatabaseManager,
) -> None:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=database.engine.url.render_as_string(hide_password=False),
        API_PREFIXES=["/api/"],
    )

    @csrf_exempt
    def add(request: Request) -> str:
        request.db_session.add(Shelf(label="A"))
        return "added"

    app.add_route("/api/shelves", add, ["POST"], requires_auth=False)
    assert Client(app).post("/api/shelves").status_code == 200
    assert Client(app).post("/api/shelves").status_code == 409
    page = Client(app).post("/api/shelves", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"][:9]) == (500, "text/html")
    app.db_manager.dispose()
