"""What waits for the commit of a request: functions, and mail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from lback import Application, BaseMiddleware, Forbidden, Request, Response, after_commit
from lback.core import SignalDispatcher
from lback.mail import Mail
from lback.testing import Client

MAIL = Mail("ada@example.org", "Your order", "Thank you.")
seen: list[str] = []


@pytest.fixture
def app(database_url: str) -> Iterator[Application]:
    seen.clear()
    app = Application(
        dispatcher=SignalDispatcher(), SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"], DATABASE_URL=database_url, MAIL_BACKEND="memory",
        MAIL_FROM="shop@example.org",
    )  # fmt: skip
    yield app
    app.db_manager.dispose()


def visit(app: Application, view: Callable[..., Any]) -> int:
    app.add_route("/", view, requires_auth=False)
    return Client(app).get("/").status_code


def touch(request: Request) -> None:
    request.db_session.execute(text("SELECT 1"))


@pytest.mark.parametrize("is_read", [False, True], ids=["without a session", "with a session"])
@pytest.mark.parametrize(
    ("end", "status", "expected"),
    [
        (lambda: "done", 200, ["first", "second"]),
        (lambda: Response("moved", 303), 303, ["first", "second"]),
        (lambda: ("no", 422), 422, []),
        (Forbidden, 403, []),
        (LookupError, 500, []),
    ],
    ids=["200", "303", "422", "403", "500"],
)
def test_functions_run_if_the_request_is_committed(
    app: Application, is_read: bool, end: Callable[[], Any], status: int, expected: list[str]
) -> None:
    def view(request: Request) -> Any:
        request.after_commit(seen.append, "first")
        if is_read:
            touch(request)
        after_commit(seen.append, "second")
        assert seen == []
        result = end()
        if isinstance(result, Exception):
            raise result
        return result

    assert visit(app, view) == status
    assert seen == expected


def test_mail_of_a_request_that_fails_is_not_sent(app: Application) -> None:
    def order(request: Request, mailer: Any) -> str:
        mailer.send_later(MAIL)
        if request.query_params.get("fails"):
            touch(request)
            raise LookupError("no stock")
        return "thanks"

    app.add_route("/", order, requires_auth=False)
    client = Client(app)

    assert client.get("/?fails=1").status_code == 500
    assert app.mailer.outbox == []
    assert client.get("/").status_code == 200
    assert len(app.mailer.outbox) == 1


def test_mail_of_an_error_handler_is_sent(app: Application) -> None:
    @app.exception_handler(LookupError)
    def alert(request: Request, error: LookupError, mailer: Any) -> tuple[str, int]:
        mailer.send_later(MAIL)
        return "sorry", 500

    def view(request: Request) -> str:
        touch(request)
        raise LookupError

    assert visit(app, view) == 500
    assert len(app.mailer.outbox) == 1


def test_mail_outside_of_a_request_is_sent(app: Application) -> None:
    app.mailer.send_later(MAIL)
    assert len(app.mailer.outbox) == 1
    with pytest.raises(LookupError), app.db_manager.session():
        app.mailer.send_later(MAIL)
        raise LookupError
    assert len(app.mailer.outbox) == 1
    with app.db_manager.session():
        app.mailer.send_later(MAIL)
    assert len(app.mailer.outbox) == 2


def test_a_middleware_and_the_view_share_the_transaction(app: Application) -> None:
    class Visits(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            after_commit(seen.append, "middleware")

        def process_response(self, request: Request, response: Response) -> Response:
            seen.append("response hook")
            return response

    def view(request: Request) -> str:
        touch(request)
        after_commit(seen.append, "view")
        return "done"

    app.add_middleware(Visits())
    assert visit(app, view) == 200
    assert seen == ["middleware", "view", "response hook"]


def test_a_commit_of_the_view_runs_what_was_added_before_it(app: Application) -> None:
    def view(request: Request) -> str:
        after_commit(seen.append, "before")
        request.db_session.commit()
        after_commit(seen.append, "after")
        raise LookupError

    assert visit(app, view) == 500
    assert seen == ["before"]


def test_requests_do_not_share_what_waits(app: Application) -> None:
    def view(request: Request) -> str:
        after_commit(seen.append, str(request.query_params["n"]))
        if request.query_params["n"] == "1":
            raise LookupError
        touch(request)
        return "done"

    app.add_route("/", view, requires_auth=False)
    client = Client(app)
    for number in "123":
        client.get(f"/?n={number}")

    assert seen == ["2", "3"]
