"""Direct uploads: one form for every storage, and an application that checks what arrived."""

import http.client
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, ConfigurationError, Request, Response
from lback.core.exceptions import NotFound
from lback.database import Base
from lback.forms import FileField, Form
from lback.storage import (
    ReadOnlyStorage,
    ReadOnlyStorageError,
    S3Storage,
    Storage,
    StorageUnavailable,
    StoredFile,
    mapped_file,
    start_direct_upload,
)
from lback.storage.direct import PURPOSE, direct_file, read_direct_token
from lback.storage.uploads import UploadGone
from lback.testing import Client

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(2000)
BOUNDARY = "the-boundary-of-the-form"


class Photo(Base):
    __tablename__ = "test_storage_photos"

    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[StoredFile | None] = mapped_file(folder="photos")


class PhotoForm(Form):
    file = FileField(uploads_url="/uploads/", max_size=10_000)


def begin(request: Request) -> dict[str, object]:
    size = request.query_params.get("size")
    name = request.query_params.get("name", "my photo.png")
    return start_direct_upload(
        request, name, max_size=5000, size=int(size) if size else None
    ).as_dict()


def add(request: Request, db_session: Session) -> Response:
    form = PhotoForm.of(request)
    if not form.is_valid():
        return Response(str(form.errors.as_dict()), 422)
    db_session.add(Photo(file=form.cleaned_data["file"]))
    return Response("", 201)


@pytest.fixture
def app(storage: Storage, tmp_path: Path) -> Iterator[Application]:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'test.sqlite3'}",
        STORAGES={"default": {"backend": "memory"}},
    )
    app.dependencies["storages"]._storages["default"] = storage
    storage.name = "default"
    app.include("lback.storage.upload_urls", "/uploads", requires_auth=False)
    app.add_route("/begin", begin, requires_auth=False)
    app.add_route("/photos", add, ["POST"], requires_auth=False)
    app.db_manager.create_tables()
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Photo))
    app.db_manager.dispose()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(app)


def form_body(fields: Mapping[str, str], content: bytes) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
    last = f"{head}Content-Type: image/png\r\n\r\n".encode()
    return b"".join([*parts, last, content, f"\r\n--{BOUNDARY}--\r\n".encode()])


def send(app: Application, upload: Mapping[str, Any], content: bytes, **changed: str) -> int:
    """Send the form as the page of the application does, wherever its address is."""
    body = form_body({**upload["fields"], **changed}, content)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    address = urlsplit(upload["url"])
    if not address.netloc:  # with neither a session nor a token of a form
        strict = Client(app, enforce_csrf=True)
        return int(strict.post(address.path, data=body, headers=kind).status_code)
    with closing(http.client.HTTPConnection(address.netloc, timeout=30)) as connection:
        connection.request("POST", address.path, body, kind)
        return connection.getresponse().status


def names(storage: Storage) -> list[str]:
    return [file.name for file in storage.list()]


def test_a_file_that_was_sent_directly_becomes_the_file_of_a_row(
    app: Application, client: Client, storage: Storage
) -> None:
    upload = client.get("/begin", query={"size": str(len(PNG))}).json()
    assert client.post("/photos", data={"file-upload": upload["token"]}).status_code == 422
    assert send(app, upload, PNG) == 204
    (name,) = names(storage)
    assert name.startswith("lback-uploads/")
    assert name.endswith("/my photo.png")
    added = client.post("/photos", data={"file-upload": upload["token"]})
    assert added.status_code == 201, added.text
    with app.db_manager.session() as session:
        file = session.query(Photo).one().file
        assert file is not None
        assert (file.filename, file.size, file.content_type) == ("my photo.png", 2008, "image/png")
        with file.open() as opened:
            assert opened.read() == PNG
        assert names(storage) == [file.name]  # the one that was sent is deleted


def test_the_content_is_checked_by_the_rules_of_the_form(
    app: Application, client: Client, storage: Storage
) -> None:
    for name, content in (("cat.png", b"<script>alert(1)</script>"), ("page.html", b"<html>")):
        upload = client.get("/begin", query={"name": name}).json()
        assert send(app, upload, content) == 204
        answer = client.post("/photos", data={"file-upload": upload["token"]})
        assert answer.status_code == 422
    assert len(names(storage)) == 2  # `lback storage orphans` deletes them


@pytest.mark.parametrize("size", [0, 1999, 5001])
def test_another_size_is_not_taken(
    app: Application, client: Client, storage: Storage, size: int
) -> None:
    params = {"size": "2000"} if size == 1999 else {}
    upload = client.get("/begin", query=params).json()
    assert send(app, upload, bytes(size)) in (400, 403, 413)
    assert names(storage) == []


