"""Streams of typed views: JSON lines and server-sent events."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeAlias

from lback.api.markers import Event
from lback.core.http.headers import HeaderValue
from lback.core.http.json_encoding import json_encode
from lback.core.http.response_body import close
from lback.core.streaming import StreamingResponse

Encode: TypeAlias = Callable[[object], bytes]

JSON_LINES = "application/jsonl"
EVENT_STREAM = "text/event-stream"


def json_lines(
    items: Iterable[object],
    status: int = 200,
    headers: Mapping[str, HeaderValue] | None = None,
    encode: Encode = json_encode,
) -> StreamingResponse:
    r"""Return a response that sends each item as a line of JSON.

    The first item is computed at once, so that an error before it becomes an error response.

    Args:
        items: The items; a generator runs while the response is sent.
        status: Status of the response.
        headers: Header fields.
        encode: Returns an item as JSON.

    Example:
        >>> from lback.api.streams import json_lines
        >>> b"".join(json_lines([{"id": 1}, {"id": 2}]).body)
        b'{"id":1}\n{"id":2}\n'
    """
    return StreamingResponse(
        _Encoded(items, lambda item: encode(item) + b"\n"), status, headers, JSON_LINES
    )


def event_stream(
    events: Iterable[object],
    status: int = 200,
    headers: Mapping[str, HeaderValue] | None = None,
    encode: Encode = json_encode,
) -> StreamingResponse:
    r"""Return a response that sends server-sent events (HTML standard, section 9.2).

    The first event is computed at once, so that an error before it becomes an error response.

    Args:
        events: The events; any other object is sent as the data of an event.
        status: Status of the response.
        headers: Header fields.
        encode: Returns the data of an event as JSON.

    Example:
        >>> from lback.api import Event
        >>> from lback.api.streams import event_stream
        >>> b"".join(event_stream([Event({"price": 7}, id="41")]).body)
        b'id: 41\ndata: {"price":7}\n\n'
    """
    fields = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **(headers or {})}
    return StreamingResponse(
        _Encoded(events, lambda event: encode_event(event, encode)), status, fields, EVENT_STREAM
    )


def encode_event(event: object, encode: Encode = json_encode) -> bytes:
    """Return a server-sent event as bytes.

    Args:
        event: An `Event`, or its data.
        encode: Returns the data as JSON.

    Raises:
        ValueError: Its name or id contains a line break, or its id a NUL.
    """
    if not isinstance(event, Event):
        return b"data: " + encode(event) + b"\n\n"
    lines = []
    if event.event is not None:
        lines.append(f"event: {_one_line(event.event, 'event')}\n")
    if event.id is not None:
        lines.append(f"id: {_one_line(event.id, 'id')}\n")
    if event.retry is not None:
        lines.append(f"retry: {int(event.retry)}\n")
    # JSON has no line breaks outside of strings, and escapes them within.
    return "".join(lines).encode() + b"data: " + encode(event.data) + b"\n\n"


def _one_line(text: str, what: str) -> str:
    if any(character in text for character in "\r\n\0"):
        raise ValueError(f"the {what} of an event has a line break or NUL: {text!r}")
    return text


class _Encoded:
    """Encodes the items of an iterable, of which it computes the first one at once.

    Args:
        items: The items.
        encode: Returns the bytes of an item.
    """

    def __init__(self, items: Iterable[object], encode: Encode) -> None:
        self._source = items
        try:
            iterator = iter(items)
            first = [encode(next(iterator))]
        except StopIteration:
            first, iterator = [], iter(())
        except BaseException:
            close(items)
            raise
        self._pieces: Iterator[bytes] = chain(first, map(encode, iterator))

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Close the source, once the response has been sent."""
        close(self._source)
