"""Streams: JSON lines and server-sent events."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest

from lback import Application, NotFound, Request
from lback.api import Event
from lback.api.streams import encode_event, event_stream, json_lines
from lback.testing import Client


class Price(msgspec.Struct):
    amount: float


def get(view: Any, **headers: str) -> Any:
    app = Application()
    app.add_route("/", view, ["GET"], requires_auth=False)
    return Client(app).get("/", headers=headers)


def test_json_lines() -> None:
    def prices(request: Request, count: int = 2) -> Iterator[Price]:
        for number in range(count):
            yield Price(number)

    answer = get(prices)
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.body == b'{"amount":0}\n{"amount":1}\n'


@pytest.mark.parametrize("kind", [Iterable, Iterator])
def test_other_annotations_of_streams(kind: Any) -> None:
    def prices(request: Request) -> Any:
        return [Price(1.5)]

    prices.__annotations__["return"] = kind[Price]
    assert get(prices).body == b'{"amount":1.5}\n'


def test_a_generator_annotation() -> None:
    def prices(request: Request) -> Generator[Price, None, None]:
        yield Price(1.5)

    assert get(prices).body == b'{"amount":1.5}\n'


def test_rows_give_only_what_the_type_names() -> None:
    def prices(request: Request) -> Iterator[Price]:
        yield {"amount": 1.5, "secret": "x"}  # type: ignore[misc]  # a row

    def events(request: Request) -> Iterator[Event[Price]]:
        yield Event({"amount": 1.5, "secret": "x"}, id="1")  # type: ignore[arg-type]  # a row

    assert get(prices).body == b'{"amount":1.5}\n'
    assert get(events).body == b'id: 1\ndata: {"amount":1.5}\n\n'


def test_an_error_before_the_first_item_is_an_error_response() -> None:
    def prices(request: Request) -> Iterator[Price]:
        raise NotFound("No prices.")
        yield Price(1)

    answer = get(prices)
    assert (answer.status_code, answer.json()["detail"]) == (404, "No prices.")


def test_a_wrong_item_is_an_error_in_tests() -> None:
    def prices(request: Request) -> Iterator[Price]:
        yield Price("free")  # type: ignore[arg-type]  # the mistake

    assert get(prices).status_code == 500


def test_an_empty_stream() -> None:
    def prices(request: Request) -> Iterator[Price]:
        yield from ()

    answer = get(prices)
    assert (answer.status_code, answer.body) == (200, b"")


def test_server_sent_events() -> None:
    def prices(request: Request) -> Iterator[Event[Price]]:
        yield Event(Price(1), event="price", id="41", retry=2000)
        yield Event(Price(2))

    answer = get(prices, Accept="text/event-stream")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.body == (
        b'event: price\nid: 41\nretry: 2000\ndata: {"amount":1}\n\ndata: {"amount":2}\n\n'
    )


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_names_and_ids_of_events_are_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_event(Event(1, event=text))
    with pytest.raises(ValueError, match="line break"):
        encode_event(Event(1, id=text))


def test_text_with_line_breaks_stays_one_event() -> None:
    assert encode_event("a\nb") == b'data: "a\\nb"\n\n'


class Source:
    closed = 0

    def __iter__(self) -> Iterator[int]:
        yield 1
        raise RuntimeError

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("stream", [json_lines, event_stream])
def test_the_source_is_closed_once(stream: Any) -> None:
    source = Source()
    body = stream(source).body
    assert next(iter(body))
    body.close()
    body.close()
    assert source.closed == 1


def test_the_source_is_closed_if_its_first_item_fails() -> None:
    class Failing(Source):
        def __iter__(self) -> Iterator[int]:
            raise RuntimeError

    source = Failing()
    with pytest.raises(RuntimeError):
        json_lines(source)
    assert source.closed == 1


def test_an_event_is_sent_before_the_next_one_is_made(
    serve: Callable[[Application], str],
) -> None:
    arrived = threading.Event()
    ended = threading.Event()

    def prices(request: Request) -> Iterator[Event[Price]]:
        try:
            yield Event(Price(1), id="1")
            assert arrived.wait(30)
            yield Event(Price(2), id="2")
        finally:
            ended.set()

    app = Application(DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["127.0.0.1"])
    app.add_route("/", prices, ["GET"], requires_auth=False)
    with urlopen(serve(app), timeout=30) as answer:
        assert answer.readline() == b"id: 1\n"
        arrived.set()
        assert answer.read() == b'data: {"amount":1}\n\nid: 2\ndata: {"amount":2}\n\n'
    assert ended.wait(30)
