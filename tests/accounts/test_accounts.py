"""Somebody gets an account, loses the password, and finds the way back; strangers learn nothing."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from lback import Application, Request
from lback.database import DatabaseManager
from lback.testing import Client
from lback.testing.client import ClientResponse
from lback.users import User

pytestmark = pytest.mark.usefixtures("quick_passwords")

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}
PASSWORD = "correct horse"


# What writes accounts is tried on each kind of database, how pages look on one.
SERVERS = [
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]
EVERYWHERE = {
    "test_who_knows_the_password_is_let_in",
    "test_signing_out_everywhere_ends_the_others_too",
    "test_an_account_is_made_by_who_reads_the_mail",
    "test_a_forgotten_password_is_replaced",
    "test_a_password_is_changed_by_who_knows_it",
    "test_an_address_is_verified_by_a_button_behind_a_link",
    "test_a_program_does_the_same_in_json",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        servers = SERVERS if metafunc.function.__name__ in EVERYWHERE else []
        metafunc.parametrize("database_url", ["sqlite", *servers], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the kind that is asked for."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def build(database_url: str, **settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": True,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "DATABASE_URL": database_url,
            "MAIL_BACKEND": "memory",
            "LOGIN_REDIRECT_URL": "/home",
            **settings,
        }
    )
    app.include("lback.accounts.urls", "/accounts/")
    app.add_route("/home", home)
    return app


def home(request: Request) -> str:
    assert request.user is not None
    return f"home of {request.user.username}"


@pytest.fixture
def app(database: DatabaseManager, database_url: str) -> Iterator[Application]:
    app = build(database_url)
    yield app
    app.mailer.flush()
    app.db_manager.dispose()


@pytest.fixture
def browser(app: Application) -> Client:
    return Client(app, headers=BROWSER)


@pytest.fixture
def program(app: Application) -> Client:
    return Client(app, headers=PROGRAM)


def register(app: Application, name: str = "ada") -> User:
    with app.db_manager.session() as session:
        return app.user_manager.register(session, name, PASSWORD, f"{name}@example.org")


def mailed(app: Application, subject: str) -> str:
    """Return the path of the first link in the last mail, which has this subject."""
    last = app.mailer.outbox[-1]
    assert subject in last["Subject"]
    body = last.get_body(("plain",))
    assert body is not None
    found = re.search(r"^http://localhost(/\S+)$", body.get_content(), re.MULTILINE)
    assert found is not None
    return found[1]


def shown(answer: ClientResponse, name: str = "") -> str:
    """Return a page without the token, which is another each time, and without a name."""
    text = re.sub(r'(name="csrf_token" value=)"[^"]+"', r"\1", answer.text)
    return text.replace(name, "") if name else text


def sign_in(client: Client, name: str = "ada", password: str = PASSWORD) -> ClientResponse:
    return client.post("/accounts/sign-in", data={"username": name, "password": password})


# Signing in and out.


@pytest.mark.parametrize("name", ["ada", " Ada ", "ada@example.org", "ADA@Example.org"])
def test_who_knows_the_password_is_let_in(app: Application, browser: Client, name: str) -> None:
    register(app)
    answer = sign_in(browser, name)
    assert (answer.status_code, answer.headers["location"]) == (303, "/home")
    assert browser.get("/home").text == "home of ada"


def test_a_stranger_is_shown_the_door_and_then_where_they_wanted_to_go(
    app: Application, browser: Client
) -> None:
    register(app)
    sent = browser.get("/home?tab=2")
    assert sent.headers["location"] == "/accounts/sign-in?next=%2Fhome%3Ftab%3D2"
    page = browser.get(sent.headers["location"])
    assert '<input type="hidden" name="next" value="/home?tab=2">' in page.text
    form = {"username": "ada", "password": PASSWORD, "next": "/home?tab=2"}
    assert browser.post("/accounts/sign-in", data=form).headers["location"] == "/home?tab=2"
    assert browser.get("/accounts/sign-in?next=/x").headers["location"] == "/x"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "home"],
)
def test_no_one_is_led_to_another_site(app: Application, browser: Client, target: str) -> None:
    register(app)
    page = browser.get("/accounts/sign-in", query={"next": target})
    assert "evil" not in page.text
    form = {"username": "ada", "password": PASSWORD, "next": target}
    assert browser.post("/accounts/sign-in", data=form).headers["location"] == "/home"


def test_a_wrong_name_and_a_wrong_password_look_the_same(
    app: Application, browser: Client, program: Client
) -> None:
    register(app)
    pages = [sign_in(browser, "ada", "wrong"), sign_in(browser, "eda", "wrong")]
    assert {page.status_code for page in pages} == {422}
    assert shown(pages[0], 'value="ada"') == shown(pages[1], 'value="eda"')
    assert "The username or password is wrong." in pages[0].text
    assert 'value="wrong"' not in pages[0].text
    answers = [sign_in(program, "ada", "wrong"), sign_in(program, "eda", "wrong")]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].body == answers[1].body
    assert "www-authenticate" in answers[0].headers


def test_after_many_wrong_ones_the_form_says_to_wait(app: Application, browser: Client) -> None:
    register(app)
    for _ in range(10):
        sign_in(browser, "ada", "wrong")
    answer = sign_in(browser)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 600
    assert "Too many attempts" in answer.text


def test_signing_out_takes_a_button_and_ends_the_session(app: Application, browser: Client) -> None:
    register(app)
    sign_in(browser)
    assert "<button>Sign out</button>" in browser.get("/accounts/sign-out").text
    assert browser.get("/home").status_code == 200
    assert browser.post("/accounts/sign-out").headers["location"] == "/"
    assert browser.get("/home").status_code == 302
    assert "You are not signed in." in browser.get("/accounts/sign-out").text


def test_signing_out_everywhere_ends_the_others_too(app: Application, browser: Client) -> None:
    register(app)
    other = Client(app, headers=BROWSER)
    sign_in(browser)
    sign_in(other)
    browser.post("/accounts/sign-out-everywhere")
    assert browser.get("/home").status_code == 302
    assert other.get("/home").status_code == 302


# Signing up.


def test_an_account_is_made_by_who_reads_the_mail(app: Application, browser: Client) -> None:
    answer = browser.post("/accounts/sign-up", data={"email": " Ada@Example.org "})
    assert answer.status_code == 202
    assert "ada@example.org" in answer.text
    link = mailed(app, "Create your account at localhost")
    with app.db_manager.session() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 0
    assert "ada@example.org" in browser.get(link).text
    refused = browser.post(link, data={"password": "short"})
    assert refused.status_code == 422
    assert "at least 12 characters" in refused.text
    assert browser.post(link, data={"password": PASSWORD}).headers["location"] == "/home"
    assert browser.get("/home").text == "home of ada@example.org"
    for spent in (browser.get(link), browser.post(link, data={"password": PASSWORD})):
        assert spent.status_code == 410
        assert 'href="/accounts/sign-up"' in spent.text


def test_who_has_an_account_already_is_told_so_by_mail_alone(
    app: Application, browser: Client
) -> None:
    register(app)
    known = browser.post("/accounts/sign-up", data={"email": "ada@example.org"})
    link = mailed(app, "You have an account at localhost")
    assert link == "/accounts/sign-in"
    unknown = browser.post("/accounts/sign-up", data={"email": "eda@example.org"})
    assert known.status_code == unknown.status_code == 202
    assert shown(known, "ada@") == shown(unknown, "eda@")


@pytest.mark.parametrize("page", ["sign-up", "forgot"])
@pytest.mark.parametrize("email", ["", "nonsense", "a b@example.org", "x" * 200 + "@example.org"])
def test_invalid_address_is_said_to_be_none(browser: Client, page: str, email: str) -> None:
    answer = browser.post(f"/accounts/{page}", data={"email": email})
    assert answer.status_code == 422
    assert 'aria-invalid="true" aria-describedby="email-note"' in answer.text
    assert "Enter an email address such as ada@example.org" in answer.text


# Passwords.


def test_a_forgotten_password_is_replaced(app: Application, browser: Client) -> None:
    register(app)
    elsewhere = Client(app, headers=BROWSER)
    sign_in(elsewhere)
    assert browser.post("/accounts/forgot", data={"email": "ada@example.org"}).status_code == 202
    link = mailed(app, "Reset your password at localhost")
    page = browser.get(link)
    assert "<strong>ada</strong>" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert browser.post(link, data={"password": "password1234"}).status_code == 422
    done = browser.post(link, data={"password": "battery staple"})
    assert done.headers["location"] == "/accounts/sign-in"
    assert mailed(app, "Your password at localhost was changed") == "/accounts/forgot"
    assert "Your new password is set." in browser.get("/accounts/sign-in").text
    assert elsewhere.get("/home").status_code == 302
    assert sign_in(browser, password=PASSWORD).status_code == 422
    assert sign_in(browser, password="battery staple").status_code == 303
    assert browser.get(link).status_code == 410


def test_no_one_learns_whether_an_address_has_an_account(
    app: Application, browser: Client, program: Client
) -> None:
    register(app)
    for client in (browser, program):
        known = client.post("/accounts/forgot", data={"email": "ada@example.org"})
        unknown = client.post("/accounts/forgot", data={"email": "eda@example.org"})
        assert known.status_code == unknown.status_code == 202
        assert shown(known, "ada@") == shown(unknown, "eda@")
        assert [n for n, _ in known.header_list] == [n for n, _ in unknown.header_list]
    assert [message["To"] for message in app.mailer.outbox] == ["ada@example.org"] * 2


def test_no_request_waits_for_mail_or_asks_who_has_an_account(
    app: Application, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What differs between a known and an unknown address happens beside the request."""
    register(app)
    held: list[Callable[[], None]] = []
    monkeypatch.setattr(app.mailer, "do_later", lambda job, **_: held.append(job))
    for email in ("ada@example.org", "eda@example.org"):
        for page in ("sign-up", "forgot"):
            assert browser.post(f"/accounts/{page}", data={"email": email}).status_code == 202
    assert len(held) == 4
    assert app.mailer.outbox == []


