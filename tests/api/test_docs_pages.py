"""The pages of the documentation: who may read them, and what browsers may load."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from lback import Application
from lback.api import docs_assets
from lback.api.urls import urlpatterns
from lback.testing import Client

PASSWORD = "correct horse battery"
PAGES = ("/docs/", "/docs/try", "/docs/openapi.json")
HOSTILE = "<script>alert(1)</script>"


class Book(msgspec.Struct):
    __doc__ = f"A book {HOSTILE}."

    title: str


def show(number: int) -> Book:
    return Book("Emma")


show.__doc__ = f"Show a book {HOSTILE}.\n\nIt has a title."


def build(tmp_path: Path, **settings: Any) -> Application:
    defaults = {
        "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
        "ALLOWED_HOSTS": ["localhost"],
        "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}",
        "DEBUG": False,
    }
    app = Application(**{**defaults, **settings})
    app.add_route("/books", show, ["GET"], "show_book", requires_auth=False)
    app.include("lback.api.urls", "/docs")
    app.db_manager.create_tables()
    return app


@pytest.fixture
def app(tmp_path: Path) -> Any:
    app = build(tmp_path)
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", PASSWORD)
        app.admin_user_manager.register(session, "root", PASSWORD)
    yield app
    app.db_manager.dispose()


def client_of(app: Application, *, user: bool = False, staff: bool = False) -> Client:
    client = Client(app)
    with app.db_manager.session() as session:
        if user:
            ada = app.user_manager.get_by_username(session, "ada")
            assert ada is not None
            client.force_login(ada)
        if staff:
            root = app.admin_user_manager.get_by_username(session, "root")
            assert root is not None
            client.force_login(root)
    return client


def statuses(client: Client) -> set[int]:
    return {client.get(page).status_code for page in PAGES}


def test_developers_alone_read_the_documentation(app: Application) -> None:
    assert statuses(client_of(app)) == {401}
    assert statuses(client_of(app, user=True)) == {403}
    assert statuses(client_of(app, staff=True)) == {200}


def test_users_of_the_site_read_it_if_a_setting_says_so(app: Application) -> None:
    app.config.API_DOCS_ACCESS = "users"
    assert statuses(client_of(app)) == {401}
    assert statuses(client_of(app, user=True)) == {200}


def test_everybody_reads_it_if_it_is_public_or_in_development(app: Application) -> None:
    app.config.API_DOCS_ACCESS = "public"
    assert statuses(client_of(app)) == {200}
    app.config.API_DOCS_ACCESS = "staff"
    app.config.DEBUG = True
    assert statuses(client_of(app)) == {200}


def test_a_deactivated_developer_does_not_read_it(app: Application) -> None:
    client = client_of(app, staff=True)
    with app.db_manager.session() as session:
        root = app.admin_user_manager.get_by_username(session, "root")
        assert root is not None
        app.admin_user_manager.deactivate(session, root)
    assert statuses(client) == {401}


def test_an_application_without_sign_in_keeps_it_closed(tmp_path: Path) -> None:
    app = build(tmp_path, MIDDLEWARES=[])
    assert statuses(Client(app)) == {401}
    app.db_manager.dispose()


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_not_kept_by_shared_caches(app: Application, page: str) -> None:
    answer = client_of(app, staff=True).get(page)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Cookie" in answer.headers["vary"]


def test_the_document_is_sent_once_until_it_changes(app: Application) -> None:
    client = client_of(app, staff=True)
    answer = client.get("/docs/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == app.dependencies["openapi"].document()
    again = client.get("/docs/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.body) == (304, b"")
    newer = client.get("/docs/openapi.json?version=3.2")
    assert newer.json()["openapi"] == "3.2.0"
    assert newer.headers["etag"] != answer.headers["etag"]
    assert client.get("/docs/openapi.json?version=2").status_code == 400


def test_an_application_below_a_path_names_it_as_the_server(app: Application) -> None:
    client = Client(app, environ={"SCRIPT_NAME": "/shop"})
    app.config.API_DOCS_ACCESS = "public"
    assert client.get("/docs/openapi.json").json()["servers"] == [{"url": "/shop"}]
    page = client.get("/docs/").text
    assert "/shop/books" in page
    assert 'href="/shop/docs/openapi.json"' in page


def test_the_reference_has_no_script_and_escapes_what_it_shows(app: Application) -> None:
    answer = client_of(app, staff=True).get("/docs/")
    assert "<script" not in answer.text
    assert "Show a book &lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "script-src 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_to_try_calls_has_a_nonce_for_each_of_its_files(app: Application) -> None:
    client = client_of(app, staff=True)
    first, second = client.get("/docs/try"), client.get("/docs/try")
    policy = first.headers["content-security-policy"]
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert first.text.count(f'nonce="{nonce}"') == 4
    assert nonce not in second.text
    assert "unsafe" not in policy
    assert "://" not in first.text


def test_files_have_the_version_of_their_content_and_are_kept(app: Application) -> None:
    client = Client(app)
    for name in ("docs.css", "console.css", "console.js", "swagger-ui.css", "swagger-ui-bundle.js"):
        answer = client.get(f"/docs/static/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert docs_assets.version_of(name)
    for name in ("swagger-ui.js", "..%2Fpages.py", "VERSION", "none.css"):
        assert client.get(f"/docs/static/{name}").status_code == 404


def test_without_the_extra_the_reference_stands_alone(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lback.api.pages.swagger_directory", lambda: None)
    client = client_of(app, staff=True)
    assert "Try calls" not in client.get("/docs/").text
    assert client.get("/docs/try").status_code == 404
    app.config.DEBUG = True
    assert "docs-ui" in client.get("/docs/try").text


def test_the_routes_show_who_is_let_in() -> None:
    marks = {name: getattr(view, "lets_in", None) for _, view, _, name, _ in urlpatterns}
    assert marks.pop("api-asset") is None
    assert set(marks.values()) == {"API_DOCS_ACCESS"}
