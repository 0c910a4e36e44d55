"""The websocket server over real sockets, with real clients, from its start to its stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection as BlockingConnection
from websockets.sync.client import connect as connect_blocking
from websockets.typing import Origin

from lback.core.websocket import WebSocketServer

SECONDS = 20  # far more than any of these tests needs


def local_server(**options: Any) -> WebSocketServer:
    return WebSocketServer("127.0.0.1", 0, **options)


def address(server: WebSocketServer) -> str:
    return f"ws://{server.host}:{server.port}"


def run(story: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(SECONDS):
            await story

    asyncio.run(in_time())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def closed(client: ClientConnection) -> int | None:
    """Wait until the server has closed the connection, and return the code it gave."""
    with pytest.raises(ConnectionClosed):
        while True:
            await client.recv()
    return client.close_code


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def connect_when_up(port: int) -> BlockingConnection:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return connect_blocking(f"ws://127.0.0.1:{port}")
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.01)


# the coroutines by themselves


class Tape:
    """Stands in for a connection that plays its messages and then ends or fails."""

    request = None

    def __init__(self, *messages: str | bytes, failure: Exception | None = None) -> None:
        self.messages = messages
        self.failure = failure
        self.sent: list[str | bytes] = []

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        for message in self.messages:
            yield message
        if self.failure is not None:
            raise self.failure

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    @property
    def connection(self) -> ServerConnection:
        return cast(ServerConnection, self)


def test_it_listens_on_this_machine_unless_told_otherwise() -> None:
    server = WebSocketServer()
    assert (server.host, server.port) == ("localhost", 8765)
    assert (server.max_connections, server.max_message_size) == (1000, 1024 * 1024)
    assert server.allowed_origins is None
    other = WebSocketServer("0.0.0.0", 9000)
    assert (other.host, other.port) == ("0.0.0.0", 9000)


def test_register_and_unregister_keep_the_connections() -> None:
    async def story() -> None:
        server, one, two = WebSocketServer(), Tape().connection, Tape().connection
        await server.register(one)
        await server.register(two)
        assert server.connections == {one, two}
        await server.unregister(one)
        assert server.connections == {two}

    run(story())


def test_unregistering_an_unknown_connection_is_not_an_error() -> None:
    async def story() -> None:
        server = WebSocketServer()
        await server.unregister(Tape().connection)
        assert server.connections == set()

    run(story())


@pytest.mark.parametrize(
    ("message", "answer"),
    [("hello", "Echo: hello"), ("", "Echo: "), (b"\x00\xff", b"\x00\xff"), (b"", b"")],
)
def test_a_message_is_answered(message: str | bytes, answer: str | bytes) -> None:
    async def story() -> None:
        tape = Tape()
        await WebSocketServer().handle_message(tape.connection, message)
        assert tape.sent == [answer]

    run(story())


def test_echo_answers_every_message_in_order() -> None:
    async def story() -> None:
        tape = Tape("one", b"two", "three")
        await WebSocketServer().echo(tape.connection)
        assert tape.sent == ["Echo: one", b"two", "Echo: three"]

    run(story())


@pytest.mark.parametrize("path", [None, "/chat"])
def test_a_connection_is_registered_answered_and_unregistered(path: str | None) -> None:
    class Watching(WebSocketServer):
        seen = 0

        async def handle_message(self, websocket: ServerConnection, message: str | bytes) -> None:
            self.seen += websocket in self.connections
            await super().handle_message(websocket, message)

    async def story() -> None:
        server, tape = Watching(), Tape("one", "two")
        await server.websocket_handler(tape.connection, path)
        assert tape.sent == ["Echo: one", "Echo: two"]
        assert server.seen == 2
        assert server.connections == set()

    run(story())


def test_a_connection_is_unregistered_after_an_error_too() -> None:
    async def story() -> None:
        server, tape = WebSocketServer(), Tape("one", failure=RuntimeError("broken"))
        with pytest.raises(RuntimeError, match="broken"):
            await server.websocket_handler(tape.connection, "/")
        assert server.connections == set()

    run(story())


# a conversation


def test_text_and_bytes_go_round_over_a_real_socket() -> None:
    async def story() -> None:
        server = local_server()
        async with server.running(), connect(address(server)) as client:
            await client.send("hello ✓")
            assert await client.recv() == "Echo: hello ✓"
            await client.send(b"\x00\x01\xff")
            assert await client.recv() == b"\x00\x01\xff"
            assert len(server.connections) == 1
            await client.close()
            await until(lambda: not server.connections)

    run(story())


def test_a_server_answers_in_its_own_way() -> None:
    class Upper(WebSocketServer):
        async def handle_message(self, websocket: ServerConnection, message: str | bytes) -> None:
            await websocket.send(message.upper())

    async def story() -> None:
        server = Upper("127.0.0.1", 0)
        async with server.running(), connect(address(server)) as client:
            await client.send("quiet")
            assert await client.recv() == "QUIET"

    run(story())


def test_the_handshake_does_not_tell_what_the_server_runs_on() -> None:
    async def story() -> None:
        server = local_server()
        async with server.running(), connect(address(server)) as client:
            assert client.response is not None
            assert "Server" not in client.response.headers

    run(story())


@pytest.mark.parametrize("message", ["news", b"news"])
def test_a_broadcast_reaches_every_registered_connection(message: str | bytes) -> None:
    async def story() -> None:
        server = local_server()
        async with (
            server.running(),
            connect(address(server)) as one,
            connect(address(server)) as two,
        ):
            await until(lambda: len(server.connections) == 2)
            await server.broadcast(message)
            assert [await one.recv(), await two.recv()] == [message, message]
            await two.close()
            await until(lambda: len(server.connections) == 1)
            await server.broadcast("more")
            assert await one.recv() == "more"

    run(story())


class Unread:
    """A client that completes the handshake and then never reads."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def close(self) -> None:
        self.socket.close()