def test_a_mailbox_is_not_flooded(app: Application, browser: Client) -> None:
    register(app)
    answers = [
        browser.post("/accounts/forgot", data={"email": "ada@example.org"}) for _ in range(12)
    ]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429] * 2
    assert len(app.mailer.outbox) == 10


def test_who_is_deactivated_gets_no_mail(app: Application, browser: Client) -> None:
    with app.db_manager.session() as session:
        app.user_manager.deactivate(session, session.merge(register(app)))
    assert browser.post("/accounts/forgot", data={"email": "ada@example.org"}).status_code == 202
    assert app.mailer.outbox == []


def test_a_password_is_changed_by_who_knows_it(app: Application, browser: Client) -> None:
    register(app)
    elsewhere = Client(app, headers=BROWSER)
    for client in (browser, elsewhere):
        sign_in(client)
    form = {"current_password": "wrong horse", "password": "battery staple"}
    refused = browser.post("/accounts/password", data=form)
    assert refused.status_code == 422
    assert "This is not your current password" in refused.text
    weak = browser.post("/accounts/password", data={**form, "current_password": PASSWORD,
                                                    "password": "password1234"})  # fmt: skip
    assert weak.status_code == 422
    before = dict(browser.cookies)
    form["current_password"] = PASSWORD
    assert browser.post("/accounts/password", data=form).headers["location"] == "/accounts/"
    assert browser.cookies != before
    assert "Your password is changed." in browser.get("/accounts/").text
    assert elsewhere.get("/home").status_code == 302
    assert mailed(app, "was changed")


