"""The protocol of WebSockets on the real server, frame by frame, by the sections of RFC 6455."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lback import Application
from lback.realtime import Connection
from lback.testing.sockets import serving

HANDSHAKE = (
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MOST = 70_000
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MASK = b"\x37\xfa\x21\x3d"

Frame = tuple[int, bytes]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Application(
        SESSION_STORE="memory", DATABASE_URL="sqlite://", REALTIME_RECEIVE_BYTES=MOST
    ).develop()

    @app.websocket("/echo", requires_auth=False)
    async def echo(connection: Connection) -> None:
        async for message in connection:
            await connection.send(message)

    with serving(app) as served:
        yield served.port
    app.db_manager.dispose()


def frame(opcode: int, payload: bytes = b"", *, first: int = FIN, mask: bytes = MASK) -> bytes:
    """Return a frame of a client; without a mask, one that breaks the protocol."""
    bit, size = 0x80 if mask else 0, len(payload)
    head = bytes([first | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + size.to_bytes(2)
    else:
        head += bytes([bit | 127]) + size.to_bytes(8)
    if mask:
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return head + mask + payload


def part(opcode: int, payload: bytes = b"") -> bytes:
    """Return a frame that is not the last one of its message."""
    return frame(opcode, payload, first=0)


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason)


class Peer:
    """A client that sends bytes, and reads the frames of the server."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._data = b""

    def send(self, *frames: bytes) -> None:
        self.stream.sendall(b"".join(frames))

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            more = self.stream.recv(65_536)
            if not more:
                raise EOFError(self._data)
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def receive(self) -> Frame:
        first, second = self._take(2)
        # Of a server: whole messages, no reserved bits, no mask (section 5.1), shortest length.
        assert first & 0xF0 == FIN
        assert second < 0x80
        size = second
        if size == 126:
            size = int.from_bytes(self._take(2))
            assert size > 125
        elif size == 127:
            size = int.from_bytes(self._take(8))
            assert size > 65_535
        return first & 0x0F, self._take(size)

    def receive_close(self) -> tuple[int, bytes]:
        """Return the code and the reason, and check that nothing follows them."""
        opcode, payload = self.receive()
        assert opcode == CLOSE, (opcode, payload)
        with pytest.raises(EOFError, match="b''"):
            self._take(1)
        return int.from_bytes(payload[:2]) if payload else 0, payload[2:]


@contextmanager
def connected(port: int) -> Iterator[Peer]:
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        peer = Peer(stream)
        peer.send(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += peer._take(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # section 1.3
        yield peer


@pytest.fixture
def peer(port: int) -> Iterator[Peer]:
    with connected(port) as peer:
        yield peer


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, MOST])
def test_5_2_messages_of_each_length_are_echoed(peer: Peer, opcode: int, size: int) -> None:
    peer.send(frame(opcode, b"*" * size))
    assert peer.receive() == (opcode, b"*" * size)


def test_5_2_frames_may_arrive_byte_by_byte(peer: Peer) -> None:
    peer.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(TEXT, "Grüße".encode()) + frame(PING, b"p"):
        peer.send(bytes([byte]))
    expected = [(TEXT, "Grüße".encode()), (PONG, b"p")]
    assert sorted([peer.receive(), peer.receive()]) == expected


@pytest.mark.parametrize("opcode", [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
def test_5_1_a_frame_without_a_mask_fails_the_connection(peer: Peer, opcode: int) -> None:
    peer.send(frame(opcode, mask=b""))
    assert peer.receive_close()[0] == 1002


@pytest.mark.parametrize("bits", [RSV1, RSV2, RSV3, RSV1 | RSV2 | RSV3])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
def test_5_2_reserved_bits_fail_the_connection(peer: Peer, bits: int, opcode: int) -> None:
    peer.send(frame(TEXT, b"before"))
    assert peer.receive() == (TEXT, b"before")
    peer.send(frame(opcode, b"", first=FIN | bits))
    assert peer.receive_close()[0] == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"data"])
def test_5_2_reserved_opcodes_fail_the_connection(peer: Peer, opcode: int, payload: bytes) -> None:
    peer.send(frame(opcode, payload))
    assert peer.receive_close()[0] == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("sizes", [(1, 1), (0, 0, 0), (5, 0, 5), (60_000, 5_000, 5_000)])
def test_5_4_fragments_are_one_message(peer: Peer, opcode: int, sizes: tuple[int, ...]) -> None:
    first, *middle, last = [b"*" * size for size in sizes]
    peer.send(part(opcode, first), *(part(CONTINUATION, each) for each in middle))
    peer.send(frame(CONTINUATION, last))
    assert peer.receive() == (opcode, b"*" * sum(sizes))


def test_5_4_control_frames_come_between_fragments(peer: Peer) -> None:
    peer.send(part(TEXT, b"one "), frame(PING, b"1"))
    assert peer.receive() == (PONG, b"1")  # before the message has ended
    peer.send(part(CONTINUATION, b"two "), frame(PONG, b"unasked"), frame(PING, b"2"))
    assert peer.receive() == (PONG, b"2")
    peer.send(frame(CONTINUATION, b"three"))
    assert peer.receive() == (TEXT, b"one two three")


def test_5_4_a_close_between_fragments_ends_the_connection(peer: Peer) -> None:
    """The message can never be whole: the library calls that an error, others do not."""
    peer.send(part(TEXT, b"one "), closing(1000))
    assert peer.receive_close()[0] in (1000, 1002)


