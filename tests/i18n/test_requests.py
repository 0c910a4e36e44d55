"""The language and the zone of a request, and the fields of its response."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lback import Application, Request, render, reverse
from lback.cache import cache_page
from lback.core.base_middleware import SimpleMiddleware
from lback.core.http.access_log import AccessLog
from lback.i18n import get_language, gettext
from lback.testing import Client
from lback.time_zones import localtime
from tests.i18n.conftest import Build


def add_pages(app: Application) -> Client:
    @app.route("/", requires_auth=False)
    def home(request: Request) -> Any:
        return gettext("Welcome")

    @app.route("/plain", requires_auth=False)
    def plain(request: Request) -> Any:
        return "no message"

    @app.route("/books/{book_id:int}", name="book", requires_auth=False)
    def book(request: Request, book_id: int) -> Any:
        return f"{get_language()} {reverse(request, 'book', book_id=book_id + 1)}"

    return Client(app)


@pytest.mark.parametrize(
    ("headers", "language", "text"),
    [
        ({}, "en", "Welcome"),
        ({"Accept-Language": "de"}, "de", "Willkommen"),
        ({"Accept-Language": "de-AT, en;q=0.5"}, "de", "Willkommen"),
        ({"Accept-Language": "fr, ar;q=0.9, de;q=0.8"}, "ar", "أهلا"),
        ({"Accept-Language": "fr"}, "en", "Welcome"),
        ({"Accept-Language": "de;q=0, *"}, "en", "Welcome"),
        ({"Accept-Language": "ar", "Cookie": "language=de"}, "de", "Willkommen"),
        ({"Accept-Language": "ar", "Cookie": "language=xx"}, "ar", "أهلا"),
        ({"Cookie": "language=DE"}, "de", "Willkommen"),
    ],
)
def test_the_language_of_a_request(
    build: Build, headers: dict[str, str], language: str, text: str
) -> None:
    response = add_pages(build()).get("/", headers=headers)
    assert response.text == text
    assert response.headers["content-language"] == language
    assert response.headers["vary"].split(", ")[:2] == ["Accept-Language", "Cookie"]


def test_a_page_without_messages_does_not_vary(build: Build) -> None:
    response = add_pages(build()).get("/plain", headers={"Accept-Language": "de"})
    assert "content-language" not in response.headers
    assert "Accept-Language" not in (response.headers.get("vary") or "")


def test_an_application_with_english_alone_has_no_language(project: Path) -> None:
    app = Application(DEBUG=True, PROJECT_ROOT=str(project))
    response = add_pages(app).get("/", headers={"Accept-Language": "de"})
    assert response.text == "Welcome"
    assert "content-language" not in response.headers
    assert app.app_controller.locale is None


def test_a_request_of_one_application_does_not_set_the_language_of_another(
    build: Build, project: Path
) -> None:
    german, english = build(), Application(DEBUG=True, PROJECT_ROOT=str(project))
    assert add_pages(german).get("/", headers={"Accept-Language": "de"}).text == "Willkommen"
    assert add_pages(english).get("/", headers={"Accept-Language": "de"}).text == "Welcome"
    assert gettext("Welcome") == "Welcome"


def test_a_default_language_other_than_english(build: Build) -> None:
    response = add_pages(build(LANGUAGE="de", LANGUAGES=[])).get("/")
    assert (response.text, response.headers["content-language"]) == ("Willkommen", "de")


def test_the_users_choice_comes_first(build: Build) -> None:
    class SignIn(SimpleMiddleware):
        def process_request(self, request: Request) -> None:
            request.user = type("User", (), {"language": "ar", "time_zone": "Asia/Tokyo"})()

    app = build(LANGUAGE_USER_ATTRIBUTE="language", TIME_ZONE_USER_ATTRIBUTE="time_zone")
    app.add_middleware(SignIn())

    @app.route("/time", requires_auth=False)
    def time(request: Request) -> Any:
        return localtime(datetime(2026, 7, 1, 12, tzinfo=UTC)).isoformat()

    client = add_pages(app)
    assert client.get("/", headers={"Cookie": "language=de"}).text == "أهلا"
    assert client.get("/time").text == "2026-07-01T21:00:00+09:00"


def test_a_user_with_an_unknown_zone_has_that_of_the_site(project: Path) -> None:
    class SignIn(SimpleMiddleware):
        def process_request(self, request: Request) -> None:
            request.user = type("User", (), {"zone": "Mars/Base"})()

    app = Application(DEBUG=True, TIME_ZONE="Europe/Berlin", TIME_ZONE_USER_ATTRIBUTE="zone")
    app.add_middleware(SignIn())

    @app.route("/", requires_auth=False)
    def time(request: Request) -> Any:
        return localtime(datetime(2026, 7, 1, 12, tzinfo=UTC)).isoformat()

    assert Client(app).get("/").text == "2026-07-01T14:00:00+02:00"


def test_error_pages_have_the_language_of_the_request(build: Build) -> None:
    app = build(DEBUG=False, ALLOWED_HOSTS=["localhost"], SECRET_KEY="k" * 50)
    response = Client(app).get("/nowhere", headers={"Accept-Language": "de"})
    assert response.status_code == 404


# Prefixes.


def test_the_prefix_of_a_path_is_its_language(build: Build) -> None:
    client = add_pages(build(LANGUAGE_PREFIX=True))
    response = client.get("/de/", headers={"Cookie": "language=ar"})
    assert response.text == "Willkommen"
    assert response.headers["content-language"] == "de"
    assert "Accept-Language" not in (response.headers.get("vary") or "")
    assert client.get("/de").text == "Willkommen"
    assert client.get("/en/", headers={"Accept-Language": "de"}).text == "Welcome"
    assert client.get("/", headers={"Accept-Language": "de"}).text == "Willkommen"
    assert client.get("/fr/").status_code == 404
    assert client.get("/de/de/").status_code == 404


def test_links_keep_the_prefix(build: Build, project: Path) -> None:
    app = build(LANGUAGE_PREFIX=True)
    (project / "templates" / "links.html").write_text(
        "{{ url('book', book_id=1) }} {{ language_links() }}"
    )

    @app.route("/links", requires_auth=False)
    def links(request: Request) -> Any:
        return render(request, "links.html")

    client = add_pages(app)
    assert client.get("/de/books/7").text == "de /de/books/8"
    assert client.get("/books/7").text == "en /books/8"
    page = client.get("/de/links?page=2").text
    assert page.startswith("/de/books/1 ")
    assert '<link rel="canonical" href="http://localhost/de/links?page=2">' in page
    assert '<link rel="alternate" hreflang="ar" href="http://localhost/ar/links?page=2">' in page
    assert (
        '<link rel="alternate" hreflang="x-default" href="http://localhost/links?page=2">' in page
    )


def test_without_the_setting_a_prefix_is_not_found(build: Build) -> None:
    assert add_pages(build()).get("/de/").status_code == 404


# Cached pages.


def test_cached_pages_are_kept_for_each_language(build: Build) -> None:
    app, calls = build(), []

    @app.route("/news", requires_auth=False)
    @cache_page(60)
    def news(request: Request) -> Any:
        calls.append(get_language())
        return gettext("Welcome")

    client = Client(app)
    for _ in range(2):
        german = client.get("/news", headers={"Accept-Language": "de"})
        arabic = client.get("/news", headers={"Cookie": "language=ar"})
        assert (german.text, arabic.text) == ("Willkommen", "أهلا")
        for response, code in ((german, "de"), (arabic, "ar")):
            assert response.headers["content-language"] == code
            assert "Accept-Language" in response.headers["vary"]
    assert calls == ["de", "ar"]


def test_the_access_log_has_the_whole_path(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lback.access")
    app = build(LANGUAGE_PREFIX=True)
    add_pages(app)
    logged = AccessLog(app, lambda: app.router.secret_paths, ())
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/de/plain", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "HTTP_HOST": "localhost", "wsgi.url_scheme": "http",
    }  # fmt: skip
    logged(environ, lambda *_: None)
    assert " GET /de/plain 200 " in caplog.text


def test_signing_in_keeps_the_prefix(build: Build) -> None:
    app = build(LANGUAGE_PREFIX=True, DB_NAME="prefix.sqlite3")
    app.include("lback.admin.urls", "/admin")
    app.include("lback.accounts.urls", "/accounts")
    app.db_manager.create_tables()
    client = Client(app)
    admin = client.get("/de/admin/", headers={"Accept": "text/html"})
    assert admin.headers["location"] == "/de/admin/sign-in?next=%2Fde%2Fadmin%2F"
    account = client.get("/ar/accounts/", headers={"Accept": "text/html"})
    assert account.headers["location"] == "/ar/accounts/sign-in?next=%2Far%2Faccounts%2F"
    page = client.get("/ar/accounts/sign-in").text
    assert 'href="/ar/accounts/forgot"' in page
    app.db_manager.dispose()
