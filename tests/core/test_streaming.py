"""Streams: made while they are sent, and closed exactly once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from lback import Application
from lback.core.request import Request
from lback.core.response import Response
from lback.core.streaming import StreamingResponse
from lback.core.types import UploadedFile
from lback.testing import Client


class Source:
    """Pieces that note when they are asked for, and how often they were closed."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = iter(pieces)
        self.asked = 0
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.asked += 1
        return next(self.pieces)

    def close(self) -> None:
        self.closed += 1


def start(response: Response, method: str = "GET") -> tuple[str, list[tuple[str, str]], Any]:
    """Begin to send a response as a strict WSGI server does."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(*arguments: Any) -> Any:
        started.extend(arguments[:2])
        return BytesIO().write

    body = validator(response)(environ, start_response)
    iterator = iter(body)
    first = next(iterator, b"")  # the fields are known at the first piece, not before
    status, headers = started
    return status, headers, (first, iterator, body)


def sent(response: Response, method: str = "GET") -> tuple[str, list[tuple[str, str]], bytes]:
    status, headers, (first, iterator, body) = start(response, method)
    try:
        return status, headers, first + b"".join(iterator)
    finally:
        body.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pieces_are_sent_as_bytes_and_without_a_length(method: str) -> None:
    source = Source(b"one ", "zwölf ", bytearray(b"x"), b"", memoryview(b"y"))
    status, headers, body = sent(StreamingResponse(source, 201, {"X-Name": "1"}), method)

    assert status == "201 Created"
    assert headers == [("X-Name", "1"), ("Content-Type", "application/octet-stream")]
    assert body == "one zwölf xy".encode()
    assert source.closed == 1


def test_a_length_that_was_claimed_is_not_sent() -> None:
    response = StreamingResponse([b"x"], headers={"Content-Length": "7"}, content_type="text/csv")

    assert sent(response)[1] == [("Content-Type", "text/csv")]
    assert response.headers["Content-Length"] == "7"


def test_nothing_is_made_before_it_is_asked_for() -> None:
    source = Source(b"1", b"2", b"3")
    response = StreamingResponse(source)
    _, _, body = response.get_wsgi_response()
    assert source.asked == 0

    assert next(iter(body)) == b"1"
    assert source.asked == 1


def test_a_client_that_leaves_early_closes_the_source() -> None:
    source = Source(b"1", b"2", b"3")
    response = StreamingResponse(source)
    _, _, (first, _, body) = start(response)
    body.close()
    assert (first, source.asked, source.closed) == (b"1", 1, 1)

    for _ in range(2):
        response.get_wsgi_response()[2].close()  # type: ignore[attr-defined]  # a server looks for it
    assert source.closed == 1


def test_a_generator_runs_its_finally_block_when_it_is_closed() -> None:
    events = []

    def rows() -> Iterator[str]:
        events.append("open")
        try:
            yield "1"
            yield "2"
        finally:
            events.append("closed")

    _, _, body = StreamingResponse(rows()).get_wsgi_response()
    assert next(iter(body)) == b"1"
    assert events == ["open"]
    body.close()  # type: ignore[attr-defined]  # a server looks for it
    body.close()  # type: ignore[attr-defined]  # as above
    assert events == ["open", "closed"]


def test_an_iterable_that_makes_its_own_generator_has_both_closed() -> None:
    closed = []

    class Report:
        def __iter__(self) -> Iterator[bytes]:
            try:
                yield b"1"
                yield b"2"
            finally:
                closed.append("generator")

        def close(self) -> None:
            closed.append("report")

    _, _, (_, _, body) = start(StreamingResponse(Report()))
    body.close()

    assert closed == ["generator", "report"]


def test_a_list_may_be_sent_several_times() -> None:
    response = StreamingResponse(["a", "b"])

    assert sent(response)[2] == sent(response)[2] == b"ab"


def test_next_alone_starts_the_stream_too() -> None:
    _, _, body = StreamingResponse(["a", "b"]).get_wsgi_response()

    assert [next(body), next(body)] == [b"a", b"b"]  # type: ignore[call-overload]  # it is one


def test_head_closes_the_source_without_starting_it() -> None:
    source = Source(b"1")
    status, headers, body = sent(StreamingResponse(source, content_type="text/csv"), "HEAD")

    assert (status, headers, body) == ("200 OK", [("Content-Type", "text/csv")], b"")
    assert (source.asked, source.closed) == (0, 1)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_closes_the_source_without_starting_it(status: int) -> None:
    source = Source(b"1")
    _, headers, body = sent(StreamingResponse(source, status, content_type="text/csv"))

    assert (headers, body) == ([], b"")
    assert (source.asked, source.closed) == (0, 1)


@pytest.mark.parametrize("piece", [5, None, ["x"], {"a": 1}])
def test_a_piece_of_another_type_ends_the_stream_with_its_name(piece: Any) -> None:
    source = Source(b"1", piece)
    _, _, (first, iterator, body) = start(StreamingResponse(source))

    assert first == b"1"
    with pytest.raises(TypeError, match=f"not {type(piece).__name__}"):
        next(iterator)
    body.close()
    assert source.closed == 1


@pytest.mark.parametrize("whole", ["text", b"bytes", bytearray(b"x"), memoryview(b"x")])
def test_a_whole_body_is_refused_and_the_message_points_to_response(whole: Any) -> None:
    with pytest.raises(TypeError, match="is not a stream: use Response"):
        StreamingResponse(whole)


def test_data_is_refused_and_the_message_points_to_json() -> None:
    with pytest.raises(TypeError, match="dict is not a stream: use JSONResponse"):
        StreamingResponse({"a": 1})


def test_what_cannot_be_iterated_over_is_refused_by_name() -> None:
    async def later() -> AsyncIterator[bytes]:
        yield b"x"

    unusable: list[Any] = [None, 5, later()]
    for wrong in unusable:
        with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
            StreamingResponse(wrong)


def test_a_middleware_may_wrap_the_body() -> None:
    source = Source("a", "b")
    response = StreamingResponse(source)
    response.body = (piece.upper() for piece in response.body)

    assert sent(response)[2] == b"AB"


def test_a_status_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="is not an HTTP status"):
        StreamingResponse([], 700)
    response = StreamingResponse([])
    response.status_code = 700
    with pytest.raises(ValueError, match="is not an HTTP status"):
        response.get_wsgi_response()


def test_an_error_while_closing_the_generator_still_closes_the_source() -> None:
    closed = []

    class Stubborn:
        def __iter__(self) -> Iterator[bytes]:
            try:
                yield b"1"
            finally:
                raise RuntimeError("cannot close")

        def close(self) -> None:
            closed.append("source")

    _, _, body = StreamingResponse(Stubborn()).get_wsgi_response()
    next(iter(body))
    with pytest.raises(RuntimeError, match="cannot close"):
        body.close()  # type: ignore[attr-defined]  # a server looks for it
    assert closed == ["source"]


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_uploads_stay_open_until_the_stream_has_been_sent(size: int) -> None:
    app = Application(DEBUG=True)
    taken: list[UploadedFile] = []

    @app.route("/upper", ["POST"], requires_auth=False)
    def upper(request: Request) -> Response:
        upload = request.files["f"]
        assert isinstance(upload, UploadedFile)
        taken.append(upload)
        pieces = (piece.upper() for piece in iter(lambda: upload.read(1000), b""))
        return StreamingResponse(pieces, content_type="text/plain")

    answer = Client(app).post("/upper", files={"f": ("a.txt", b"x" * size)})

    assert answer.body == b"X" * size
    assert taken[0].file.closed


@pytest.mark.parametrize("breaks", ["view", "stream", "head"])
def test_uploads_are_closed_whatever_comes_of_the_answer(breaks: str) -> None:
    app = Application(DEBUG=False, ALLOWED_HOSTS=["localhost"], SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")
    taken: list[UploadedFile] = []

    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise OSError("broken")

    @app.route("/", ["POST"], requires_auth=False)
    def view(request: Request) -> Response:
        upload = request.files["f"]
        assert isinstance(upload, UploadedFile)
        taken.append(upload)
        if breaks == "view":
            raise RuntimeError("broken")
        return StreamingResponse(pieces(), 204 if breaks == "head" else 200)

    with suppress(OSError):
        Client(app).post("/", files={"f": ("a.txt", b"x")})

    assert taken[0].file.closed
