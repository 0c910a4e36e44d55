"""Bombs (classes 18 and 19): a small body is never made large, and JSON in and out is JSON."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from lback import Application, JSONResponse, Request
from lback.testing import Client
from tests.growth import assert_linear, assert_linear_in

JSON = {"Content-Type": "application/json"}


def build(**settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["localhost"],
            **settings,
        }
    )
    app.add_route("/", take, ["POST"], requires_auth=False)
    return app


def take(request: Request) -> dict[str, Any]:
    return {"read": len(request.DATA)}


# Compressed bodies.


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded",
                                  "multipart/form-data; boundary=b"])  # fmt: skip
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip", "gzip, gzip", "br", "zstd"])
def test_a_compressed_body_is_not_inflated(kind: str, encoding: str) -> None:
    plain = b'{"a": "' + b"x" * 60_000_000 + b'"}'
    bomb = zlib.compress(plain) if encoding == "deflate" else gzip.compress(plain, 1)
    del plain
    client = Client(build())
    tracemalloc.start()
    try:
        headers = {"Content-Type": kind, "Content-Encoding": encoding}
        answer = client.post("/", data=bomb, headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 415
    assert peak < 16_000_000


def test_a_view_that_reads_the_body_itself_gets_it_as_it_was_sent() -> None:
    app = build()
    app.add_route(
        "/raw", lambda request: str(len(request.body_bytes)), ["POST"], requires_auth=False
    )
    bomb = gzip.compress(b"x" * 1_000_000)
    answer = Client(app).post("/raw", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.text == str(len(bomb))


# JSON in.

DEEP = 100_000
BOMBS = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep lists in an object": b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and open": b"[" * DEEP,
    "a long integer": b'{"a": ' + b"9" * 100_000 + b"}",
    "a long negative integer": b'{"a": -' + b"9" * 100_000 + b"}",
    "a long exponent": b'{"a": 1e' + b"9" * 100_000 + b"}",
    "a huge number": b'{"a": 1e999}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "negative infinity": b'{"a": -Infinity}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a pair as a name": b'{"\\udfff": 1}',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a name twice": b'{"a": 1, "a": 2}',
    "a name twice, escaped": b'{"a": 1, "\\u0061": 2}',
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a comment": b'{"a": 1 /* x */}',
    "a control character": b'{"a": "\x01"}',
    "a NUL behind": b'{"a": 1}\x00',
    "two values": b'{"a": 1}{"b": 2}',
    "a leading zero": b'{"a": 01}',
    "open": b'{"a"',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_invalid_json_is_refused_at_once(bomb: str) -> None:
    client = Client(build())

    def refuse(bomb: bytes) -> None:
        answer = client.post("/", data=bomb, headers=JSON)
        assert answer.status_code == 400
        assert len(answer.body) < 10_000

    if len(BOMBS[bomb]) < 1000:
        refuse(BOMBS[bomb])
    else:
        assert_linear(refuse, BOMBS[bomb])


def test_many_values_are_read_in_linear_time() -> None:
    client = Client(build())

    def read(scale: int) -> None:
        values = {f"name {number}": [number, {}] for number in range(25_000 * scale)}
        body = json.dumps(values).encode()
        assert client.post("/", data=body, headers=JSON).json() == {"read": len(values)}

    assert_linear_in(read)


# JSON out.


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_know_becomes_null(value: float) -> None:
    app = build()
    app.add_route("/out", lambda request: {"a": value}, requires_auth=False)
    app.add_route("/envelope", lambda request: JSONResponse([value]), requires_auth=False)
    client = Client(app)
    assert strict(client.get("/out").body) == {"a": None}
    assert strict(client.get("/envelope").body) == {"data": [None]}


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_text_that_is_not_unicode_is_not_sent_as_broken_json(text: str) -> None:
    app = build()
    app.add_route("/out", lambda request: {"a": text}, requires_auth=False)
    app.add_route("/envelope", lambda request: JSONResponse({text: 1}), requires_auth=False)
    client = Client(app, headers={"Accept": "application/json"})
    for path in ("/out", "/envelope"):
        answer = client.get(path)
        assert answer.status_code == 500
        strict(answer.body)


def strict(body: bytes) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)
