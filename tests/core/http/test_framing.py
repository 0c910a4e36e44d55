"""Framing: where a body ends has one answer, or the request is refused."""

import io
from email.message import Message
from typing import Any

import pytest

from lback.core import BadRequest
from lback.core.http.framing import ChunkedInput, framing_problem


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ([], None),
        ([("Content-Length", "3")], None),
        ([("Content-Length", "3"), ("Content-Length", "3")], None),
        ([("Transfer-Encoding", "Chunked ")], None),
        ([("Content-Length", "3"), ("Content-Length", "4")], "several values of Content-Length"),
        (
            [("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
            "both Content-Length and Transfer-Encoding",
        ),
        ([("Transfer-Encoding", "gzip, chunked")], "Transfer-Encoding is not chunked alone"),
        ([("Transfer-Encoding", "")], "Transfer-Encoding is not chunked alone"),
    ],
)
def test_a_body_ends_in_one_place(fields: list[tuple[str, str]], fault: str | None) -> None:
    headers = Message()
    for name, value in fields:
        headers[name] = value
    assert framing_problem(headers) == fault


def test_chunks_are_read_through_and_their_faults_are_the_clients() -> None:
    class Broken(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            raise OSError("Invalid chunk header")

    assert ChunkedInput(io.BytesIO(b"abc")).readable()
    assert ChunkedInput(io.BytesIO(b"abc")).read() == b"abc"
    assert io.BufferedReader(ChunkedInput(io.BytesIO(b"a\nb"))).readline() == b"a\n"
    assert ChunkedInput(io.BytesIO(b"abc")).read(2) == b"ab"
    with pytest.raises(BadRequest, match="the chunks of the body cannot be read"):
        ChunkedInput(Broken()).read(1)