def test_guessing_the_current_password_is_counted(app: Application, browser: Client) -> None:
    register(app)
    sign_in(browser)
    form = {"current_password": "wrong horse", "password": "battery staple"}
    for _ in range(10):
        browser.post("/accounts/password", data=form)
    assert "Too many attempts" in browser.post("/accounts/password", data=form).text


# The address.


def test_an_address_is_verified_by_a_button_behind_a_link(
    app: Application, browser: Client
) -> None:
    register(app)
    sign_in(browser)
    assert "is not verified yet" in browser.get("/accounts/").text
    form = {"email": "new@example.org", "current_password": "wrong"}
    assert browser.post("/accounts/email", data=form).status_code == 422
    form["current_password"] = PASSWORD
    assert browser.post("/accounts/email", data={**form, "email": "new"}).status_code == 422
    assert browser.post("/accounts/email", data=form).status_code == 202
    assert app.mailer.outbox[-1]["To"] == "new@example.org"
    link = mailed(app, "Verify your email address at localhost")
    assert browser.get(link).status_code == 200  # as a scanner of mail would
    assert "ada@example.org is not verified" in browser.get("/accounts/").text
    assert browser.post(link).headers["location"] == "/accounts/"
    assert "new@example.org is verified." in browser.get("/accounts/").text
    assert app.mailer.outbox[-1]["To"] == "ada@example.org"
    assert mailed(app, "The email address of your account at localhost was changed")
    assert browser.post(link).status_code == 410


