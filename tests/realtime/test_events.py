"""Server-sent events: messages of rooms, what was missed, and who may read."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lback import Application
from lback.realtime import limits, publish, publish_fragment, room
from lback.realtime.rooms import ROOMS
from lback.testing import Client, SocketRefused
from lback.testing.sockets import serving


@pytest.fixture
def app() -> Iterator[Application]:
    before = dict(ROOMS)

    @room("open-{number:int}")
    def everybody(user: object, number: int) -> bool:
        return number < 10

    yield Application(REALTIME="memory", SESSION_STORE="memory", DATABASE_URL="sqlite:///:memory:")
    ROOMS.clear()
    ROOMS.update(before)


def test_messages_arrive_with_name_data_and_position(app: Application) -> None:
    with Client(app).events("open-1") as events:
        publish("open-1", {"event": "comment", "text": "one\ntwo"})
        publish("open-2", {"event": "comment"})
        publish("open-1", [1])
        first, second = events.receive(), events.receive()
    assert (first.event, first.data["room"]) == ("comment", "open-1")
    assert first.data["data"] == {"event": "comment", "text": "one\ntwo"}
    assert (second.event, second.data["data"]) == ("message", [1])
    assert first.id != second.id


def test_a_client_that_comes_back_gets_what_it_missed_once(app: Application) -> None:
    client = Client(app)
    with client.events("open-1", "open-2") as events:
        publish("open-1", "a")
        publish("open-2", "b")
        got = [events.receive().data["data"], events.receive().data["data"]]
        assert sorted(got) == ["a", "b"]
        last = events.last_id
    publish("open-2", "c")
    publish("open-1", "d")
    with client.events("open-1", "open-2", last_id=last) as events:
        got = [events.receive().data["data"], events.receive().data["data"]]
        assert sorted(got) == ["c", "d"]
        publish("open-1", "e")
        assert events.receive().data["data"] == "e"


def test_the_position_is_known_before_the_first_message(app: Application) -> None:
    client = Client(app)
    publish("open-1", "before")
    with client.events("open-1") as events:
        publish("open-1", "a")
        first = events.receive()
    with client.events("open-1", last_id=first.id) as events:
        publish("open-1", "b")
        assert events.receive().data["data"] == "b"


def test_an_unknown_position_makes_the_client_reload(app: Application) -> None:
    with Client(app).events("open-1", last_id="nonsense") as events:
        event = events.receive()
    assert (event.event, event.data) == ("reload", {"rooms": ["open-1"]})


@pytest.mark.parametrize(
    ("rooms", "status"),
    [
        (["open-11"], 403),
        (["open-1", "invented"], 403),
        ([], 400),
        ([f"open-{n}" for n in range(21)], 400),
    ],
)
def test_rooms_without_a_rule_that_allows_them_are_refused(
    app: Application, rooms: list[str], status: int
) -> None:
    with pytest.raises(SocketRefused) as refused, Client(app).events(*rooms):
        pass
    assert refused.value.status_code == status


def test_a_page_of_another_host_is_refused(app: Application) -> None:
    client = Client(app)
    for origin in ("https://evil.example", "http://localhost.evil.example", "null"):
        refusing = client.events("open-1", headers={"Origin": origin})
        with pytest.raises(SocketRefused) as refused, refusing:
            pass
        assert refused.value.status_code == 403
    with client.events("open-1", headers={"Origin": "http://localhost"}) as events:
        publish("open-1", 1)
        assert events.receive().data["data"] == 1


def test_a_web_worker_answers_503(app: Application) -> None:
    assert Client(app).get("/realtime/events?room=open-1").status_code == 503


def test_an_end_of_the_server_tells_clients_when_to_come_back(app: Application) -> None:
    Client(app)
    with (
        serving(app.develop()) as served,
        socket.create_connection(("127.0.0.1", served.port), 5) as stream,
    ):
        stream.sendall(b"GET /realtime/events?room=open-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"id: " not in data:
            data += stream.recv(65536)
        served.stop()
        while more := stream.recv(65536):
            data += more
    assert b"retry: " in data.rsplit(b"\n\n", 2)[1]


def test_fragments_as_html(app: Application, tmp_path: Path) -> None:
    loader: Any = app.template_renderer.environment.loader
    loader.searchpath.insert(0, str(tmp_path))
    (tmp_path / "rows.html").write_text("<p>\r\n{{ text }}\u2028</p>\n\nevent: x")
    with (
        serving(app.develop()) as served,
        socket.create_connection(("127.0.0.1", served.port)) as client,
    ):
        address = "/realtime/events?room=open-1&html=1"
        client.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = b""
        while b"id: " not in received:
            received += client.recv(4096)
        publish_fragment("open-1", "rows.html", key="a", text="<é>")
        publish("open-1", {"event": "ring"})
        while b"event: ring" not in received:
            received += client.recv(4096)
    lines = received.decode().partition("\r\n\r\n")[2].split("\n")
    start = lines.index("event: rows.html#a")
    expected = ["data: <p>", "data: &lt;é&gt;", "data: </p>", "data: ", "data: event: x", ""]
    assert lines[start + 1 : start + 7] == expected


def events_of(served: Any, query: str) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", served.port), 20)
    head = f"GET /realtime/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    stream.sendall(head.encode())
    return stream


def read_until(stream: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        more = stream.recv(4096)
        assert more, received
        received += more
    return received


def test_a_message_that_one_client_cannot_get_ends_its_stream_alone(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """A fragment without its HTML, as a program with another version may leave it."""
    engine = app.dependencies["realtime"]
    with serving(app.develop()) as served, Client(app).events("open-1") as others:
        for last_id in ("", "@1"):  # as it is published, and when it is among those missed
            with events_of(served, f"room=open-1&html=1&last_event_id={last_id}") as stream:
                if not last_id:
                    read_until(stream, b"id: ")
                    engine.append(None, {"open-1": ['{"event":"fragment"}']})
                text = read_until(stream, b"event: reload\n").decode()
                while more := stream.recv(4096):
                    text += more.decode()
            assert text.endswith('"reason":"a message could not be delivered"}\n\n')
        assert others.receive().event == "fragment"
        publish("open-1", "next")
        assert others.receive().data["data"] == "next"
    assert "KeyError: 'html'" in caplog.text


def test_nothing_is_sent_before_the_head_of_the_response(app: Application) -> None:
    """The second room cannot be read at first, which all clients are told."""
    engine = app.dependencies["realtime"]
    engine.errors = (ConnectionError,)
    position, is_away = engine.position, threading.Event()

    def away_for_one(room: str) -> Any:
        if room == "open-2" and is_away.is_set():
            raise ConnectionError("away")
        return position(room)

    engine.position = away_for_one
    with serving(app.develop()) as served, Client(app).events("open-1") as others:
        is_away.set()
        with events_of(served, "room=open-1&room=open-2") as stream:
            assert others.receive().data == {"state": "away"}
            is_away.clear()
            assert read_until(stream, b"id: ").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_history_that_is_too_large_for_a_connection_makes_it_reload(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MISSED_BYTES", 1000)
    client = Client(app)
    with client.events("open-1", "open-2", "open-3") as events:
        publish("open-1", "a")
        last = events.receive().id
    for number in (1, 2, 3):  # each of them alone is small enough
        publish(f"open-{number}", "x" * 600)
    for place in (last, "@1"):
        with client.events("open-1", "open-2", "open-3", last_id=place) as events:
            first, second = events.receive(), events.receive()
            assert (first.event, first.data) == ("reload", {"rooms": ["open-2", "open-3"]})
            assert second.data["room"] == "open-1"
            publish("open-2", "next")
            while (event := events.receive()).data["room"] == "open-1":
                pass
            assert event.data["data"] == "next"