@pytest.mark.parametrize(
    "frames",
    [
        [frame(CONTINUATION, b"of nothing")],
        [part(CONTINUATION, b"of nothing")],
        [frame(TEXT, b"whole"), frame(CONTINUATION, b"of nothing")],
        [part(TEXT, b"begun"), frame(TEXT, b"another")],
        [part(TEXT, b"begun"), part(BINARY, b"another")],
        [part(TEXT, b"begun"), frame(CONTINUATION, b"end"), frame(CONTINUATION, b"more")],
    ],
)
def test_5_4_fragments_out_of_order_fail_the_connection(peer: Peer, frames: list[bytes]) -> None:
    peer.send(*frames)
    while (received := peer.receive())[0] == TEXT:
        pass
    assert received[0] == CLOSE
    assert received[1][:2] == (1002).to_bytes(2)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_a_fragmented_control_frame_fails_the_connection(peer: Peer, opcode: int) -> None:
    peer.send(part(opcode), frame(CONTINUATION))
    assert peer.receive_close()[0] == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_a_long_control_frame_fails_the_connection(peer: Peer, opcode: int) -> None:
    payload = b"\x03\xe8" + b"*" * 124
    peer.send(frame(opcode, payload))
    assert peer.receive_close()[0] == 1002


@pytest.mark.parametrize("payload", [b"", b"ping", b"\x00\xff\xfe", b"*" * 125])
def test_5_5_2_a_ping_is_answered_with_its_payload(peer: Peer, payload: bytes) -> None:
    peer.send(frame(PING, payload))
    assert peer.receive() == (PONG, payload)


def test_5_5_3_a_pong_that_was_not_asked_for_is_ignored(peer: Peer) -> None:
    peer.send(frame(PONG, b"unasked"), frame(TEXT, b"next"))
    assert peer.receive() == (TEXT, b"next")


def test_5_5_1_after_a_close_nothing_is_processed(peer: Peer) -> None:
    peer.send(closing(1000, b"bye"), frame(TEXT, b"late"), frame(PING, b"late"), closing(1001))
    assert peer.receive_close() == (1000, b"bye")


def test_5_5_1_a_close_without_a_code_is_answered(peer: Peer) -> None:
    peer.send(frame(CLOSE))
    assert peer.receive_close()[0] in (0, 1000)


def test_5_5_1_a_code_has_two_bytes(peer: Peer) -> None:
    peer.send(frame(CLOSE, b"\x03"))
    assert peer.receive_close()[0] == 1002


def test_5_5_1_the_longest_reason_is_sent_back(peer: Peer) -> None:
    peer.send(closing(1000, b"*" * 123))
    assert peer.receive_close() == (1000, b"*" * 123)


@pytest.mark.parametrize("reason", [b"\xff", b"\xed\xa0\x80", b"half of \xc3"])
def test_5_5_1_a_reason_is_utf_8(peer: Peer, reason: bytes) -> None:
    peer.send(closing(1000, reason))
    assert peer.receive_close()[0] == 1007


VALID = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]


@pytest.mark.parametrize("code", VALID)
def test_7_4_a_valid_code_is_sent_back(peer: Peer, code: int) -> None:
    peer.send(closing(code, b"why"))
    assert peer.receive_close() == (code, b"why")


@pytest.mark.parametrize("code", INVALID)
def test_7_4_an_invalid_code_fails_the_connection(peer: Peer, code: int) -> None:
    peer.send(closing(code))
    assert peer.receive_close()[0] == 1002


TEXTS = ["Grüße", "日本語", "👩\u200d👩\u200d👧", "\x00", "\ud7ff\ue000\ufffd\uffff\U0010ffff"]


@pytest.mark.parametrize("text", TEXTS)
def test_8_1_a_character_may_be_split_between_fragments(peer: Peer, text: str) -> None:
    first, *rest = [bytes([byte]) for byte in text.encode()]
    frames = [part(TEXT, first), *(part(CONTINUATION, byte) for byte in rest)]
    for each in frames:
        peer.send(each)
    peer.send(frame(CONTINUATION))
    assert peer.receive() == (TEXT, text.encode())


BROKEN = {
    "byte": b"a\xff",
    "continuation": b"a\x80",
    "overlong": b"\xc0\xaf",
    "overlong of three": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond the last": b"\xf4\x90\x80\x80",
    "of five bytes": b"\xf8\x88\x80\x80\x80",
    "unfinished": "日".encode()[:2],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("is_split", [False, True])
def test_8_1_text_that_is_not_utf_8_fails_the_connection(
    peer: Peer, data: bytes, is_split: bool
) -> None:
    if is_split:
        peer.send(part(TEXT, b"begin " + data[:1]), frame(CONTINUATION, data[1:]))
    else:
        peer.send(frame(TEXT, data))
    assert peer.receive_close()[0] == 1007


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_8_1_bytes_need_not_be_text(peer: Peer, data: bytes) -> None:
    peer.send(frame(BINARY, data))
    assert peer.receive() == (BINARY, data)


@pytest.mark.parametrize("sizes", [(MOST + 1,), (MOST, 1), (1, MOST - 1, 1)])
def test_10_4_a_message_beyond_the_limit_closes_the_connection(
    peer: Peer, sizes: tuple[int, ...]
) -> None:
    opcodes = [BINARY, *[CONTINUATION] * (len(sizes) - 1)]
    frames = [part(opcode, b"*" * size) for opcode, size in zip(opcodes, sizes, strict=True)]
    peer.send(*frames)
    assert peer.receive_close()[0] == 1009


def test_10_4_the_length_alone_closes_the_connection(peer: Peer) -> None:
    """Nothing of the message has to arrive, nor is memory taken for it."""
    peer.send(bytes([FIN | BINARY, 0xFF]) + (2**62).to_bytes(8) + MASK)
    assert peer.receive_close()[0] == 1009
