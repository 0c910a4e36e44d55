"""CSRF (class 15): nobody but a page of ours, in the hands of the same visitor, changes a thing."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lback import Application, HTMLResponse, Request, Response, render
from lback.auth import ApiKeyManager
from lback.core import ConfigurationError
from lback.database import DatabaseManager
from lback.middleware import CSRFMiddleware, csrf_exempt, csrf_token, rotate_csrf_token
from lback.sessions import SessionManager
from lback.testing import Client
from lback.users import User, UserManager

SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["localhost", "shop.example"],
    "MIDDLEWARES": ["lback.middleware.BodyParsingMiddleware"],
}
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "PURGE", "post", "X-ANY"]


def form(request: Request) -> Response:
    return render(request, "form.html")


def plain(request: Request) -> Response:
    return render(request, "plain.html")


def change(request: Request) -> str:
    return f"changed {dict(request.POST).get('name', '')}"


def token(request: Request) -> str:
    return csrf_token(request)


def sign_in(request: Request) -> str:
    rotate_csrf_token(request)
    return csrf_token(request)


@csrf_exempt
def webhook(request: Request) -> str:
    return "received"


@csrf_exempt
class Open:
    def post(self, request: Request) -> str:
        return "open"


class Inheriting(Open):
    """Nobody has opened this one."""


@pytest.fixture
def app(session_middleware: Any, tmp_path: Path) -> Application:
    return build(session_middleware, tmp_path)


def build(session_middleware: Any, directory: Path, **settings: Any) -> Application:
    (directory / "form.html").write_text(
        "<form method=post>{{ csrf_input }}<b>{{ csrf_token }}</b>"
    )
    (directory / "plain.html").write_text("nothing")
    app = Application(**{**SETTINGS, "TEMPLATE_DIRS": [str(directory)], **settings})
    app.add_middleware(session_middleware)
    app.add_middleware(CSRFMiddleware)
    app.add_route("/form", form, requires_auth=False)
    app.add_route("/plain", plain, requires_auth=False)
    app.add_route("/token", token, requires_auth=False)
    app.add_route("/change", change, [*UNSAFE, "GET"], requires_auth=False)
    app.add_route("/sign-in", sign_in, ["POST"], requires_auth=False)
    app.add_route("/webhook", webhook, ["POST"], requires_auth=False)
    app.add_route("/open", Open, ["POST"], requires_auth=False)
    app.add_route("/inheriting", Inheriting, ["POST"], requires_auth=False)
    return app


def browser(app: Application, **options: Any) -> Client:
    return Client(app, enforce_csrf=True, **options)


# What passes.


def test_a_form_of_ours_is_taken(app: Application) -> None:
    client = browser(app)
    page = client.get("/form").text
    field = re.search(r'<input type="hidden" name="csrf_token" value="([^"]+)">', page)
    assert field is not None
    answer = client.post("/change", data={"name": "Ann", "csrf_token": field[1]})
    assert answer.text == "changed Ann"


def test_a_script_sends_the_token_in_a_header(app: Application) -> None:
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text}
    for method in UNSAFE:
        assert client.request(method, "/change", headers=headers).status_code == 200
    assert client.post("/change", json={"name": "Ann"}, headers=headers).text == "changed Ann"


def test_a_multipart_form_is_taken(app: Application) -> None:
    client = browser(app)
    data = {"csrf_token": client.get("/token").text, "name": "Ann"}
    assert client.post("/change", data=data, files={"file": b"x"}).text == "changed Ann"


def test_a_token_in_the_header_leaves_the_body_alone(app: Application) -> None:
    seen: list[bytes] = []

    def upload(request: Request) -> str:
        stream = request.get_body_stream()
        assert stream is not None
        seen.append(stream.read())
        return "taken"

    app.add_route("/upload", upload, ["POST"], requires_auth=False)
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text}
    client.post("/upload", data={"a": "1"}, headers=headers)
    assert seen == [b"a=1"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_no_token(app: Application, method: str) -> None:
    assert browser(app).request(method, "/change").status_code in (200, 204)


def test_the_test_client_need_not_care(app: Application) -> None:
    assert Client(app).post("/change", data={"name": "Ann"}).text == "changed Ann"


# What is refused, and never as a failure of ours.

HOSTILE_TOKENS = [
    "", " ", "None", "null", "undefined", "0", "é", "\u2028", "\x00", "a" * 86, "=" * 86,
    "A" * 43, "A" * 85, "A" * 87, "A" * 100_000, "%00", "../../", "' OR 1=1", "-" * 86, "_" * 86,
    "A" + "!" * 85,
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE_TOKENS, ids=lambda value: repr(value[:12]))
def test_no_other_token_passes(app: Application, hostile: str) -> None:
    client = browser(app)
    client.get("/token")
    assert client.post("/change", data={"csrf_token": hostile}).status_code == 403
    assert client.post("/change", data={"csrf_token": hostile}, files={}).status_code == 403
    in_header = hostile.encode("utf-8").decode("latin-1").replace("\x00", "")
    assert client.post("/change", headers={"X-CSRF-Token": in_header}).status_code == 403


@given(sent=st.text(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_taken_for_a_token(app: Application, sent: str) -> None:
    client = browser(app)
    client.get("/token")
    assert client.post("/change", data={"csrf_token": sent}).status_code == 403


@pytest.mark.parametrize("method", UNSAFE)
def test_without_a_token_nothing_is_changed(app: Application, method: str) -> None:
    client = browser(app)
    client.get("/token")
    assert client.request(method, "/change").status_code == 403


def test_a_token_of_another_session_is_refused(app: Application) -> None:
    mine, theirs = browser(app), browser(app)
    mine.get("/token")
    foreign = theirs.get("/token").text
    assert mine.post("/change", data={"csrf_token": foreign}).status_code == 403
    assert theirs.post("/change", data={"csrf_token": foreign}).status_code == 200


def test_a_token_without_its_session_is_refused(app: Application) -> None:
    known = browser(app).get("/token").text
    headers = {"X-CSRF-Token": known, "Cookie": f"csrf_token={known}"}
    assert browser(app).post("/change", headers=headers).status_code == 403


def test_the_bare_secret_is_not_a_token(app: Application, sessions: SessionManager) -> None:
    client = browser(app)
    client.get("/token")
    session = sessions.load(client.cookies["session"])
    assert session is not None
    headers = {"X-CSRF-Token": session["_csrf"]}
    assert client.post("/change", headers=headers).status_code == 403


def test_a_token_in_the_address_is_refused(app: Application) -> None:
    client = browser(app)
    value = client.get("/token").text
    assert client.post("/change", query={"csrf_token": value}).status_code == 403


def test_each_of_several_tokens_must_be_valid(app: Application) -> None:
    client = browser(app)
    value, other = client.get("/token").text, client.get("/token").text
    foreign = browser(app).get("/token").text
    for tokens, status in [
        ([value, other], 200),
        ([value, value], 200),
        ([value, foreign], 403),
        ([foreign, value], 403),
        ([value, ""], 403),
        (["", ""], 403),
    ]:
        assert client.post("/change", data={"csrf_token": tokens}).status_code == status, tokens


def test_an_empty_header_leaves_the_form_to_decide(app: Application) -> None:
    client = browser(app)
    data, empty = {"csrf_token": client.get("/token").text}, {"X-CSRF-Token": ""}
    assert client.post("/change", data=data, headers=empty).status_code == 200
    assert client.post("/change", headers=empty).status_code == 403
    wrong = {"X-CSRF-Token": "wrong"}
    assert client.post("/change", data=data, headers=wrong).status_code == 403


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"csrf_token": "%s"}'),
        ("application/json", b"{"),
        ("text/plain", b"csrf_token=%s"),
        ("", b"csrf_token=%s"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("application/x-www-form-urlencoded; charset=utf-7", b"csrf_token=%s"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=\xff"),
        ("application/x-www-form-urlencoded", b"a&" * 2000),
    ],
)
def test_an_odd_body_is_refused_and_is_not_a_failure(
    app: Application, content_type: str, body: bytes
) -> None:
    client = browser(app)
    sent = body.replace(b"%s", client.get("/token").text.encode())
    answer = client.post("/change", data=sent, headers={"Content-Type": content_type})
    assert answer.status_code == 403


def test_a_form_that_is_too_large_is_told_so(session_middleware: Any, tmp_path: Path) -> None:
    app = build(session_middleware, tmp_path, MAX_FORM_FIELD_SIZE=100)
    client = browser(app)
    data = {"csrf_token": client.get("/token").text, "name": "n" * 101}
    assert client.post("/change", data=data).status_code == 413


# Where a request comes from.


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://evil.example", "null", "", "http://localhost.evil.example",
        "http://evil.example/http://localhost", "https://localhost", "http://localhost:8000",
        "http://localhost@evil.example", "http://localhost evil", "localhost", "//localhost",
        "http://localhost, http://localhost", "file://", "http://",
    ],
)  # fmt: skip
def test_a_foreign_origin_is_refused_even_with_the_token(app: Application, origin: str) -> None:
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text, "Origin": origin}
    assert client.post("/change", headers=headers).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost", "HTTP://LOCALHOST", "http://localhost:80"])
def test_our_own_origin_passes(app: Application, origin: str) -> None:
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text, "Origin": origin}
    assert client.post("/change", headers=headers).status_code == 200


def test_an_origin_that_is_trusted_passes(session_middleware: Any, tmp_path: Path) -> None:
    trusted = ["https://app.example", "https://other.example:8443"]
    settings = {"CSRF_TRUSTED_ORIGINS": [*trusted, "https://*.shops.example"]}
    app = build(session_middleware, tmp_path, **settings)
    client = browser(app)
    value = client.get("/token").text
    for origin, status in [
        *((origin, 200) for origin in trusted),
        ("https://app.example:443", 200),
        ("http://app.example", 403),
        ("https://www.app.example", 403),
        ("https://other.example", 403),
        ("https://north.shops.example", 200),
        ("https://shops.example", 403),
        ("http://north.shops.example", 403),
        ("https://north.shops.example.evil.example", 403),
    ]:
        headers = {"X-CSRF-Token": value, "Origin": origin}
        assert client.post("/change", headers=headers).status_code == status, origin


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Referer": "http://localhost/form?a=b"}, 200),
        ({"Referer": "http://localhost"}, 200),
        ({"Referer": "http://evil.example/localhost"}, 403),
        ({"Referer": "http://localhost.evil.example/"}, 403),
        ({"Referer": "http://[::1"}, 403),
        ({"Referer": ""}, 403),
        ({"Referer": "about:blank"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "http://localhost", "Referer": "http://evil.example"}, 200),
    ],
)
def test_without_an_origin_the_browser_must_say_otherwise(
    app: Application, fields: dict[str, str], status: int
) -> None:
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text, **fields}
    assert client.post("/change", headers=headers).status_code == status


def test_over_https_a_request_must_say_where_it_comes_from(app: Application) -> None:
    client = browser(app, environ={"wsgi.url_scheme": "https"})
    headers = {"X-CSRF-Token": client.get("/token").text}
    assert client.post("/change", headers=headers).status_code == 403
    for origin, status in [("https://localhost", 200), ("http://localhost", 403)]:
        answer = client.post("/change", headers={**headers, "Origin": origin})
        assert answer.status_code == status
        answer = client.post("/change", headers={**headers, "Referer": f"{origin}/form"})
        assert answer.status_code == status


def test_a_host_that_is_none_is_refused_as_such(app: Application) -> None:
    client = browser(app)
    headers = {"X-CSRF-Token": client.get("/token").text, "Host": "a/b", "Origin": "http://a/b"}
    assert client.post("/change", headers=headers).status_code == 400


# Who is not asked.


def test_an_exempt_view_is_not_asked(app: Application) -> None:
    client = browser(app, headers={"Origin": "https://evil.example"})
    assert client.post("/webhook").text == "received"
    assert client.post("/open").text == "open"


def test_a_subclass_of_an_exempt_class_is_asked(app: Application) -> None:
    assert browser(app).post("/inheriting").status_code == 403


@pytest.mark.parametrize(
    "path",
    ["//webhook", "/webhook/", "/webhook;x", "/Webhook", "/change/../webhook", "/webhook%2f"],
)
def test_no_other_path_passes_for_an_exempt_one(app: Application, path: str) -> None:
    assert browser(app).post(path).status_code in (403, 404)


def test_a_path_without_a_view_says_what_it_always_says(app: Application) -> None:
    assert browser(app).post("/nowhere").status_code == 404
    assert browser(app).post("/form").status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer abc"}, 200),
        ({"Authorization": "Basic YTpi"}, 403),
        ({"Authorization": "NEGOTIATE abc"}, 403),
        ({"Authorization": ""}, 403),
        ({"Authorization": "Bearer abc", "Cookie": "session=x"}, 403),
        ({"Authorization": "Bearer abc", "Cookie": ""}, 403),
    ],
)
def test_a_bearer_token_without_cookies_is_not_a_browsers_doing(
    app: Application, headers: dict[str, str], status: int
) -> None:
    assert browser(app).post("/change", headers=headers).status_code == status


def test_no_header_can_pose_as_the_test_client(app: Application) -> None:
    for name in ("lback.csrf_checked", "lback-csrf-checked", "LBACK.CSRF_CHECKED"):
        assert browser(app).post("/change", headers={name: "true"}).status_code == 403


def test_only_what_takes_a_mark_can_be_exempt() -> None:
    with pytest.raises(TypeError, match="cannot be marked with csrf_exempt; decorate the function"):
        csrf_exempt(Open().post)


# Tokens.


def test_each_answer_disguises_the_token_again(app: Application) -> None:
    client = browser(app)
    tokens = {client.get("/token").text for _ in range(20)}
    assert len(tokens) == 20
    for value in tokens:
        assert client.post("/change", headers={"X-CSRF-Token": value}).status_code == 200


def test_signing_in_makes_older_tokens_worthless(app: Application) -> None:
    client = browser(app)
    before = client.get("/token").text
    after = client.post("/sign-in", headers={"X-CSRF-Token": before}).text
    assert client.post("/change", headers={"X-CSRF-Token": before}).status_code == 403
    assert client.post("/change", headers={"X-CSRF-Token": after}).status_code == 200


def test_a_page_without_a_form_starts_no_session(app: Application) -> None:
    client = browser(app)
    answer = client.get("/plain")
    assert answer.text == "nothing"
    assert client.cookies == {}
    assert "vary" not in answer.headers


def test_a_page_with_a_token_is_kept_out_of_shared_caches(app: Application) -> None:
    answer = browser(app).get("/form")
    assert answer.headers["vary"] == "Cookie"
    assert answer.headers["cache-control"] == "private"


def test_a_token_that_was_damaged_in_the_store_is_made_again(
    app: Application, sessions: SessionManager
) -> None:
    client = browser(app)
    client.get("/token")
    session = sessions.load(client.cookies["session"])
    assert session is not None
    for damaged in ("", "é" * 43, "A" * 42 + "=", 7, None):
        session["_csrf"] = damaged
        sessions.save(session)
        assert client.post("/change", headers={"X-CSRF-Token": "A" * 86}).status_code == 403
        value = client.get("/token").text
        assert client.post("/change", headers={"X-CSRF-Token": value}).status_code == 200


# What people are told.


def test_in_public_no_one_is_told_why(app: Application) -> None:
    answer = browser(app).post("/change")
    assert "This form could not be verified. Go back, reload the page and send it" in answer.text
    assert "CSRF" not in answer.text


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "no token was sent; put {{ csrf_input }} into the form"),
        ({"X-CSRF-Token": "x"}, "the session has no token"),
        ({"Cookie": "SESSION"}, "no token was sent; put {{ csrf_input }} into the form"),
        (
            {"Cookie": "SESSION", "X-CSRF-Token": "x"},
            "the token in the header X-CSRF-Token does not",
        ),
        ({"Origin": "https://evil.example"}, "add it to CSRF_TRUSTED_ORIGINS; behind a proxy"),
        ({"Sec-Fetch-Site": "cross-site"}, "Sec-Fetch-Site is cross-site"),
    ],
)
def test_in_debug_the_page_says_why(
    session_middleware: Any, tmp_path: Path, headers: dict[str, str], why: str
) -> None:
    app = build(session_middleware, tmp_path, DEBUG=True)
    client = browser(app)
    client.get("/token")
    if "Cookie" not in headers:
        client.cookies.clear()
    fields = {name: value for name, value in headers.items() if name != "Cookie"}
    page = client.post("/change", headers=fields)
    assert page.status_code == 403
    assert why in page.text
    api = client.post("/change", headers={**fields, "Accept": "application/json"})
    assert why in api.json()["data"]["error"]


@pytest.mark.parametrize("visited", [True, False])
def test_a_first_form_without_the_field_is_told_what_to_write(
    session_middleware: Any, tmp_path: Path, visited: bool
) -> None:
    client = browser(build(session_middleware, tmp_path, DEBUG=True))
    if visited:
        client.get("/token")

    page = client.post("/change", data={"name": "ada"}, headers={"Origin": "http://localhost"})

    assert page.status_code == 403
    assert "put {{ csrf_input }} into the form" in page.text
    assert "docs/guides/security.md" in page.text
    assert "session" not in page.text.partition("<h2>")[0]


def test_the_log_says_why_without_the_token(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    client = browser(app)
    client.get("/token")
    with caplog.at_level(logging.DEBUG):
        client.post("/change", headers={"X-CSRF-Token": "guess-of-a-stranger"})
    assert "CSRF: POST '/change' refused: the token in the header" in caplog.text
    assert "guess-of-a-stranger" not in caplog.text


# How it is put together.


def test_the_record_itself_has_no_link(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    """A handler with a formatter of its own writes it as it is."""
    app.add_route("/reset/{token}", lambda request, token: "", ["POST"], requires_auth=False)
    answer = Client(app, enforce_csrf=True).post("/reset/s3cret-of-a-mail", data={"a": "b"})
    assert answer.status_code == 403
    assert "CSRF: POST '/reset/********' refused" in caplog.text
    refusals = [r for r in caplog.records if r.name == "lback.middleware.csrf"]
    assert not any("s3cret" in record.getMessage() for record in refusals)


def test_without_a_session_middleware_there_is_no_start(tmp_path: Path) -> None:
    app = Application(**SETTINGS)
    app.add_middleware(CSRFMiddleware)
    with pytest.raises(ConfigurationError, match="CSRFMiddleware needs SessionMiddleware"):
        app.prepare()


def test_a_session_middleware_behind_it_stops_the_start(session_middleware: Any) -> None:
    app = Application(**{**SETTINGS, "MIDDLEWARES": ["lback.middleware.SecurityHeadersMiddleware"]})
    app.add_middleware(CSRFMiddleware)
    app.add_middleware(session_middleware)
    with pytest.raises(ConfigurationError) as raised:
        app.prepare()
    assert "CSRFMiddleware comes before SessionMiddleware" in str(raised.value)
    works = "SecurityHeadersMiddleware, SessionMiddleware, CSRFMiddleware"
    assert f"an order that works: {works}" in str(raised.value)


@pytest.mark.parametrize("origin", [None, "http://a/b"])
def test_a_request_that_met_no_session_is_refused(origin: str | None) -> None:
    app = Application(**SETTINGS)
    middleware = CSRFMiddleware(app.config)
    environ = {} if origin is None else {"HTTP_ORIGIN": origin}
    request = Request("/change", "POST", None, {"Host": "a/b"}, environ)
    with pytest.raises(Exception, match="could not be verified") as raised:
        middleware.process_request(request)
    assert getattr(raised.value, "status_code", None) == 403
    with pytest.raises(ConfigurationError, match="this request has no session"):
        csrf_token(request)
    rotate_csrf_token(request)
    page = HTMLResponse("x")
    assert middleware.process_response(request, page) is page
    assert "Vary" not in page.headers


def test_the_token_can_be_called_in_templates(app: Application, tmp_path: Path) -> None:
    (tmp_path / "form.html").write_text("{{ csrf_input() }}{{ csrf_token() }}")
    page = browser(app).get("/form").text
    assert page.count('<input type="hidden" name="csrf_token"') == 1
    assert re.search(r">[\w-]{86}$", page)


# Who was refused, and how a program that has a token comes through.

CHAIN = [
    f"lback.middleware.{name}Middleware"
    for name in ("SecurityHeaders", "Session", "Authentication", "BodyParsing", "CSRF")
]
PROGRAM = {"Accept": "application/json"}
PERSON = {"Accept": "text/html,*/*;q=0.8", "Origin": "http://localhost"}


@pytest.fixture
def site(database: DatabaseManager) -> Iterator[Application]:
    """An application with the middlewares of a new project and a closed route."""
    app = Application(
        **{**SETTINGS, "MIDDLEWARES": CHAIN, "LOGIN_URL": "/sign-in"},
        DATABASE_URL=database.url.render_as_string(hide_password=False),
    )
    app.db_manager.create_tables()
    app.add_route("/closed", lambda request: request.user.username, ["GET", "POST"])
    app.add_route("/open", change, ["POST"], requires_auth=False)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def key(site: Application, quick_passwords: None) -> str:
    with site.db_manager.session() as session:
        ada = UserManager().register(session, "ada", "correct horse")
        return ApiKeyManager(UserManager()).create(session, ada, "robot")[0]


def test_a_program_without_credentials_is_told_to_authenticate(site: Application) -> None:
    for headers in (PROGRAM, {**PROGRAM, "Cookie": "balancer=1"}):
        answer = browser(site).post("/closed", headers=headers, json={})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_a_person_whose_session_ended_is_sent_to_sign_in(site: Application) -> None:
    answer = browser(site).post("/closed", headers=PERSON, data={"name": "a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert browser(site).post("/open", headers=PERSON, data={"name": "a"}).status_code == 403


def test_a_token_comes_through_whatever_cookies_a_balancer_adds(
    site: Application, key: str
) -> None:
    headers = {**PROGRAM, "Authorization": f"Bearer {key}", "Cookie": "balancer=1; b=2"}
    assert browser(site).post("/closed", headers=headers).text == "ada"
    assert browser(site).post("/open", headers=headers).status_code == 200


def test_a_wrong_token_beside_a_cookie_is_refused_as_such(site: Application, key: str) -> None:
    headers = {**PROGRAM, "Authorization": f"Bearer {key}x", "Cookie": "balancer=1"}
    for path in ("/closed", "/open"):
        assert browser(site).post(path, headers=headers).status_code in (401, 403)


def test_a_signed_in_visitor_needs_the_token_of_the_form(site: Application, key: str) -> None:
    client = browser(site)
    with site.db_manager.session() as session:
        client.sign_in(session.scalars(select(User)).one())
    assert client.get("/closed").text == "ada"
    for extra in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Whatever abc"}):
        assert client.post("/closed", headers={**PERSON, **extra}).status_code == 403
