"""Resumable uploads by tus 1.0.0, on each backend; and the form that takes their files."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, Request, Response
from lback.database import Base
from lback.forms import FileField, Form
from lback.storage import Storage, StoredFile, mapped_file
from lback.storage.uploads import PART, Uploads
from lback.testing import Client

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"


class Film(Base):
    __tablename__ = "test_storage_films"

    id: Mapped[int] = mapped_column(primary_key=True)
    reel: Mapped[StoredFile | None] = mapped_file(folder="films")


class FilmForm(Form):
    reel = FileField(uploads_url="/uploads/", max_size=50_000_000)


def add_film(request: Request, db_session: Session) -> Response:
    form = FilmForm.of(request)
    if not form.is_valid():
        return Response(str(form.as_div) + str(form.errors.as_dict()), 422)
    db_session.add(Film(reel=form.cleaned_data["reel"]))
    return Response("", 201)


@pytest.fixture
def app(storage: Storage, tmp_path: Path) -> Iterator[Application]:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'test.sqlite3'}",
        MAX_UPLOAD_SIZE=100_000_000,
        MAX_REQUEST_BODY_SIZE=20_000_000,
        MIDDLEWARES=["lback.middleware.BodyParsingMiddleware"],
        STORAGES={"default": {"backend": "memory"}},
    )
    app.dependencies["storages"]._storages["default"] = storage
    storage.name = "default"
    app.include("lback.storage.upload_urls", "/uploads", requires_auth=False)
    app.add_route("/films", add_film, ["GET", "POST"], requires_auth=False)
    app.db_manager.create_tables()
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Film))
    app.db_manager.dispose()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(app)


def start(client: Client, length: int, filename: str = "film.mp4") -> str:
    name = base64.b64encode(filename.encode()).decode()
    fields = {**TUS, "Upload-Length": str(length), "Upload-Metadata": f"filename {name}"}
    answer = client.post("/uploads/", headers=fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["upload-expires"].endswith("GMT")
    return answer.headers["location"]


def send(client: Client, url: str, offset: int, content: bytes, **more: str) -> Any:
    fields = {**TUS, "Upload-Offset": str(offset), "Content-Type": BYTES, **more}
    return client.patch(url, data=content, headers=fields)


def offset_of(client: Client, url: str) -> int:
    answer = client.head(url, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def names(storage: Storage) -> list[str]:
    return [file.name for file in storage.list()]


def test_a_file_in_parts_becomes_the_file_of_a_row(
    app: Application, client: Client, storage: Storage
) -> None:
    content = bytes(range(256)) * 40_000  # 10.24 MB
    url = start(client, len(content), "Ü film.mp4")
    assert offset_of(client, url) == 0
    for begin in (0, 5_000_000, 10_000_000):
        part = content[begin : begin + 5_000_000]
        answer = send(client, url, begin, part)
        assert answer.status_code == 204, answer.text
        assert answer.headers["upload-offset"] == str(begin + len(part))
        assert offset_of(client, url) == begin + len(part)

    token = url.rpartition("/")[2]
    added = client.post("/films", data={"reel-upload": token})
    assert added.status_code == 201, added.text
    with app.db_manager.session() as session:
        reel = session.query(Film).one().reel
        assert reel is not None
        assert (reel.filename, reel.size) == ("Ü film.mp4", len(content))
        assert reel.sha256 == hashlib.sha256(content).hexdigest()
        with reel.open() as file:
            assert file.read() == content
        assert names(storage) == [reel.name]
    assert client.post("/films", data={"reel-upload": token}).status_code == 422


def test_the_form_works_without_the_script(
    app: Application, client: Client, storage: Storage
) -> None:
    assert 'data-uploads="/uploads/"' in client.get("/films").text
    added = client.post("/films", files={"reel": ("a.mp4", b"film", "video/mp4")})
    assert added.status_code == 201, added.text
    assert len(names(storage)) == 1


def test_what_arrives_is_checked(client: Client, storage: Storage) -> None:
    for filename, content in (("page.html", b"<script>"), ("a.png", b"<script>"), ("..", b"x")):
        url = start(client, len(content), filename)
        send(client, url, 0, content)
        answer = client.post("/films", data={"reel-upload": url.rpartition("/")[2]})
        assert answer.status_code == 422
    large = start(client, 60_000_000)
    answer = client.post("/films", data={"reel-upload": large.rpartition("/")[2]})
    assert "not complete" in answer.text
    for token in ("x", "a" * 5000, "\u00fc", "../../x"):
        assert client.post("/films", data={"reel-upload": token}).status_code == 422
    assert not [name for name in names(storage) if not name.startswith("lback-uploads/")]


def test_an_interruption_keeps_what_has_arrived(client: Client) -> None:
    url = start(client, 10_000_000)
    answer = client.patch(
        url,
        data=b"x" * 6_000_000,
        headers={**TUS, "Upload-Offset": "0", "Content-Type": BYTES, "Content-Length": "9000000"},
    )
    assert answer.status_code == 400
    assert offset_of(client, url) == 6_000_000
    assert send(client, url, 6_000_000, b"y" * 4_000_000).status_code == 204
    assert offset_of(client, url) == 10_000_000


def test_an_interruption_with_a_checksum_keeps_nothing(client: Client) -> None:
    url = start(client, 10_000_000)
    digest = base64.b64encode(hashlib.sha256(b"x" * 9_000_000).digest()).decode()
    fields = {"Upload-Checksum": f"sha256 {digest}", "Content-Length": "9000000"}
    answer = client.patch(
        url,
        data=b"x" * 6_000_000,
        headers={**TUS, "Upload-Offset": "0", "Content-Type": BYTES, **fields},
    )
    assert answer.status_code == 400
    assert offset_of(client, url) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum(client: Client, algorithm: str) -> None:
    url = start(client, 10)
    wrong = base64.b64encode(hashlib.new(algorithm, b"other").digest()).decode()
    refused = send(client, url, 0, b"01234", **{"Upload-Checksum": f"{algorithm} {wrong}"})
    assert refused.status_code == 460
    assert offset_of(client, url) == 0
    right = base64.b64encode(hashlib.new(algorithm, b"01234").digest()).decode()
    taken = send(client, url, 0, b"01234", **{"Upload-Checksum": f"{algorithm} {right}"})
    assert taken.status_code == 204
    assert offset_of(client, url) == 5


def test_parts_must_follow_on_each_other(client: Client) -> None:
    url = start(client, 10)
    assert send(client, url, 5, b"56789").status_code == 409
    assert send(client, url, 0, b"01234").status_code == 204
    assert send(client, url, 0, b"01234").status_code == 409
    assert send(client, url, 5, b"5678901").status_code == 400
    assert offset_of(client, url) == 5


def test_two_requests_at_once_do_not_mix(storage: Storage, app: Application) -> None:
    uploads = Uploads(storage, app.token_signer)
    _, upload = uploads.start("", 2 * PART, "a.bin")

    class Second:
        """Sends its bytes once another request has stored the same part."""

        def __init__(self) -> None:
            self.pieces = [b"b" * 65_536] * (PART // 65_536)

        def read(self, size: int = -1) -> bytes:
            if len(self.pieces) == 1:
                storage.save(f"{upload.folder}/{0:015d}", b"a" * PART)
            return self.pieces.pop() if self.pieces else b""

    with pytest.raises(Exception, match="another offset"):
        uploads.append(upload, 0, Second())
    with storage.open(f"{upload.folder}/{0:015d}") as file:
        assert file.read(3) == b"aaa"
    assert uploads.offset(upload) == PART


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 412),
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({**TUS}, 400),
        ({**TUS, "Upload-Length": "-1"}, 400),
        ({**TUS, "Upload-Length": "1e3"}, 400),
        ({**TUS, "Upload-Length": "9" * 40}, 400),
        ({**TUS, "Upload-Length": "100000001"}, 413),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "filename ???"}, 400),
    ],
)
def test_a_start_that_is_refused(
    client: Client, storage: Storage, fields: dict[str, str], status: int
) -> None:
    assert client.post("/uploads/", headers=fields).status_code == status
    assert names(storage) == []


def test_a_part_that_is_refused(client: Client) -> None:
    url = start(client, 10)
    assert client.patch(url, data=b"x", headers={"Content-Type": BYTES}).status_code == 412
    assert send(client, url, 0, b"x", **{"Content-Type": "text/plain"}).status_code == 415
    assert send(client, url, 0, b"x", **{"Upload-Offset": "x"}).status_code == 400
    assert send(client, url, 0, b"x", **{"Upload-Checksum": "md5 eA=="}).status_code == 400
    assert send(client, url, 0, b"x", **{"Upload-Checksum": "sha1 ???"}).status_code == 400
    assert send(client, url[:-3] + "AAA", 0, b"x").status_code == 404
    assert offset_of(client, url) == 0


def test_what_the_server_supports(client: Client) -> None:
    answer = client.options("/uploads/")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,expiration,checksum,termination"
    assert answer.headers["tus-max-size"] == "100000000"
    script = client.get("/uploads/upload.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


def test_an_upload_that_is_given_up(client: Client, storage: Storage) -> None:
    url = start(client, 10)
    send(client, url, 0, b"01234")
    assert len(names(storage)) == 1
    assert client.delete(url, headers=TUS).status_code == 204
    assert names(storage) == []


def test_an_upload_expires(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.storage.uploads.LIFETIME", -1)
    url = start(client, 10)
    monkeypatch.setattr("lback.storage.uploads.LIFETIME", 86_400)
    assert send(client, url, 0, b"x").status_code == 410
    assert client.post("/films", data={"reel-upload": url.rpartition("/")[2]}).status_code == 422


def test_an_upload_belongs_to_its_user(app: Application, storage: Storage) -> None:
    uploads = Uploads(storage, app.token_signer)
    token, _ = uploads.start("User:1", 1, "a.txt")
    assert uploads.find(token, "User:1").filename == "a.txt"
    for other in ("User:2", "", "AdminUser:1"):
        with pytest.raises(Exception, match="Not Found"):
            uploads.find(token, other)


def test_small_parts_are_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.storage.uploads.SPARE_PARTS", 2)
    url = start(client, 10)
    for offset in range(2):
        assert send(client, url, offset, b"x").status_code == 204
    refused = send(client, url, 2, b"x")
    assert refused.status_code == 400
    assert "2 parts" in refused.text
    assert offset_of(client, url) == 2
    large = start(client, 5_000_000)
    for offset in range(3):
        assert send(client, large, offset, b"x").status_code == 204
    assert send(client, large, 3, b"x").status_code == 400
