"""Who sees the pages and logs of a developer learns no secret, however it is spelt."""

import html
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from sqlalchemy.exc import IntegrityError

from lback import Application, Config, Request
from lback.core import setup_logging
from lback.core.errors.redaction import Redactor, without_values
from lback.testing import Client
from lback.users import User

KEY = "k<T4&q9'Zp\"W2_xR7mL8v\\Nc-é"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAo\n-----END"
NAME, EMAIL, HASH = "ada-of-the-test", "ada@secret.example", "x-hash"
PASSWORD = "pass'wo<rd & more"


class Shop:
    """A shop whose views fail in many ways."""

    settings: ClassVar[dict[str, Any]] = {
        "DEBUG": True,
        "SECRET_KEY": KEY,
        "PAYMENT_PASSWORD": PASSWORD,
        "SIGNING_KEY": PEM,
    }

    def text(self) -> str:
        raise RuntimeError(f"refused: {KEY} {PASSWORD}")

    def quoted(self) -> str:
        raise KeyError({"key": KEY, "password": PASSWORD, "raw": KEY.encode()})

    def in_a_url(self) -> str:
        raise OSError(f"https://pay.example/?key={quote(KEY)}&p=ada:{quote(PASSWORD, safe='')}")

    def noted(self) -> str:
        error = RuntimeError("away")
        error.add_note(f"tried {PASSWORD} and {KEY}")
        raise error from RuntimeError(KEY)

    def by_lines(self) -> str:
        raise RuntimeError(" | ".join(PEM.split("\n")))


def spellings(secret: str) -> list[str]:
    whole = [secret, secret.replace("&", "&amp;").replace("<", "&lt;"), repr(secret)[1:-1]]
    return [*whole, quote(secret, safe=""), quote(secret), str(secret.encode())[2:-1]]


SECRETS = [*spellings(KEY), *spellings(PASSWORD), "MIIEvQIBADANBgkqhkiG9w0"]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    setup_logging(Config(None, settings={**Shop.settings, "LOGGING_LEVEL": "DEBUG"}))
    handler = next(h for h in logging.getLogger().handlers if h.get_name() == "lback")
    assert isinstance(handler, logging.StreamHandler)
    text = io.StringIO()
    handler.setStream(text)
    yield text
    handler.setStream(io.StringIO())


@pytest.mark.parametrize("name", ["text", "quoted", "in_a_url", "noted", "by_lines"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_secret_of_the_settings_is_in_no_page_and_no_log(
    log: io.StringIO, name: str, accept: str
) -> None:
    app = Application(**Shop.settings, MIDDLEWARES=[])
    app.add_route("/", getattr(Shop(), name), requires_auth=False)
    answer = Client(app).get("/", headers={"Accept": accept})
    assert answer.status_code == 500
    for where in (answer.text, log.getvalue()):
        assert "********" in where
        assert [text for text in SECRETS if text in where] == []


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Cookie": "session=the-secret-of-ada"}},
        {"headers": {"Authorization": "Bearer the-secret-of-ada"}},
        {"headers": {"X-Api-Key": "the-secret-of-ada"}},
        {"query": {"token": "the-secret-of-ada"}},
        {"query": {"next": "/reset/the-secret-of-ada"}},
        {"data": {"password": "the-secret-of-ada"}},
        {"json": {"new_password": "the-secret-of-ada"}},
        {"headers": {"Referer": "http://localhost/reset/the-secret-of-ada"}},
    ],
    ids=lambda options: str(next(iter(options.values()))),
)
def test_a_secret_of_a_request_is_in_no_page_and_no_traceback(
    log: io.StringIO, options: dict[str, Any], accept: str
) -> None:
    def view(request: Request) -> str:
        _ = request.parsed_body
        raise RuntimeError("cannot take the-secret-of-ada here")

    app = Application(**Shop.settings, MIDDLEWARES=["lback.middleware.BodyParsingMiddleware"])
    app.add_route("/", view, ["GET", "POST"], requires_auth=False)
    app.add_route("/reset/{token}", view, requires_auth=False)
    headers = {"Accept": accept, **options.get("headers", {})}
    method = "POST" if {"data", "json"} & set(options) else "GET"
    answer = Client(app).request(method, "/", **{**options, "headers": headers})
    assert answer.status_code == 500
    # The referrer lets nobody in by its name; that it is masked where it is shown is enough.
    if "Referer" not in headers:
        assert "the-secret-of-ada" not in log.getvalue()
        assert "cannot take the-secret" not in answer.text
    assert "/the-secret-of-ada" not in answer.text + log.getvalue()
    assert "=the-secret-of-ada" not in answer.text + log.getvalue()


def test_a_client_hides_nothing_of_its_own_line_in_the_log(log: io.StringIO) -> None:
    middlewares = ["lback.middleware.AccessLogMiddleware"]
    app = Application(**Shop.settings, MIDDLEWARES=middlewares, ALLOWED_HOSTS=["localhost"])
    app.add_route("/", lambda request: "home", requires_auth=False)
    client = Client(app, environ={"REMOTE_ADDR": "203.0.113.9"})
    client.get("/", query={"token": "203.0.113.9", "password": "lback.access"})
    assert "lback.access: 203.0.113.9 GET / 200 " in log.getvalue()


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_no_value_of_a_statement_is_shown(log: io.StringIO, accept: str, database_url: str) -> None:
    app = Application(**Shop.settings, MIDDLEWARES=[], DATABASE_URL=database_url)
    app.db_manager.create_tables()

    def view(request: Request) -> str:
        for _ in range(2):
            user = User(username=NAME, email=EMAIL, password_hash=HASH)
            request.db_session.add(user)
            request.db_session.flush()
        return "never"

    app.add_route("/", view, requires_auth=False)
    try:
        answer = Client(app).get("/", headers={"Accept": accept})
    finally:
        app.db_manager.dispose()
    assert answer.status_code == 500
    assert "IntegrityError" in answer.text
    for where in (answer.text, log.getvalue()):
        assert [text for text in (NAME, EMAIL, HASH) if text in where] == []


@pytest.mark.parametrize(
    "text",
    [
        "[SQL: INSERT]\n[parameters: ('ada', 'x ] y')]\n(Background)",
        "[parameters: [('ada',), ('bob',)]]",
        "[cached parameters: {'name': 'ada'}]",
        "DETAIL:  Key (email)=(ada) already exists.",
        "DETAIL:  Failing row contains (1, ada, hash).",
        "(1062, \"Duplicate entry 'ada' for key 'email'\")",
    ],
)
def test_messages_of_databases_lose_their_values(text: str) -> None:
    assert "ada" not in without_values(text)
    assert "********" in without_values(text)


def test_what_holds_no_values_stays_as_it_is() -> None:
    error = IntegrityError("SELECT 1", None, Exception("no such column: adam"))
    assert without_values(str(error)) == str(error)


@pytest.mark.parametrize(
    "spelt",
    [html.escape, lambda text: str(markupsafe.escape(text)), repr, json.dumps, quote, quote_plus],
    ids=["html", "jinja", "repr", "json", "path", "query"],
)
def test_a_secret_is_masked_however_it_is_escaped(spelt: Callable[[str], str]) -> None:
    secret = "k&y <of> the 'shop' \"9ZpW2\""
    redact = Redactor(Config(None, settings={"SHOP_API_KEY": secret}))
    text = redact(f"read {spelt(secret)} from the settings")
    assert "9ZpW2" not in text
    assert "shop" not in text