def test_a_client_that_stops_reading_is_dropped_at_a_bound_of_bytes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        server = local_server(max_unread_size=200_000)
        async with server.running():
            silent = Unread(server.port)
            async with connect(address(server)) as reader:
                await until(lambda: len(server.connections) == 2)
                sent = 0
                while len(server.connections) == 2:
                    await server.broadcast(os.urandom(50_000))
                    await reader.recv()
                    sent += 1
                    assert sent < 400
                await server.broadcast("still here")
                assert await reader.recv() == "still here"
            silent.close()

    run(story())
    assert "websocket dropped: the client does not read, " in caplog.text
    assert "bytes wait for it" in caplog.text


def test_a_client_that_stops_reading_is_dropped_after_a_while_without_progress(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        server = local_server(read_timeout=0.2)
        async with server.running():
            silent = Unread(server.port)
            async with connect(address(server), max_size=None) as reader:
                await until(lambda: len(server.connections) == 2)
                await server.broadcast(os.urandom(3_900_000))
                await reader.recv()
                await until(lambda: len(server.connections) == 1)
            silent.close()

    run(story())
    assert "it has read nothing for 0.2 s" in caplog.text


def test_a_broadcast_to_no_one_is_not_an_error() -> None:
    run(WebSocketServer().broadcast("anybody?"))


# what it refuses


def test_a_page_of_another_origin_is_refused_at_the_handshake() -> None:
    async def story() -> None:
        server = local_server(allowed_origins=["https://example.com", "http://127.0.0.1:8000"])
        async with server.running():
            for origin in ("https://evil.example", "https://example.com.evil.example", "null"):
                with pytest.raises(InvalidStatus) as refusal:
                    await connect(address(server), origin=Origin(origin))
                assert refusal.value.response.status_code == 403
            with pytest.raises(InvalidStatus) as refusal:
                await connect(address(server))
            assert refusal.value.response.status_code == 403
            assert server.connections == set()
            async with connect(address(server), origin=Origin("https://example.com")) as client:
                await client.send("hello")
                assert await client.recv() == "Echo: hello"

    run(story())


async def is_let_in(server: WebSocketServer, origin: str | None, **headers: str) -> bool:
    try:
        async with connect(
            address(server),
            origin=None if origin is None else Origin(origin),
            additional_headers=headers,
        ) as client:
            await client.send("hello")
            return await client.recv() == "Echo: hello"
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 403
        return False


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        (None, True),
        ("http://127.0.0.1", True),
        ("http://127.0.0.1:8000", True),
        ("https://127.0.0.1", True),
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://evil.example/127.0.0.1", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://localhost", False),
        ("null", False),
        ("file://", False),
        ("", False),
    ],
)
def test_without_a_list_pages_of_the_same_host_are_let_in(origin: str | None, let_in: bool) -> None:
    async def story() -> None:
        server = local_server()
        async with server.running():
            assert await is_let_in(server, origin) is let_in

    run(story())


