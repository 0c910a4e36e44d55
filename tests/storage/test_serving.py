"""Serving stored files: addresses, types, ranges, and nothing that a browser would execute."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lback import Application, ConfigurationError, Request
from lback.storage import Storage, Storages, StoredFileResponse, unguessable_name
from lback.storage.links import FileLinks
from lback.testing import Client
from tests.storage import seaweed

SCRIPT = b"<script>alert(1)</script>"


def build(tmp_path: Path, **settings: Any) -> Application:
    storages = {
        "default": {"path": str(tmp_path / "private"), "url_seconds": 600},
        "pictures": {"backend": "memory", "public": True},
    }
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        **{"ALLOWED_HOSTS": ["localhost"], "STORAGES": storages, **settings},
    )
    app.include("lback.storage.urls", "/media/")
    return app


@pytest.fixture
def app(tmp_path: Path) -> Application:
    return build(tmp_path)


def private(app: Application) -> Storage:
    found: Storage = app.dependencies["storage"]
    return found


def pictures(app: Application) -> Storage:
    storages: Storages = app.dependencies["storages"]
    return storages["pictures"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_private_file_needs_a_signed_address(tmp_path: Path, debug: bool) -> None:
    app = build(tmp_path, DEBUG=debug)
    client = Client(app)
    private(app).save("a b/ü.txt", b"hello")
    url = private(app).url("a b/ü.txt")
    found = client.get(url)
    assert (found.status_code, found.body) == (200, b"hello")
    assert found.headers["cache-control"] == "private, no-cache"
    for wrong in (
        "",
        "?token=",
        "?token=x",
        "?token=%00",
        "?token=\ud800".encode("utf-8", "replace").decode(),
    ):
        refused = client.get(urlsplit(url).path + wrong)
        assert refused.status_code == 403
        assert "This link is not valid." in refused.text
        assert b"hello" not in refused.body


def test_an_altered_address_is_refused(app: Application) -> None:
    client, storage = Client(app), private(app)
    for name in ("a.txt", "b.txt"):
        storage.save(name, b"hello")
    url = storage.url("a.txt")
    begin = url.index("token=") + 6
    # Without the last letter, some bits of which have no meaning in base 64.
    for position in range(begin, len(url) - 1):
        other = "A" if url[position] != "A" else "B"
        altered = url[:position] + other + url[position + 1 :]
        assert client.get(altered).status_code == 403
        assert client.get(url[:position]).status_code == 403
    assert client.get(url.replace("a.txt", "b.txt")).status_code == 403
    assert client.get(url.replace("/default/", "/pictures/")).status_code == 404
    token = app.token_signer.sign("another purpose", ["default", "a.txt", int(time.time()) + 60])
    assert client.get(f"/media/default/a.txt?token={token}").status_code == 403


def test_an_address_expires(app: Application) -> None:
    private(app).save("a.txt", b"hello")
    now = time.time()
    past = FileLinks(app.config, app.dependencies, clock=lambda: now - 3600)
    client = Client(app)
    refused = client.get(past.url("default", "a.txt", 3500))
    assert refused.status_code == 403
    assert "This link has expired. Request a new one." in refused.text
    assert client.get(past.url("default", "a.txt", 3700)).status_code == 200


def test_addresses_made_within_a_minute_are_equal(app: Application) -> None:
    now = 6000.0
    links = FileLinks(app.config, app.dependencies, clock=lambda: now)
    until = set()
    for now in (6000.0, 6030.0, 6059.0):  # noqa: B007  the clock reads it
        token = links.url("default", "a", 600).partition("?token=")[2]
        data: Any = app.token_signer.read("lback.storage", token, 60)
        until.add(data[2])
    assert until == {6600, 6660}


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_an_address_is_valid_for_at_most_a_week(app: Application, seconds: int) -> None:
    with pytest.raises(ValueError, match="between 1 second and 7 days"):
        private(app).url("a.txt", expires=seconds)


def test_public_files_are_kept_by_caches(app: Application) -> None:
    client, storage = Client(app), pictures(app)
    fixed = storage.save("logo.png", b"png").name
    hashed = storage.save(unguessable_name("cat.png"), b"png").name
    assert "token" not in storage.url(fixed)
    assert client.get(storage.url(fixed)).headers["cache-control"] == "public, max-age=60"
    answer = client.get(storage.url(hashed))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'inline; filename="cat.png"'


@pytest.mark.parametrize(
    "name", ["p.html", "p.HTM", "p.xhtml", "p.svg", "p.SVG", "p.xml", "p.js", "p.css", "p.swf",
             "p.mht", "p.pdf", "p", "p.png.html", "p.unknown"]
)  # fmt: skip
def test_what_a_browser_might_execute_is_saved(app: Application, name: str) -> None:
    storage = pictures(app)
    storage.save(name, SCRIPT)
    found = Client(app).get(storage.url(name))
    assert found.headers["content-type"] in ("application/octet-stream", "application/pdf")
    assert found.headers["content-disposition"].startswith("attachment;")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]
    assert "script-src" not in found.headers["content-security-policy"]


def test_a_picture_with_a_page_in_it_stays_a_picture(app: Application) -> None:
    polyglot = b"GIF89a/*" + SCRIPT + b"*/=1;"
    pictures(app).save("p.gif", polyglot)
    found = Client(app).get(pictures(app).url("p.gif"))
    assert found.headers["content-type"] == "image/gif"
    assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/media/default/../settings.py", "/media/default/..%2f..%2fetc/passwd", "/media/none/a.txt",
     "/media/pictures/.incoming/x", "/media/pictures/a%00.txt", "/media/pictures/none.txt",
     "/media/pictures//etc/passwd", "/media/pictures/cafe%CC%81.txt", "/media/pictures/",
     "/media/pictures/a%5C..%5Cb", "/media/pictures/%EF%BC%8E%EF%BC%8E/x"],
)  # fmt: skip
def test_hostile_addresses_are_not_found(app: Application, path: str) -> None:
    pictures(app).save("caf\u00e9.txt", b"x")
    answer = Client(app).get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_files_on_a_host_of_their_own(tmp_path: Path) -> None:
    app = build(
        tmp_path,
        MEDIA_URL="https://files.example.net/media/",
        ALLOWED_HOSTS=["localhost", "files.example.net"],
    )
    private(app).save("a b.txt", b"hello")
    url = private(app).url("a b.txt")
    assert url.startswith("https://files.example.net/media/default/a%20b.txt?token=")
    path = url.removeprefix("https://files.example.net")
    client = Client(app)
    assert client.get(path).status_code == 404
    assert client.get(path, headers={"Host": "files.example.net"}).body == b"hello"


def test_without_routes_there_are_no_addresses() -> None:
    app = Application(DEBUG=True)
    with pytest.raises(ConfigurationError, match="include"):
        private(app).url("a.txt")


def test_a_storage_of_ones_own_has_no_addresses() -> None:
    from lback.storage import MemoryStorage

    with pytest.raises(ConfigurationError, match="STORAGES"):
        MemoryStorage().url("a.txt")


# The response, on each backend.


@pytest.fixture
def client(storage: Storage) -> Client:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
    storage.save("a.txt", b"0123456789")

    def view(request: Request) -> StoredFileResponse:
        return StoredFileResponse(storage, "a.txt", filename="Ü\u202e.txt", max_age=60)

    app.add_route("/", view, ["GET"], requires_auth=False)
    return Client(app)


def test_the_whole_file(client: Client) -> None:
    found = client.get("/")
    assert found.body == b"0123456789"
    assert found.headers["content-length"] == "10"
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert found.headers["content-disposition"].endswith("filename*=UTF-8''%C3%9C_.txt")
    assert found.headers["cache-control"] == "private, max-age=60"


@pytest.mark.parametrize(
    ("field", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=0-0,2-3", 200, b"0123456789", None),
        ("bytes=x", 200, b"0123456789", None),
    ],
)
def test_a_range(
    client: Client, field: str, status: int, content: bytes, content_range: str | None
) -> None:
    found = client.get("/", headers={"Range": field})
    assert (found.status_code, found.body) == (status, content)
    assert found.headers.get("content-range") == content_range


def test_preconditions(client: Client) -> None:
    etag = client.get("/").headers["etag"]
    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/", headers={"If-Match": '"other"'}).status_code == 412
    part = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert client.get("/", headers=part).status_code == 200
    assert client.get("/", headers={**part, "If-Range": etag}).body == b"01"


def test_head(client: Client) -> None:
    found = client.request("HEAD", "/")
    assert (found.status_code, found.body) == (200, b"")
    assert found.headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ({"accel_redirect": "/stored/"}, "X-Accel-Redirect", "/stored/a%20b.txt"),
        ({"sendfile": True}, "X-Sendfile", "{folder}/a b.txt"),
    ],
)
def test_the_web_server_sends_the_file(
    tmp_path: Path, option: dict[str, Any], field: str, value: str
) -> None:
    folder = tmp_path / "files"
    app = build(tmp_path, STORAGES={"default": {"path": str(folder), **option}})
    private(app).save("a b.txt", b"hello")
    found = Client(app).get(private(app).url("a b.txt"))
    assert (found.status_code, found.body) == (200, b"")
    assert found.headers[field.lower()] == value.format(folder=folder)
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-length" not in found.headers or found.headers["content-length"] == "0"


def test_a_private_file_on_s3_by_the_site(s3_server: seaweed.Server, tmp_path: Path) -> None:
    options = {"backend": "s3", "prefix": tmp_path.name, **s3_server.options("tests")}
    app = build(tmp_path, STORAGES={"default": options})
    private(app).save("a.txt", b"hello")
    assert private(app).url("a.txt").startswith(s3_server.endpoint)
    assert Client(app).get("/media/default/a.txt").status_code == 403