# Programs.


def test_a_program_does_the_same_in_json(app: Application, program: Client) -> None:
    assert program.get("/accounts/sign-in").json()["data"]["user"] is None
    assert program.get("/accounts/").status_code == 401
    answer = program.post("/accounts/sign-up", json={"email": "ada@example.org"})
    assert (answer.status_code, answer.json()) == (202, {"data": {"email": "ada@example.org"}})
    link = mailed(app, "Create your account")
    weak = program.post(link, json={"password": "short"})
    assert weak.status_code == 400
    assert set(weak.json()["data"]["details"]) == {"password"}
    made = program.post(link, json={"password": PASSWORD})
    assert made.status_code == 201
    user = made.json()["data"]["user"]
    assert (user["username"], user["email_verified"]) == ("ada@example.org", True)
    assert program.post(link, json={"password": PASSWORD}).status_code == 400
    assert program.get("/accounts/").json()["data"]["user"] == user
    assert program.post("/accounts/sign-out").json() == {"data": {"user": None}}
    in_again = {"username": "ada@example.org", "password": PASSWORD}
    assert program.post("/accounts/sign-in", json=in_again).json()["data"]["user"] == user
    change = {"current_password": PASSWORD, "password": "battery staple"}
    assert program.post("/accounts/password", json=change).status_code == 200
    assert program.post("/accounts/email", json={"email": 7}).status_code == 400
    assert program.post("/accounts/verify/nonsense").status_code == 400
    assert program.post("/accounts/reset/nonsense").status_code == 400


@pytest.mark.parametrize("body", [{"username": 1, "password": ["x"]}, {}, {"username": {"a": 1}}])
def test_odd_data_is_not_a_password(program: Client, body: dict[str, Any]) -> None:
    assert program.post("/accounts/sign-in", json=body).status_code == 401


# With the protection against other sites.


def test_forms_carry_the_token_and_work_with_it(app: Application) -> None:
    register(app)
    client = Client(app, headers=BROWSER, enforce_csrf=True)
    form = {"username": "ada", "password": PASSWORD}
    assert client.post("/accounts/sign-in", data=form).status_code == 403
    page = client.get("/accounts/sign-in").text
    form["csrf_token"] = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    assert client.post("/accounts/sign-in", data=form).status_code == 303
    assert client.post("/accounts/sign-out", data=form).status_code == 403  # a new one is needed
    program = Client(app, headers=PROGRAM, enforce_csrf=True)
    token = program.get("/accounts/sign-in").json()["data"]["csrf_token"]
    answer = program.post(
        "/accounts/sign-in",
        json={"username": "ada", "password": PASSWORD},
        headers={"X-CSRF-Token": token},
    )
    assert answer.status_code == 200


# Pages.