def test_a_name_that_was_rebound_to_this_machine_is_not_the_same_host() -> None:
    async def story() -> None:
        server = local_server()
        async with server.running(), asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(
                b"GET / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
                b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert b" 403 " in await reader.readline()
            writer.close()

    run(story())


def test_every_page_of_the_web_is_let_in_only_where_that_is_written_out() -> None:
    async def story() -> None:
        server = local_server(allowed_origins="*")
        async with server.running():
            assert await is_let_in(server, "https://evil.example")
            assert await is_let_in(server, None)

    run(story())


def test_clients_without_an_origin_are_admitted_where_the_list_says_so() -> None:
    async def story() -> None:
        server = local_server(allowed_origins=["https://example.com", None])
        async with server.running():
            async with connect(address(server)) as client:
                await client.send("hello")
                assert await client.recv() == "Echo: hello"
            with pytest.raises(InvalidStatus):
                await connect(address(server), origin=Origin("https://evil.example"))

    run(story())


@pytest.mark.parametrize(
    "origin",
    ["https://example.com/", "https://example.com/chat", "example.com", "*", "", "https://Ex.com"],
)
def test_an_origin_that_no_browser_sends_is_a_mistake(origin: str) -> None:
    with pytest.raises(ValueError, match="would never match: browsers send scheme, host") as error:
        local_server(allowed_origins=["https://ok.example", origin])
    assert repr(origin) in str(error.value)


@pytest.mark.parametrize(
    "origin",
    ["capacitor://localhost", "chrome-extension://abcdefgh", "safari-web-extension://0D1E-2F"],
)
def test_apps_and_extensions_have_origins_of_their_own(origin: str) -> None:
    async def story() -> None:
        server = local_server(allowed_origins=[origin])
        async with server.running():
            async with connect(address(server), origin=Origin(origin)) as client:
                await client.send("hello")
                assert await client.recv() == "Echo: hello"
            with pytest.raises(InvalidStatus):
                await connect(address(server), origin=Origin(f"{origin}.evil"))

    run(story())


def test_a_single_origin_is_not_taken_for_a_list() -> None:
    with pytest.raises(TypeError, match=r"write \['https://example.com'\]"):
        local_server(allowed_origins="https://example.com")


def test_the_connection_over_the_limit_is_told_to_try_again_later() -> None:
    async def story() -> None:
        server = local_server(max_connections=2)
        async with server.running(), connect(address(server)) as one:
            async with connect(address(server)):
                await until(lambda: len(server.connections) == 2)
                async with connect(address(server)) as third:
                    assert await closed(third) == 1013
                await one.send("still there")
                assert await one.recv() == "Echo: still there"
            await until(lambda: len(server.connections) == 1)
            async with connect(address(server)) as fourth:
                await fourth.send("now")
                assert await fourth.recv() == "Echo: now"

    run(story())


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_message_over_the_size_limit_ends_its_connection(compression: str | None) -> None:
    async def story() -> None:
        server = local_server(max_message_size=1000)
        async with (
            server.running(),
            connect(address(server), compression=compression) as good,
            connect(address(server), compression=compression) as bad,
        ):
            await bad.send("x" * 1001)  # deflated no more than a few bytes
            assert await closed(bad) == 1009
            await good.send("x" * 1000)
            assert await good.recv() == "Echo: " + "x" * 1000
            await until(lambda: len(server.connections) == 1)

    run(story())


# what goes wrong


def test_an_error_in_handle_message_ends_that_connection_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fragile(WebSocketServer):
        async def handle_message(self, websocket: ServerConnection, message: str | bytes) -> None:
            if message == "break":
                raise RuntimeError("the handler is broken")
            await super().handle_message(websocket, message)

    async def story() -> None:
        server = Fragile("127.0.0.1", 0)
        async with (
            server.running(),
            connect(address(server)) as bad,
            connect(address(server)) as good,
        ):
            await bad.send("break")
            assert await closed(bad) == 1011
            await until(lambda: len(server.connections) == 1)
            await good.send("hello")
            assert await good.recv() == "Echo: hello"

    run(story())
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in errors] == ["lback.core.websocket"]
    assert "the handler is broken" in caplog.text


def test_a_client_that_vanishes_is_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        server = local_server()
        async with server.running():
            client = await connect(address(server))
            await until(lambda: len(server.connections) == 1)
            client.transport.abort()
            await until(lambda: not server.connections)
            await client.wait_closed()

    run(story())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_writing_to_another_connection_that_is_gone_is_an_error() -> None:
    class Relay(WebSocketServer):
        first: ServerConnection | None = None

        async def register(self, websocket: ServerConnection) -> None:
            await super().register(websocket)
            self.first = self.first or websocket

        async def handle_message(self, websocket: ServerConnection, message: str | bytes) -> None:
            assert self.first is not None
            await self.first.send(message)

    async def story() -> None:
        server = Relay("127.0.0.1", 0)
        async with server.running():
            async with connect(address(server)):
                await until(lambda: len(server.connections) == 1)
            await until(lambda: not server.connections)
            async with connect(address(server)) as sender:
                await sender.send("to the first")
                assert await closed(sender) == 1011
            await until(lambda: not server.connections)

    run(story())


def test_neither_messages_nor_headers_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        server = local_server()
        quiet = logging.getLogger("tests.client")
        quiet.setLevel(logging.WARNING)
        async with (
            server.running(),
            connect(
                f"{address(server)}/chat?token=secret-token",
                additional_headers={"Cookie": "session=secret-cookie"},
                logger=quiet,
            ) as client,
        ):
            await client.send("secret-text")
            await client.send(b"secret-bytes")
            assert await client.recv() == "Echo: secret-text"
            assert await client.recv() == b"secret-bytes"

    run(story())
    assert "websocket opened at '/chat'" in caplog.text
    assert "secret" not in caplog.text


