"""The body of a request: it ends where the client said, and never beyond the limit."""

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import NO_BODY, BodyStream, body_stream, content_length, input_of


class CountingInput(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


class Socket(io.RawIOBase):
    """A connection that stays open: to read past what was sent would be to wait forever."""

    def __init__(self, sent: bytes) -> None:
        self.left = sent

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= len(self.left), "this would wait forever"
        piece, self.left = self.left[:size], self.left[size:]
        return piece


def environ(body: bytes, **variables: Any) -> dict[str, Any]:
    return {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **variables}


def endless(body: bytes) -> dict[str, Any]:
    return environ(body, CONTENT_LENGTH="", **{"wsgi.input_terminated": True})


@pytest.mark.parametrize(
    ("text", "expected"), [(None, None), ("", None), ("0", 0), ("12", 12), ("007", 7)]
)
def test_the_declared_length_is_a_number_or_none(text: str | None, expected: int | None) -> None:
    assert content_length({} if text is None else {"CONTENT_LENGTH": text}) == expected


@pytest.mark.parametrize(
    "text", ["-1", "+1", " 1", "1 ", "1.0", "0x1", "1,1", "1_0", "٣", "²", "abc", "9" * 19, "\n"]
)
def test_a_length_that_is_not_a_number_never_means_read_all(text: str) -> None:
    source = CountingInput(b"body")
    with pytest.raises(BadRequest, match="Content-Length is not a whole number"):
        body_stream({"CONTENT_LENGTH": text, "wsgi.input": source})
    assert source.taken == 0


def test_no_declared_length_means_no_body() -> None:
    source = CountingInput(b"body")
    for length in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"}):
        assert body_stream({"wsgi.input": source, **length}) is NO_BODY
    assert body_stream({}) is NO_BODY
    assert body_stream({"wsgi.input_terminated": True}) is NO_BODY
    assert NO_BODY.read() == NO_BODY.read(5) == NO_BODY.readline() == b""
    assert list(NO_BODY) == []
    assert source.taken == 0


def test_a_chunked_body_is_read_to_its_end() -> None:
    assert body_stream(endless(b"a" * 100_000)).read() == b"a" * 100_000


def test_a_body_ends_before_the_next_request_on_the_connection() -> None:
    socket = Socket(b"bodyGET / HTTP/1.1")
    stream = BodyStream(socket, 4, 100)

    assert stream.read(3) == b"bod"
    assert stream.read(100) == b"y"
    assert stream.read(100) == stream.read() == b""
    assert socket.left == b"GET / HTTP/1.1"


def test_a_body_shorter_than_declared_is_an_error_each_time() -> None:
    stream = body_stream(environ(b"abc", CONTENT_LENGTH="5"))
    for _ in range(2):
        with pytest.raises(BadRequest, match="the body ended after 3 of 5 bytes"):
            stream.read()


def test_a_declared_body_without_a_stream_is_too_short() -> None:
    with pytest.raises(BadRequest, match="the body ended after 0 of 5 bytes"):
        body_stream({"CONTENT_LENGTH": "5"}).read()


def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    source = CountingInput(b"x" * 11)
    with pytest.raises(HTTPException, match="larger than 10 bytes") as refused:
        body_stream({"CONTENT_LENGTH": "11", "wsgi.input": source}, 10)
    assert refused.value.status_code == 413
    assert source.taken == 0
    assert body_stream(environ(b"x" * 10), 10).read() == b"x" * 10


def test_the_usual_limit_is_ten_mebibytes() -> None:
    body_stream({"CONTENT_LENGTH": str(10 * 1024 * 1024), "wsgi.input": None})
    with pytest.raises(HTTPException):
        body_stream({"CONTENT_LENGTH": str(10 * 1024 * 1024 + 1), "wsgi.input": None})


def test_a_chunked_body_stops_at_the_limit_and_stays_refused() -> None:
    source = CountingInput(b"x" * 1_000_000)
    stream = body_stream({"wsgi.input": source, "wsgi.input_terminated": True}, 1000)
    for _ in range(2):
        with pytest.raises(HTTPException, match="larger than 1000 bytes") as refused:
            stream.read()
        assert refused.value.status_code == 413
    assert source.taken <= 2 * 65536
    assert body_stream(endless(b"x" * 1000), 1000).read() == b"x" * 1000


LINES = b"first\nsecond\r\n\nlast"


@pytest.mark.parametrize("make", [environ, endless])
def test_lines_are_read_as_from_a_file(make: Any) -> None:
    assert body_stream(make(LINES)).readlines() == io.BytesIO(LINES).readlines()
    assert body_stream(make(LINES)).readlines(3) == io.BytesIO(LINES).readlines()
    assert list(body_stream(make(LINES))) == LINES.splitlines(keepends=True)
    stream = body_stream(make(LINES))
    assert stream.readable()
    assert [stream.readline(3), stream.readline(), stream.readline(None), stream.readline(0)] == [
        b"fir", b"st\n", b"second\r\n", b"",
    ]  # fmt: skip


@given(
    st.lists(st.sampled_from([b"\n", b"a", b"b" * 65535, b"c" * 65536, b"\n\n"]), max_size=6),
    st.lists(st.tuples(st.booleans(), st.integers(-1, 70_000)), max_size=8),
)
def test_any_order_of_reads_sees_the_whole_body(
    pieces: list[bytes], calls: list[tuple[bool, int]]
) -> None:
    body = b"".join(pieces)
    for make in (environ, endless):
        stream, file = body_stream(make(body)), io.BytesIO(body)
        for by_line, size in calls:
            if by_line:
                assert stream.readline(size) == file.readline(size)
            else:
                assert stream.read(size) == file.read(size)
        assert stream.consumed == file.tell()
        assert stream.read() == file.read()


def test_a_line_may_be_as_long_as_the_body() -> None:
    # Longer than what the interpreter could nest, were each piece read by one more call.
    line = b"x" * (65536 * (sys.getrecursionlimit() + 10))
    stream = BodyStream(io.BytesIO(line + b"\n"), len(line) + 1, len(line) + 1)
    assert len(stream.readline()) == len(line) + 1


def test_a_request_outside_an_application_gets_a_bounded_stream_as_well() -> None:
    assert input_of({}, 100) is None
    bounded = BodyStream(io.BytesIO(b"abc"), 3, 100)
    assert input_of({"wsgi.input": bounded, "CONTENT_LENGTH": "999"}, 100) is bounded
    assert input_of({"wsgi.input": io.BytesIO(b"abc")}, 100) is NO_BODY

    stream = input_of({"wsgi.input": Socket(b"abcdef"), "CONTENT_LENGTH": "3"}, 100)
    assert stream is not None
    assert stream.read() == b"abc"


def test_what_was_read_from_a_file_before_counts_as_read() -> None:
    source = io.BytesIO(b"abcdef")
    source.read(2)
    stream = input_of({"wsgi.input": source, "CONTENT_LENGTH": "5"}, 100)
    assert isinstance(stream, BodyStream)
    assert stream.consumed == 2
    assert stream.read() == b"cde"


def test_nothing_is_left_of_a_body_behind_which_the_file_stands() -> None:
    source = io.BytesIO(b"bodyGET / HTTP/1.1")
    source.read(8)
    stream = input_of({"wsgi.input": source, "CONTENT_LENGTH": "4"}, 100)
    assert stream is not None
    assert stream.read() == stream.read(1) == stream.readline() == b""
    assert source.tell() == 8
