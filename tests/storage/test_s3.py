"""S3: addresses, media types, and servers that answer late, wrongly or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from lback.storage import MissingFile, S3Storage, Storage, StorageUnavailable

KEYS: dict[str, Any] = {"access_key_id": "k", "secret_access_key": "s"}


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    answer = response.status, found, response.read()
    connection.close()
    return answer


def test_a_signed_address_reads_one_file(s3_storage: S3Storage) -> None:
    s3_storage.save("a b/ü.txt", b"hello")
    url = s3_storage.url("a b/ü.txt", expires=60)
    status, _, body = fetch(url)
    assert (status, body) == (200, b"hello")
    assert fetch(url.partition("?")[0])[0] == 403
    assert fetch(url[:-1] + ("0" if url[-1] != "0" else "1"))[0] == 403
    s3_storage.save("a b/other.txt", b"other")
    assert fetch(url.replace("%C3%BC", "other"))[0] == 403


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "script.js", "data.xml"])
def test_nothing_that_a_browser_executes_is_sent_as_such(s3_storage: S3Storage, name: str) -> None:
    s3_storage.save(name, b"<script>alert(1)</script>")
    _, headers, _ = fetch(s3_storage.url(name))
    assert headers["content-type"] == "binary/octet-stream"
    assert headers["content-disposition"] == f'attachment; filename="{name}"'


def test_a_copy_keeps_type_and_disposition(s3_storage: S3Storage) -> None:
    name = s3_storage.save("a.png", b"x" * 6_000_000).name
    s3_storage.copy(name, "b.png")
    _, headers, _ = fetch(s3_storage.url("b.png"))
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"] == f'inline; filename="{name}"'


def test_a_public_address_has_no_signature() -> None:
    storage = S3Storage("pictures", endpoint="http://127.0.0.1:1", prefix="site", **KEYS)
    storage.public = True
    assert storage.url("a b.png") == "http://127.0.0.1:1/pictures/site/a%20b.png"
    storage.public_url = "https://cdn.example.com/p/"
    assert storage.url("a b.png") == "https://cdn.example.com/p/site/a%20b.png"


@pytest.mark.parametrize("seconds", [0, 0.5, -1, 604_801])
def test_an_address_expires_within_a_week(seconds: float) -> None:
    storage = S3Storage("pictures", endpoint="http://127.0.0.1:1", **KEYS)
    with pytest.raises(ValueError, match="between 1 second and 7 days"):
        storage.url("a.png", expires=seconds)


def every_use(storage: Storage) -> list[Callable[[], Any]]:
    return [
        lambda: storage.save("a.txt", b"x"),
        lambda: storage.save("a.txt", b"x", overwrite=True),
        lambda: storage.save("a.bin", iter([b"x" * 6_000_000] * 2)),
        lambda: storage.open("a.txt"),
        lambda: storage.info("a.txt"),
        lambda: storage.exists("a.txt"),
        lambda: storage.delete("a.txt"),
        lambda: list(storage.list()),
        lambda: storage.copy("a.txt", "b.txt", overwrite=True),
    ]


def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    storage = S3Storage("b", endpoint="http://127.0.0.1:1", retries=0, timeout=1, **KEYS)
    for use in every_use(storage):
        with pytest.raises(StorageUnavailable) as raised:
            use()
        assert raised.value.status_code == 503
    lines = [record for record in caplog.records if record.name == "lback.storage.s3"]
    assert len(lines) == 1
    assert "http://127.0.0.1:1" in lines[0].getMessage()


def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        storage = S3Storage("b", endpoint=endpoint, retries=0, timeout=0.3, **KEYS)
        with pytest.raises(StorageUnavailable):
            storage.info("a.txt")
        with pytest.raises(StorageUnavailable):
            storage.save("a.txt", b"x")


class Wrong(BaseHTTPRequestHandler):
    """Answers as its server says: with a status, header fields and a body."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def answer_wrongly(self) -> None:
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer_wrongly
        raise AttributeError(name)

    def log_message(self, *arguments: Any) -> None:
        return


@pytest.fixture
def wrong() -> Iterator[S3Storage]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield S3Storage("b", endpoint=endpoint, retries=0, timeout=3, **KEYS)
    server.shutdown()
    thread.join()
    server.server_close()


KNOWN = {"Last-Modified": "Mon, 30 Nov 2026 10:00:00 GMT", "ETag": '"v1"'}


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"Content-Length": "0"}, b""),
        (403, {"Content-Length": "0"}, b""),
        (200, {"Content-Length": "5"}, b"<html"),
        (200, {"Content-Type": "text/html"}, b"<html>Please sign in</html>"),
    ],
    ids=["500", "403", "no-fields", "html"],
)
def test_a_server_that_answers_wrongly(
    wrong: S3Storage, answer: tuple[int, dict[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wrong, "answer", answer)
    for use in (wrong.open, wrong.info, wrong.size):
        with pytest.raises(StorageUnavailable):
            use("a.txt")


def test_fewer_bytes_than_announced_are_not_a_file(
    wrong: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**KNOWN, "Content-Length": "10", "Content-Range": "bytes 0-9/10"}
    monkeypatch.setattr(Wrong, "answer", (206, fields, b"12345"))
    with pytest.raises(StorageUnavailable), wrong.open("a.txt") as file:
        file.read()


def test_other_bytes_than_asked_for_are_not_a_file(
    wrong: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wrong, "answer", (200, {**KNOWN, "Content-Length": "10"}, b"0123456789"))
    with pytest.raises(StorageUnavailable), wrong.open("a.txt", 5) as file:
        file.read()


def test_a_file_that_changes_while_it_is_read(s3_storage: S3Storage) -> None:
    name = s3_storage.save("a.bin", b"1" * 4_500_000).name
    with s3_storage.open(name) as file:
        assert file.read(1000) == b"1" * 1000
        s3_storage.save(name, b"2" * 4_500_000, overwrite=True)
        with pytest.raises(StorageUnavailable):
            file.read()


def test_a_file_that_is_deleted_while_it_is_read(s3_storage: S3Storage) -> None:
    name = s3_storage.save("a.bin", b"1" * 4_500_000).name
    with s3_storage.open(name) as file:
        file.read(1000)
        s3_storage.delete(name)
        with pytest.raises(MissingFile):
            file.read()