# stopping


def test_stopping_tells_the_clients_that_the_server_goes_away() -> None:
    async def story() -> None:
        server = local_server()
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.port != 0)
        client = await connect(address(server))
        await until(lambda: len(server.connections) == 1)
        await asyncio.to_thread(server.stop)
        assert await closed(client) == 1001
        await serving
        assert server.connections == set()
        with pytest.raises(ConnectionRefusedError):
            await connect(address(server))

    run(story())


def test_cancelling_serve_stops_it_as_well() -> None:
    async def story() -> None:
        server = local_server()
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.port != 0)
        async with connect(address(server)) as client:
            serving.cancel()
            assert await closed(client) == 1001
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert server.connections == set()

    run(story())


def test_a_stop_that_comes_first_is_not_lost_and_counts_once() -> None:
    async def story() -> None:
        server = local_server()
        server.stop()
        server.stop()
        await server.serve()
        server.port = 0
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.port != 0)
        async with connect(address(server)) as client:
            await client.send("again")
            assert await client.recv() == "Echo: again"
        assert not serving.done()
        server.stop()
        await serving

    run(story())


def test_one_object_does_not_serve_twice_at_once() -> None:
    async def story() -> None:
        server = local_server()
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.port != 0)
        with pytest.raises(RuntimeError, match=f"127.0.0.1:{server.port} serves already"):
            await server.serve()
        async with connect(address(server)) as client:
            await client.send("undisturbed")
            assert await client.recv() == "Echo: undisturbed"
        server.stop()
        await serving

    run(story())


def test_a_port_that_is_taken_is_an_error_and_a_free_one_serves_then() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = WebSocketServer("127.0.0.1", taken.getsockname()[1])
            with pytest.raises(OSError, match="address already in use"):
                await server.serve()
        server.stop()
        await server.serve()

    run(story())


def test_a_handler_that_does_not_end_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(WebSocketServer):
        begun = ended = False

        async def handle_message(self, websocket: ServerConnection, message: str | bytes) -> None:
            self.begun = True
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True

    async def story() -> None:
        server = Stuck("127.0.0.1", 0, close_timeout=0.05)
        async with server.running():
            client = await connect(address(server))
            await client.send("wait")
            await until(lambda: server.begun)
        assert server.ended
        assert server.connections == set()
        assert await closed(client) == 1001

    run(story())
    assert "TimeoutError" in caplog.text


# start(): the whole process


def test_start_serves_in_a_thread_until_stop_is_called() -> None:
    server = WebSocketServer("127.0.0.1", free_port())
    thread = threading.Thread(target=server.start)
    thread.start()
    try:
        with connect_when_up(server.port) as client:
            client.send("hello")
            assert client.recv(timeout=SECONDS) == "Echo: hello"
            server.stop()
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=SECONDS)
            assert client.close_code == 1001
    finally:
        server.stop()
        thread.join(timeout=SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_start_in_the_main_thread_ends_at_a_signal_and_gives_the_handlers_back(
    number: signal.Signals,
) -> None:
    server = WebSocketServer("127.0.0.1", free_port())
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    codes: list[int | None] = []

    def visit() -> None:
        with connect_when_up(server.port) as client:
            client.send("hello")
            assert client.recv(timeout=SECONDS) == "Echo: hello"
            os.kill(os.getpid(), number)
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=SECONDS)
            codes.append(client.close_code)

    visitor = threading.Thread(target=visit)
    visitor.start()
    server.start()
    visitor.join(timeout=SECONDS)
    assert codes == [1001]
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before


def test_start_inside_a_running_event_loop_is_refused() -> None:
    async def story() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            local_server().start()

    run(story())
    gc.collect()  # a coroutine that nobody awaited would warn here


def test_a_process_of_its_own_serves_and_ends_with_status_zero() -> None:
    script = (
        "import logging\n"
        "from lback.core.websocket import WebSocketServer\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "WebSocketServer('127.0.0.1', 0).start()\n"
        "print('ended in good order')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().strip().rpartition(":")[2])
        with connect_blocking(f"ws://127.0.0.1:{port}") as client:
            client.send("hello")
            assert client.recv(timeout=SECONDS) == "Echo: hello"
            process.terminate()
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=SECONDS)
            assert client.close_code == 1001
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert output == "ended in good order\n"


def test_importing_the_module_does_not_load_what_only_serving_needs() -> None:
    script = (
        "import sys, lback.core.websocket\n"
        "assert not {'asyncio', 'websockets'} & set(sys.modules), 'slow to import'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=SECONDS)
