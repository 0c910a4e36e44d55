"""Hostile clients: each is refused or dropped with a clear code, and nobody else is disturbed."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lback import Application
from lback.realtime import Connection, limits, publish, room
from lback.testing import Client, SocketRefused, TestSocket
from lback.testing.sockets import serving

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
)


@pytest.fixture
def app() -> Application:
    app = Application(
        REALTIME="memory",
        SESSION_STORE="memory",
        DATABASE_URL="sqlite://",
        REALTIME_RECEIVE_BYTES=1000,
        REALTIME_RECEIVE_RATE=20,
    ).develop()

    @app.websocket("/echo", requires_auth=False)
    async def echo(connection: Connection) -> None:
        async for message in connection:
            await connection.send(message)

    @app.websocket("/pour", requires_auth=False)
    async def pour(connection: Connection) -> None:
        await connection.subscribe("pour")
        await connection.send("ready")
        await connection.receive()

    @room("pour")
    def everybody(user: Any) -> bool:
        return True

    return app


@pytest.fixture
def witness(app: Application) -> Iterator[TestSocket]:
    """A client that behaves, and is served all the time."""
    with Client(app).websocket("/echo") as witness:
        yield witness
        witness.send("still served")
        assert witness.receive() == "still served"


def raw(port: int, text: str = "") -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", port), 10)
    stream.sendall(text.encode("latin-1"))
    return stream


def read_all(stream: socket.socket) -> bytes:
    data = b""
    with stream:
        try:
            while more := stream.recv(65536):
                data += more
        except ConnectionResetError:
            pass
    return data


def opened(port: int) -> socket.socket:
    stream = raw(port, HANDSHAKE)
    assert stream.recv(4096).startswith(b"HTTP/1.1 101 ")
    return stream


def masked(first: int, payload: bytes, size: int | None = None) -> bytes:
    size = len(payload) if size is None else size
    head = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0xFE]) + size.to_bytes(2)
    return head + b"\0\0\0\0" + payload


def close_code(data: bytes) -> int:
    at = data.index(b"\x88")
    return int.from_bytes(data[at + 2 : at + 4])


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://localhost.evil.example", "http://localhost:81", "null", "x"],
)
def test_pages_of_other_origins_are_refused(
    app: Application, witness: TestSocket, origin: str
) -> None:
    fields = f"Host: localhost:80\r\nOrigin: {origin}"
    with serving(app) as served:
        data = read_all(raw(served.port, HANDSHAKE.replace("Host: localhost", fields)))
    assert data.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "origin", ["http://localhost:8081", "https://localhost", "chrome-extension://localhost"]
)
def test_another_service_of_the_same_host_is_refused(
    app: Application, witness: TestSocket, origin: str
) -> None:
    fields = f"Host: localhost\r\nOrigin: {origin}"
    with serving(app) as served:
        data = read_all(raw(served.port, HANDSHAKE.replace("Host: localhost", fields)))
    assert data.startswith(b"HTTP/1.1 403 ")
    assert b"REALTIME_ORIGINS" in data and b"TRUSTED_PROXIES" in data


def test_the_page_itself_and_listed_origins_connect(app: Application, witness: TestSocket) -> None:
    with Client(app).websocket("/echo", origin="http://localhost") as own:
        own.send("1")
        assert own.receive() == "1"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("Host: localhost\r\n", ""), 400),
        (("Host: localhost", "Host: localhost\r\nHost: evil.example"), 400),
        (("Host: localhost", "Host: evil.example"), 400),
        (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 426),
        ((KEY, "c2hvcnQ="), 400),
        ((f"Sec-WebSocket-Key: {KEY}\r\n", ""), 400),
        (("Connection: Upgrade", "Connection: close"), 400),
        (("GET", "POST"), 405),
        (("HTTP/1.1", "HTTP/1.0"), 400),
        (("/echo", "//evil\x01"), 400),
        (("Upgrade: websocket", "Upgrade: websocket\r\nX: " + "y" * 40_000), 431),
        (("Upgrade: websocket", "Upgrade: websocket" + "\r\nX: y" * 200), 431),
        (("Upgrade: websocket", "Upgrade: websocket\r\nContent-Length: 5"), 400),
        (("Upgrade: websocket", "Upgrade: websocket\r\nTransfer-Encoding: chunked"), 400),
        (("Upgrade: websocket", "Upgrade: websocket\r\nBad Name: 1"), 400),
        (("/echo", "/invented"), 404),
        (("/echo", "/admin"), 404),
    ],
)
def test_malformed_handshakes_are_refused(
    app: Application, witness: TestSocket, change: tuple[str, str], status: int
) -> None:
    with serving(app) as served:
        data = read_all(raw(served.port, HANDSHAKE.replace(*change)))
    assert int(data.split(b" ")[1]) == status, data


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(0x81, b"", 1001), 1009),
        (bytes([0x81, 1, 65]), 1002),  # not masked
        (masked(0xC1, b"a"), 1002),  # a reserved bit
        (masked(0x83, b"a"), 1002),  # a reserved opcode
        (masked(0x80, b"a"), 1002),  # a continuation of nothing
        (masked(0x01, b"a") + masked(0x81, b"b"), 1002),  # a message within a message
        (masked(0x09, b"a"), 1002),  # a ping in fragments
        (masked(0x89, b"a" * 126), 1002),  # a ping that is too long
        (masked(0x81, b"\xc3\x28"), 1007),  # not UTF-8
        (masked(0x01, b"\xc3") + masked(0x80, b"\x28"), 1007),  # nor across fragments
        (masked(0x88, b"\x03"), 1002),  # a close code of one byte
        (masked(0x88, (999).to_bytes(2)), 1002),
        (masked(0x88, (1005).to_bytes(2)), 1002),
        (masked(0x88, (1000).to_bytes(2) + b"\xff"), 1007),
    ],
)
def test_frames_that_break_the_protocol_close_with_its_code(
    app: Application, witness: TestSocket, frame: bytes, code: int
) -> None:
    with serving(app) as served:
        stream = opened(served.port)
        stream.sendall(frame)
        assert close_code(read_all(stream)) == code


@pytest.mark.parametrize(
    ("frames", "answer"),
    [
        (masked(0x81, b"hi"), b"\x81\x02hi"),
        (masked(0x82, b"\x00\xff"), b"\x82\x02\x00\xff"),
        (masked(0x81, b""), b"\x81\x00"),
        (masked(0x01, b"h") + masked(0x00, b"") + masked(0x80, b"i"), b"\x81\x02hi"),
        (masked(0x01, b"h") + masked(0x89, b"p") + masked(0x80, b"i"), b"\x8a\x01p\x81\x02hi"),
        (masked(0x89, b""), b"\x8a\x00"),
        (masked(0x89, b"x" * 125), b"\x8a\x7d" + b"x" * 125),
        (masked(0x8A, b"unasked") + masked(0x81, b"a"), b"\x81\x01a"),
        (masked(0x81, b"x" * 126), b"\x81\x7e\x00\x7e" + b"x" * 126),
        (masked(0x81, "µ€𝄞".encode()), b"\x81\x09" + "µ€𝄞".encode()),
        (masked(0x01, b"\xe2") + masked(0x80, b"\x82\xac"), b"\x81\x03\xe2\x82\xac"),
        (masked(0x88, b""), b"\x88\x00"),
        (masked(0x88, (1000).to_bytes(2)), b"\x88\x02\x03\xe8"),
        (masked(0x88, (4999).to_bytes(2) + b"bye"), b"\x88\x05\x13\x87bye"),
    ],
)
@pytest.mark.parametrize("chopped", [False, True])
def test_frames_of_the_protocol_are_answered(
    app: Application, frames: bytes, answer: bytes, chopped: bool
) -> None:
    with serving(app) as served:
        stream = opened(served.port)
        for piece in [bytes([b]) for b in frames] if chopped else [frames]:
            stream.sendall(piece)
        if frames[0] == 0x88:
            assert read_all(stream) == answer
            return
        data = b""
        while len(data) < len(answer):
            data += stream.recv(4096)
        stream.close()
    assert data == answer


def test_a_handshake_that_takes_too_long_is_ended(
    app: Application, witness: TestSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.2)
    with serving(app) as served:
        slow, silent = raw(served.port, HANDSHAKE[:40]), raw(served.port)
        assert read_all(slow).startswith(b"HTTP/1.1 408 ")
        assert read_all(silent).startswith(b"HTTP/1.1 408 ")


def test_frames_before_the_handshake_is_answered_are_kept_up_to_a_size(
    app: Application, witness: TestSocket
) -> None:
    with serving(app) as served:
        stream = raw(served.port)
        stream.sendall(HANDSHAKE.encode() + masked(0x81, b"early"))
        data = b""
        while b"early" not in data:
            data += stream.recv(4096)
        stream.close()
    assert data.startswith(b"HTTP/1.1 101 ")


def test_a_flood_closes_with_1008(
    app: Application, witness: TestSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_SECONDS", 0.3)
    with Client(app).websocket("/echo") as flood:
        for number in range(60):
            flood.send(str(number))
        assert flood.wait_closed().code == 1008


@pytest.mark.parametrize("first", [0x89, 0x8A])
def test_a_flood_of_pings_or_pongs_closes_with_1008(
    app: Application, witness: TestSocket, first: int
) -> None:
    with serving(app) as served:
        few = opened(served.port)
        few.sendall(masked(first, b"") * 20 + masked(0x81, b"a"))
        data = b""
        while not data.endswith(b"\x81\x01a"):
            data += few.recv(4096)
        few.close()
        flood = opened(served.port)
        flood.sendall(masked(first, b"") * 1000 + masked(0x81, b"b"))
        data = read_all(flood)
        assert close_code(data) == 1008
        assert data.count(b"\x8a\x00") == (20 if first == 0x89 else 0)
        assert b"\x81\x01b" not in data


def test_a_client_that_reads_nothing_is_dropped_and_others_get_everything(
    app: Application, witness: TestSocket, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(limits, "UNREAD_BYTES", 100_000)
    caplog.set_level(logging.WARNING)
    with serving(app) as served, Client(app).websocket("/pour") as reader:
        reader.receive()
        deaf = raw(served.port, HANDSHAKE.replace("/echo", "/pour"))
        deaf_events = raw(
            served.port, "GET /realtime/events?room=pour HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert deaf.recv(100)
        assert deaf_events.recv(100)
        deadline = time.monotonic() + 20
        sent = 0
        while len(served.server.connections) > 2 or served.server.streams:
            publish("pour", "x" * 50_000)
            sent += 1
            assert len(reader.receive()) > 50_000
            assert time.monotonic() < deadline
        deaf.close()
        deaf_events.close()
    assert "does not read" in caplog.text


def test_too_many_connections_are_refused_with_503(app: Application, witness: TestSocket) -> None:
    with serving(app) as served:
        served.server.limits = served.server.limits._replace(connections=2)
        with Client(app).websocket("/echo"):
            for path in ("/echo", "/realtime/events?room=pour"):
                data = read_all(raw(served.port, HANDSHAKE.replace("/echo", path)))
                assert data.startswith(b"HTTP/1.1 503 ")


def test_handshakes_at_the_same_time_cannot_exceed_the_limit(
    app: Application, witness: TestSocket
) -> None:
    with serving(app) as served:
        served.server.limits = served.server.limits._replace(connections=3)
        streams = [raw(served.port, HANDSHAKE) for _ in range(40)]
        got = [stream.recv(4096).split(b" ")[1] for stream in streams]
        assert {*got} == {b"101", b"503"}
        assert got.count(b"101") == 2  # beside the witness
        for stream in streams:
            stream.close()
        deadline = time.monotonic() + 20
        while len(served.server.connections) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        opened(served.port).close()  # nothing of the refused ones is counted


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("support_ticket=5", 101),
        ("a=my_ticket=5", 101),
        ("ticket=5", 401),
        ("%74icket=5", 401),
        ("ticket", 401),
        ("ticket=5" + "&a" * 1500, 400),
    ],
)
def test_a_ticket_is_the_field_of_that_name(
    app: Application, witness: TestSocket, query: str, status: int
) -> None:
    with serving(app) as served:
        stream = raw(served.port, HANDSHAKE.replace("/echo", f"/echo?{query}"))
        assert int(stream.recv(4096).split(b" ")[1]) == status
        stream.close()


def test_a_handshake_that_fails_unexpectedly_is_answered_with_500(
    app: Application,
    witness: TestSocket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise AttributeError("x")

    with serving(app) as served:
        with monkeypatch.context() as patch:
            patch.setattr(served.server._entrance, "enter", fail)
            assert read_all(raw(served.port, HANDSHAKE)).startswith(b"HTTP/1.1 500 ")
        opened(served.port).close()
    assert [line for line in caplog.messages if "fail" in line] == ["a handshake failed"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_events_are_for_get_alone(app: Application, witness: TestSocket, method: str) -> None:
    request = f"{method} /realtime/events?room=pour HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(app) as served:
        assert read_all(raw(served.port, request)).startswith(b"HTTP/1.1 405 ")


def test_functions_that_wait_keep_nobody_from_connecting(app: Application) -> None:
    ended = threading.Event()

    @app.websocket("/wait", requires_auth=False)
    async def wait(connection: Connection) -> None:
        await connection.send("waiting")
        await connection.run(ended.wait)

    with ExitStack() as stack:
        stack.callback(ended.set)
        for _ in range(app.config.REALTIME_THREADS + 2):
            waiting = stack.enter_context(Client(app).websocket("/wait"))
            assert waiting.receive() == "waiting"
        with Client(app).websocket("/echo") as other:
            other.send("in")
            assert other.receive() == "in"
        ended.set()


def test_half_open_connections_are_noticed_by_pings(
    app: Application, witness: TestSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PING_SECONDS", 0.2)
    with serving(app) as served:
        dead = opened(served.port)  # it answers no ping
        assert close_code(read_all(dead)) == 1011


def test_a_ready_made_socket_name_of_another_user_is_refused(
    app: Application, witness: TestSocket
) -> None:
    with pytest.raises(SocketRefused) as refused, Client(app).events("invented-room"):
        pass
    assert refused.value.status_code == 403


def test_hundreds_of_connections_that_break_off_leave_nothing(
    app: Application, witness: TestSocket
) -> None:
    with serving(app) as served:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(200):
            raw(served.port, HANDSHAKE[: number % len(HANDSHAKE)]).close()
        deadline = time.monotonic() + 20
        while (
            len(list(Path("/proc/self/fd").iterdir())) > before + 3
            or served.server.fronts
            or len(served.server.connections) > 1
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_handler_that_blocks_the_loop_is_reported_in_development(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/block", requires_auth=False)
    async def block(connection: Connection) -> None:
        threading.Event().wait(0.8)
        await connection.send("done")
        await asyncio.sleep(0)

    with Client(app).websocket("/block") as socket_:
        assert socket_.receive() == "done"
    assert "the event loop is blocked" in caplog.text
    assert "threading.Event().wait" in caplog.text
