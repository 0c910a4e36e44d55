"""The guestbook as a visitor meets it."""

import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback import Application
from lback.core import dispatcher
from lback.testing import Client

FILE = Path(__file__).parents[2] / "examples" / "guestbook" / "app.py"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    url = f"sqlite:///{tmp_path / 'guestbook.sqlite3'}"
    monkeypatch.setenv("DATABASE_URL", url)
    spec = importlib.util.spec_from_file_location("guestbook_app", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.app
    dispatcher.disconnect("db_session_committed", module.log_new_entries)
    module.app.db_manager.dispose()
    module.Base.metadata.remove(module.Entry.__table__)
    module.Base.registry._dispose_cls(module.Entry)


def test_a_visitor_signs_and_is_read(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = Client(app)
    assert "Nobody has signed yet" in client.get("/").text
    form = {"name": "Ann", "message": "<script>alert(1)</script>"}
    page = client.post("/sign", data=form, follow_redirects=True)
    assert page.status_code == 200
    assert "Ann" in page.text
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "somebody signed the guestbook" in caplog.text


def test_a_browser_is_given_what_it_needs_to_sign(app: Application) -> None:
    client = Client(app, enforce_csrf=True)
    page = client.get("/")
    nonce = re.search(r'<style nonce="([\w-]+)">', page.text)
    assert nonce is not None
    assert f"'nonce-{nonce[1]}'" in page.headers["content-security-policy"]
    token = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert token is not None
    form = {"name": "Ann", "message": "Hello"}
    assert client.post("/sign", data=form).status_code == 403
    assert client.post("/sign", data={**form, "csrf_token": token[1]}).status_code == 303


def test_what_is_wrong_is_said_beside_the_field_and_what_was_entered_stays(
    app: Application,
) -> None:
    client = Client(app)
    page = client.post("/sign", data={"name": "Ann", "message": "m" * 501})
    assert page.status_code == 422
    assert "At most 500 characters, please; these are 501." in page.text
    assert 'value="Ann"' in page.text
    empty = client.post("/sign", data={})
    assert "Please write a name." in empty.text
    assert client.get("/api/entries").json() == {"entries": []}


def test_entries_are_read_as_json(app: Application) -> None:
    client = Client(app)
    client.post("/sign", data={"name": "Ann", "message": "Hello"})
    entry = client.get("/api/entries/1").json()
    assert (entry["name"], entry["message"]) == ("Ann", "Hello")
    assert client.get("/api/entries").json() == {"entries": [entry]}
    missing = client.get("/api/entries/9", headers={"Accept": "application/json"})
    assert missing.status_code == 404
    assert missing.json()["data"]["error"] == "there is no entry 9"


def test_a_mistyped_address_is_helped_back(app: Application) -> None:
    assert "Did you mean <code>/api/entries</code>" in Client(app).get("/api/entrys").text


def test_the_page_names_an_icon_that_is_there(app: Application) -> None:
    client = Client(app)
    found = re.search(r'<link rel="icon" href="([^"]+)"', client.get("/").text)
    assert found is not None
    icon = client.get(found[1])
    assert icon.status_code == 200
    assert icon.headers["content-type"].startswith("image/svg+xml")