class Page(HTMLParser):
    """Reads a page for what somebody needs who cannot see it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.labels: set[str] = set()
        self.headings = 0
        self.language: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") != "hidden":
            self.inputs[str(found["id"])] = found
        self.labels |= {str(found["for"])} if tag == "label" else set()
        self.headings += tag == "h1"
        self.language = found.get("lang") if tag == "html" else self.language


def test_every_page_is_labelled_and_kept_out_of_caches(app: Application, browser: Client) -> None:
    register(app)
    browser.post("/accounts/sign-up", data={"email": "eda@example.org"})
    finish = mailed(app, "Create your account")
    browser.post("/accounts/forgot", data={"email": "ada@example.org"})
    reset = mailed(app, "Reset your password")
    paths = ["/accounts/sign-in", "/accounts/sign-up", "/accounts/forgot", "/accounts/mailbox",
             finish, reset, "/accounts/verify/x", "/accounts/sign-out"]  # fmt: skip
    pages = [browser.get(path) for path in paths]
    sign_in(browser)
    pages += [browser.get(f"/accounts/{name}") for name in ("", "password", "email", "sign-out")]
    for answer in pages:
        page = Page(answer.text)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert (page.headings, page.language) == (1, "en")
        assert set(page.inputs) == page.labels
        assert all(found.get("autocomplete") for found in page.inputs.values())


def test_what_someone_typed_is_shown_as_text(app: Application, browser: Client) -> None:
    script = '"><script>alert(1)</script>'
    for answer in (
        sign_in(browser, script, "x"),
        browser.post("/accounts/sign-up", data={"email": script}),
        browser.get("/accounts/sign-in", query={"next": f"/{script}"}),
    ):
        assert "<script>" not in answer.text


def test_a_project_puts_its_own_page_in_the_place_of_ours(
    database: DatabaseManager, database_url: str, tmp_path: Path
) -> None:
    own = tmp_path / "accounts" / "sign_in.html"
    own.parent.mkdir()
    own.write_text("Our own door. {{ links.sign_up }}")
    app = build(database_url, TEMPLATE_DIRS=[tmp_path])
    page = Client(app, headers=BROWSER).get("/accounts/sign-in")
    assert page.text == "Our own door. /accounts/sign-up"
    assert "Create an account" in Client(app, headers=BROWSER).get("/accounts/sign-up").text
    app.db_manager.dispose()


def test_links_lead_through_the_place_where_the_application_is_mounted(
    app: Application,
) -> None:
    register(app)
    client = Client(app, headers=BROWSER, environ={"SCRIPT_NAME": "/shop"})
    assert 'action="/shop/accounts/sign-in"' in client.get("/accounts/sign-in").text
    client.post("/accounts/forgot", data={"email": "ada@example.org"})
    assert mailed(app, "Reset your password").startswith("/shop/accounts/reset/")
    assert client.get("/home").headers["location"].startswith("/shop/accounts/sign-in?next=%2Fshop")


def test_the_mailbox_shows_what_was_sent_and_only_in_development(
    app: Application, browser: Client, database_url: str
) -> None:
    assert "There are no emails yet." in browser.get("/accounts/mailbox").text
    sent = browser.post("/accounts/sign-up", data={"email": "ada@example.org"})
    assert 'href="/accounts/mailbox"' in sent.text
    page = browser.get("/accounts/mailbox").text
    link = mailed(app, "Create your account")
    assert f'<a href="http://localhost{link}">' in page
    assert "<strong>Create your account at localhost</strong> to ada@example.org" in page
    for settings in (
        {"DEBUG": False, "ALLOWED_HOSTS": ["localhost"]},
        {"MAIL_BACKEND": "console"},
    ):
        other = build(database_url, **settings)
        assert Client(other, headers=BROWSER).get("/accounts/mailbox").status_code == 404
        other.db_manager.dispose()


def test_no_log_tells_a_secret(
    app: Application, browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    register(app)
    with caplog.at_level("DEBUG"):
        browser.post("/accounts/forgot", data={"email": "ada@example.org"})
        link = mailed(app, "Reset your password")
        browser.get(link)
        browser.post(link, data={"password": "battery staple"})
        browser.get(link)
        sign_in(browser, "ada", "battery staple")
    token = link.rpartition("/")[2]
    for secret in (token, "battery staple", *browser.cookies.values()):
        assert secret not in caplog.text