def test_a_token_is_that_of_its_user_and_purpose(app: Application, client: Client) -> None:
    upload = client.get("/begin").json()
    assert send(app, upload, PNG) == 204
    for token in (upload["token"][:-1], app.token_signer.sign("lback.upload", ["x"]), "x"):
        assert client.post("/photos", data={"file-upload": token}).status_code == 422
        assert send(app, {"url": f"/uploads/direct/{token}", "fields": {}}, PNG) == 404
    assert client.get(f"/uploads/direct/{upload['token']}").status_code == 405


def test_a_form_of_another_user_and_one_that_is_too_old(app: Application) -> None:
    storages, signer = app.dependencies["storages"], app.token_signer
    data = ["default", "lback-uploads/x/a.png", "a.png", "User:7", 1, 5000, int(time.time()) - 1]
    late = signer.sign(PURPOSE, data)
    assert send(app, {"url": f"/uploads/direct/{late}", "fields": {}}, PNG) == 410
    found = read_direct_token(signer, late)
    assert found is not None
    storages["default"].save(found.name, PNG)
    assert direct_file(storages, found, "file", "User:7").size == len(PNG)
    for owner in ("", "User:70"):
        with pytest.raises(NotFound):
            direct_file(storages, found, "file", owner)
    forgotten = read_direct_token(signer, signer.sign(PURPOSE, [*data[:6], 1]))
    assert forgotten is not None
    with pytest.raises(UploadGone):
        direct_file(storages, forgotten, "file", "User:7")


def test_one_of_two_forms_at_once_is_stored(app: Application, client: Client) -> None:
    upload = client.get("/begin").json()
    storage = app.dependencies["storages"]["default"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(app, upload, PNG), range(4)))
    if not isinstance(storage, S3Storage):
        assert sorted(answers) == [204, 409, 409, 409]
    assert len(names(storage)) == 1


def test_what_was_checked_cannot_be_replaced(
    app: Application, client: Client, storage: Storage
) -> None:
    upload = client.get("/begin").json()
    assert send(app, upload, PNG) == 204
    described = read_direct_token(app.token_signer, upload["token"])
    assert described is not None
    file = direct_file(app.dependencies["storages"], described, "file", "")
    again = send(app, upload, b"<script>" * 400)
    if isinstance(storage, S3Storage):
        assert again == 204  # the form can be sent again until it expires
        with pytest.raises(StorageUnavailable):
            file.read()
    else:
        assert again == 409
        assert file.read() == PNG
    file.close()


def test_numbers_out_of_range_and_storages_that_cannot(app: Application) -> None:
    app.dependencies["storages"]._storages["old"] = ReadOnlyStorage(
        app.dependencies["storages"]["default"]
    )

    def begin_badly(request: Request, case: str) -> Response:
        options: dict[str, dict[str, Any]] = {
            "large": {"max_size": 10, "size": 11},
            "empty": {"max_size": 10, "size": 0},
            "long": {"max_size": 10, "seconds": 3601},
            "old": {"max_size": 10, "storage": "old"},
        }
        with pytest.raises((ValueError, ReadOnlyStorageError)) as raised:
            start_direct_upload(request, "a.png", **options[case])
        return Response(str(raised.value))

    app.add_route("/bad/{case}", begin_badly, requires_auth=False)
    client = Client(app)
    for case in ("large", "empty", "long"):
        assert "must be between 1" in client.get(f"/bad/{case}").text
    assert "is read-only" in client.get("/bad/old").text


def test_s3_refuses_what_was_not_signed(s3_storage: S3Storage) -> None:
    url, fields = s3_storage.direct_form("lback-uploads/x/a.png", (1, 5000), *times(600))
    app = Application(DEBUG=True)
    sent: dict[str, Any] = {"url": url, "fields": fields}
    key = f"{s3_storage.prefix}lback-uploads/x/b.png"
    refused = {
        "key": send(app, sent, PNG, key=key),
        "type": send(app, sent, PNG, **{"Content-Type": "text/html"}),
        "signature": send(app, sent, PNG, **{"x-amz-signature": "0" * 64}),
        "size": send(app, sent, bytes(5001)),
    }
    url, fields = s3_storage.direct_form("lback-uploads/x/a.png", (1, 5000), *times(-10))
    refused["expired"] = send(app, {"url": url, "fields": fields}, PNG)
    assert set(refused.values()) <= {400, 403}, refused
    assert names(s3_storage) == []


def times(seconds: int) -> tuple[float, int]:
    return time.time(), int(time.time()) + seconds


def test_an_s3_storage_without_a_key_cannot_sign(s3_storage: S3Storage) -> None:
    storage = S3Storage("shop", endpoint=s3_storage.endpoint)
    with pytest.raises(ConfigurationError, match="set access_key_id and secret_access_key"):
        storage.direct_form("a.png", (1, 2), *times(60))
