"""Compression of responses, as clients see it."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import zstandard

from lback import (
    Application,
    FileResponse,
    JSONResponse,
    Request,
    Response,
    StreamingResponse,
)
from lback.cache import cache_page
from lback.core import SignalDispatcher
from lback.middleware import CompressionMiddleware
from lback.testing import Client, ClientResponse

TEXT = "a page that is long enough to be compressed\n" * 40


def build(view: Any) -> Application:
    app = Application(
        dispatcher=SignalDispatcher(), SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"], MIDDLEWARES=["lback.middleware.CompressionMiddleware"],
    )  # fmt: skip
    app.add_route("/", view, requires_auth=False)
    return app


def get(view: Any, accept: str | None = "gzip", **headers: str) -> ClientResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if accept is not None:
        fields["Accept-Encoding"] = accept
    return Client(build(view)).get("/", headers=fields)


def page(request: Request) -> str:
    return TEXT


# What is compressed, and how.


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=0.9, zstd;q=0.5", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *;q=0.1", "gzip"),
        ("gzip;q=0.2, identity;q=0.1", "gzip"),
        ("gzip;q=0.2, identity;q=0.5", None),
        ("gzip;q=0, zstd;q=0", None),
        ("br", None),
        ("identity", None),
        ("", None),
        (None, None),
    ],
)
def test_the_client_chooses_the_coding(accept: str | None, coding: str | None) -> None:
    answer = get(page, accept)

    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert decoded(answer) == TEXT.encode()
    assert int(answer.headers["content-length"]) == len(answer.body)
    if coding:
        assert len(answer.body) < len(TEXT) / 4


def decoded(answer: ClientResponse) -> bytes:
    coding = answer.headers.get("content-encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(answer.body)
    return answer.body


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html; charset=utf-8",
        "text/csv",
        "application/json",
        "application/problem+json",
        "application/atom+xml",
        "application/javascript",
        "image/svg+xml",
        "TEXT/Plain",
    ],
)
def test_types_that_compress_well_are_compressed(content_type: str) -> None:
    answer = get(lambda request: Response(TEXT.encode(), content_type=content_type))

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == content_type
    assert decoded(answer) == TEXT.encode()


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: Response("x" * 400), "too short"),
        (lambda: Response(TEXT.encode(), content_type="image/png"), "compressed already"),
        (lambda: Response(TEXT.encode()), "of unknown type"),
        (lambda: Response(TEXT, 206, {"Content-Range": "bytes 0-1/9"}), "a part"),
        (lambda: Response(TEXT, headers={"Content-Encoding": "br"}), "compressed by the view"),
        (lambda: Response(TEXT, headers={"Cache-Control": "private, no-transform"}), "as asked"),
        (lambda: Response(TEXT, headers={"Repr-Digest": "sha-256=:x:"}), "digest"),
        (lambda: Response(TEXT, 204), "no body"),
        (lambda: StreamingResponse([TEXT], content_type="text/event-stream"), "events"),
        (lambda: StreamingResponse([TEXT]), "a stream of unknown type"),
    ],
)
def test_other_responses_are_sent_as_they_are(response: Any, reason: str) -> None:
    sent = response()
    encoding = sent.headers.get("Content-Encoding")

    answer = get(lambda request: sent)

    assert answer.headers.get("content-encoding") == encoding, reason
    assert "vary" not in answer.headers


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text(TEXT)

    answer = get(lambda request: FileResponse(path), range="bytes=0-3")

    assert (answer.status_code, answer.body) == (206, b"a pa")


def test_a_body_that_grows_is_sent_as_it_is() -> None:
    incompressible = zlib.compress(bytes(range(256)) * 64)[:500] * 1 + bytes(range(256)) * 2

    answer = get(lambda request: Response(incompressible, content_type="text/plain"))

    assert decoded(answer) == incompressible


def test_errors_json_and_templates_are_compressed_too() -> None:
    assert get(lambda request: JSONResponse([TEXT])).headers["content-encoding"] == "gzip"
    app = build(page)
    missing = Client(app).get("/no", headers={"Accept-Encoding": "gzip", "Accept": "text/html"})
    assert (missing.status_code, missing.headers["content-encoding"]) == (404, "gzip")


def test_text_keeps_its_charset() -> None:
    answer = get(lambda request: Response("ä" * 600, content_type="text/plain; charset=latin-1"))

    assert answer.headers["content-type"] == "text/plain; charset=latin-1"
    assert decoded(answer) == b"\xe4" * 600


def test_head_has_the_fields_of_get() -> None:
    client = Client(build(page))
    fields = {"Accept-Encoding": "gzip"}
    shown, head = client.get("/", headers=fields), client.head("/", headers=fields)

    assert head.body == b""
    for name in ("content-encoding", "content-length", "vary"):
        assert head.headers[name] == shown.headers[name]


def test_a_response_that_a_view_returns_again_is_compressed_again() -> None:
    always = Response(TEXT)
    client = Client(build(lambda request: always))

    first = client.get("/", headers={"Accept-Encoding": "gzip"})
    second = client.get("/", headers={"Accept-Encoding": "identity"})
    third = client.get("/", headers={"Accept-Encoding": "zstd"})

    assert [decoded(answer) for answer in (first, second, third)] == [TEXT.encode()] * 3
    assert "content-encoding" not in second.headers


def test_a_cached_page_is_compressed_for_each_client() -> None:
    client = Client(build(cache_page(60)(page)))
    for accept, coding in (
        ("gzip", "gzip"),
        ("identity", None),
        ("zstd", "zstd"),
        ("gzip", "gzip"),
    ):
        answer = client.get("/", headers={"Accept-Encoding": accept})
        assert answer.headers.get("content-encoding") == coding
        assert decoded(answer) == TEXT.encode()


# Streams.


def environ_of(accept: str) -> dict[str, Any]:
    """What a server passes for GET /."""
    environ: dict[str, Any] = {"HTTP_HOST": "localhost", "HTTP_ACCEPT_ENCODING": accept}
    setup_testing_defaults(environ)
    return environ


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_each_piece_of_a_stream_can_be_read_when_it_comes(coding: str) -> None:
    app = build(lambda request: StreamingResponse(count(), content_type="text/plain"))
    ended = []

    def count() -> Iterator[str]:
        try:
            for number in range(3):
                yield f"number {number}\n"
        finally:
            ended.append(True)

    environ = environ_of(coding)
    started: list[Any] = []
    body: Any = app(environ, lambda *given: started.append(given))
    decoder: Any = (
        zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    )
    pieces = iter(body)

    assert [decoder.decompress(next(pieces)) for _ in range(3)] == [
        b"number 0\n", b"number 1\n", b"number 2\n",
    ]  # fmt: skip
    assert decoder.decompress(b"".join(pieces)) == b""
    body.close()
    assert ended == [True]
    fields = dict(started[0][1])
    assert fields["Content-Encoding"] == coding
    assert "Content-Length" not in fields


def test_a_stream_that_no_one_reads_to_its_end_is_closed() -> None:
    ended = []

    def count() -> Iterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            ended.append(True)

    app = build(lambda request: StreamingResponse(count(), content_type="text/plain"))
    body: Any = app(environ_of("gzip"), lambda *given: None)
    next(iter(body))
    body.close()

    assert ended == [True]


# Entity tags.


def tagged(request: Request) -> Response:
    if request.headers.get("If-None-Match") == '"v1"':
        return Response(None, 304, {"ETag": '"v1"'})
    if request.headers.get("If-Match", '"v1"') != '"v1"':
        return Response("changed", 412)
    return Response(TEXT, headers={"ETag": '"v1"', "Accept-Ranges": "bytes"})


def test_a_strong_tag_names_the_coding_and_is_understood_when_it_comes_back() -> None:
    shown = get(tagged)
    assert shown.headers["etag"] == '"v1;gzip"'
    assert "accept-ranges" not in shown.headers

    again = get(tagged, If_None_Match=str(shown.headers["etag"]))
    assert (again.status_code, again.headers["vary"]) == (304, "Accept-Encoding")
    assert get(tagged, If_Match='"v1;gzip"').status_code == 200
    assert get(tagged, If_Match='"v2;gzip"').status_code == 412
    assert get(tagged, accept="identity").headers["etag"] == '"v1"'


def test_a_weak_tag_stays() -> None:
    answer = get(lambda request: Response(TEXT, headers={"ETag": 'W/"v1"'}))

    assert answer.headers["etag"] == 'W/"v1"'


# Another site that measures (BREACH).


@pytest.mark.parametrize(
    ("fields", "is_compressed"),
    [
        ({}, True),
        ({"Cookie": "session=x", "Sec_Fetch_Site": "same-origin"}, True),
        ({"Cookie": "session=x", "Sec_Fetch_Site": "none"}, True),
        ({"Cookie": "session=x", "Sec_Fetch_Site": "cross-site"}, False),
        ({"Cookie": "session=x", "Sec_Fetch_Site": "same-site"}, False),
        ({"Cookie": "session=x"}, False),
        ({"Authorization": "Basic YWRhOng=", "Sec_Fetch_Site": "same-origin"}, True),
        ({"Authorization": "Basic YWRhOng=", "Sec_Fetch_Site": "cross-site"}, False),
        ({"Authorization": "basic YWRhOng="}, False),
        ({"Authorization": "Bearer YWRhOng="}, True),
        ({"Sec_Fetch_Site": "cross-site"}, True),
    ],
)
def test_pages_of_a_visitor_are_compressed_for_pages_of_this_origin(
    fields: dict[str, str], is_compressed: bool
) -> None:
    def reflecting(request: Request) -> str:
        return TEXT + "token=5f2c" + str(request.query_params.get("q"))

    answer = get(reflecting, **fields)

    assert ("content-encoding" in answer.headers) == is_compressed
    assert answer.headers["vary"] == "Accept-Encoding"


def test_its_limits_can_be_changed_in_a_subclass() -> None:
    class Eager(CompressionMiddleware):
        minimum_size = 20

    app = build(lambda request: "x" * 40)
    app.add_middleware(Eager())
    answer = Client(app).get("/", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"


def test_gzip_alone_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.middleware.compression.find_spec", lambda name: None)

    assert get(page, "gzip, zstd").headers["content-encoding"] == "gzip"
