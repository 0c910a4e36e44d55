"""Slow, broken and many-sided clients of `lback serve`, over real sockets."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.serving import Running, running

URLS = """
import sys
import time
from pathlib import Path
from lback import FileResponse, Request, Response, StreamingResponse, path

def home(request: Request) -> str:
    return "home"

def form(request: Request) -> str:
    Path("ran").touch()
    return str(len(request.body_bytes))

def fields(request: Request) -> str:
    names = sorted(name for name in request.environ if name.startswith("HTTP_X"))
    return " ".join(f"{name}={request.environ[name]}" for name in names)

def path_of(request: Request, rest: str) -> str:
    return ascii(rest)

def large(request: Request) -> Response:
    return Response(bytes(range(256)) * 40_000, content_type="application/octet-stream")

def endless(request: Request) -> StreamingResponse:
    def pieces():
        try:
            while True:
                yield b"x" * 65536
        finally:
            Path("closed").touch()
    return StreamingResponse(pieces())

def breaks(request: Request) -> StreamingResponse:
    def pieces():
        yield b"first"
        time.sleep(0.2)
        raise RuntimeError("half way")
    return StreamingResponse(pieces())

def refuses(request: Request) -> StreamingResponse:
    def pieces():
        raise RuntimeError("at once")
        yield b""
    return StreamingResponse(pieces())

def leave(request: Request) -> str:
    sys.exit(3)

async def leave_later(request: Request) -> str:
    sys.exit(3)

urlpatterns = [
    path("/leave", leave, requires_auth=False),
    path("/leave-later", leave_later, requires_auth=False),
    path("/", home, requires_auth=False),
    path("/form", form, ["POST"], requires_auth=False),
    path("/fields", fields, requires_auth=False),
    path("/path/{rest:path}", path_of, requires_auth=False),
    path("/large", large, requires_auth=False),
    path("/endless", endless, requires_auth=False),
    path("/breaks", breaks, requires_auth=False),
    path("/refuses", refuses, requires_auth=False),
]
"""
DEPLOYED = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
    "CLIENT_TIMEOUT": "1",
    "MAX_REQUEST_BODY_SIZE": "3000000",
}
OPTIONS = ("serve", "--port", "0", "--workers", "1", "--threads", "2")
CLOSE = b"Host: localhost\r\nConnection: close\r\n"
CHUNKED = b"POST /form HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def make_project(folder: Path) -> Path:
    (folder / "settings.py").write_text('ROOT_URLCONF = "urls"\nMIDDLEWARES = []\n')
    (folder / "urls.py").write_text(URLS)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = make_project(tmp_path_factory.mktemp("shop"))
    with running(*OPTIONS, cwd=project, **DEPLOYED) as program:
        yield program


@contextlib.contextmanager
def connected(served: Running, octets: bytes = b"") -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=30)) as connection:
        connection.sendall(octets)
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def send(served: Running, octets: bytes) -> bytes:
    with connected(served, octets) as connection:
        return rest_of(connection)


def test_slow_bodies_take_no_threads_and_are_answered_408(served: Running) -> None:
    head = b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
    (served.project / "ran").unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(served, head)) for _ in range(8)]
        assert served.get("/") == (200, "home")
        for connection in slow:
            assert rest_of(connection).startswith(b"HTTP/1.1 408 ")
    assert not (served.project / "ran").exists()
    assert "answered 408: the body was sent too slowly" in served.printed


def test_slow_heads_take_no_threads_and_are_closed(served: Running) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(served, b"GET / HT")) for _ in range(8)]
        assert served.get("/") == (200, "home")
        for connection in slow:
            assert rest_of(connection) == b""


def test_slow_readers_take_no_threads_and_end_the_stream(served: Running) -> None:
    endless = b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connected(served, endless))
        assert served.get("/") == (200, "home")
        served.until((served.project / "closed").exists)
    assert served.get("/") == (200, "home")


def test_a_stream_ends_with_its_client(served: Running) -> None:
    (served.project / "closed").unlink(missing_ok=True)
    with connected(served, b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        assert connection.recv(100)
    served.until((served.project / "closed").exists)


def test_a_body_comes_in_pieces_chunks_and_through_a_file(served: Running) -> None:
    with connected(
        served, b"POST /form HTTP/1.1\r\n" + CLOSE + b"Content-Length: 6\r\n\r\nabc"
    ) as c:
        time.sleep(0.1)
        c.sendall(b"def")
        assert rest_of(c).endswith(b"\r\n\r\n6")
    assert send(served, CHUNKED + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n").endswith(
        b"\r\n7"
    )
    head = b"POST /form HTTP/1.1\r\n" + CLOSE + b"Content-Length: 2000000\r\n\r\n"
    assert send(served, head + b"z" * 2_000_000).endswith(b"\r\n2000000")


@pytest.mark.parametrize(
    "octets",
    [
        b"POST /form HTTP/1.1\r\n" + CLOSE + b"Content-Length: 3000001\r\n\r\n",
        CHUNKED + b"300001\r\n" + b"z" * 0x300001 + b"\r\n0\r\n\r\n",
    ],
    ids=["declared", "in chunks"],
)
def test_a_body_over_the_limit_is_answered_413(served: Running, octets: bytes) -> None:
    answer = b""
    with connected(served) as connection, contextlib.suppress(ConnectionError):
        with contextlib.suppress(ConnectionError):
            connection.sendall(octets)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_chunks_beside_a_length_end_the_connection(served: Running) -> None:
    """The chunks count (RFC 9112 section 6.1), and what follows is not read as a request."""
    answer = send(
        served,
        b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /fields HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


def test_chunked_twice_is_refused(served: Running) -> None:
    (served.project / "ran").unlink(missing_ok=True)
    twice = CHUNKED.replace(b": chunked", b": chunked, chunked")
    assert send(served, twice + b"3\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert not (served.project / "ran").exists()


def test_fields_with_underscores_and_proxy_are_dropped(served: Running) -> None:
    answer = send(
        served,
        b"GET /fields HTTP/1.1\r\n" + CLOSE + b"X_A: forged\r\nX-B: 1\r\nX-B: 2\r\nProxy: x\r\n"
        b"X-C: \xc3\xa9\r\n\r\n",
    )
    assert answer.decode().endswith("\r\n\r\nHTTP_X_B=1,2 HTTP_X_C=\u00c3\u00a9")


def test_paths_keep_their_bytes(served: Running) -> None:
    answer = send(served, b"GET /path/%C3%A9%20/b HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.endswith(b"'\\xe9 /b'")
    assert b" 400 " in send(served, b"GET /path/%FF HTTP/1.1\r\n" + CLOSE + b"\r\n")[:20]


def test_pipelined_requests_are_answered_in_order(served: Running) -> None:
    first = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    second = b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n"
    answer = send(served, first + second)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert bytes(range(256)) * 40_000 in answer
    assert answer.endswith(b"\r\n\r\nhome")


def test_old_clients_need_no_host(served: Running) -> None:
    assert b" 400 " in send(served, b"GET / HTTP/1.0\r\n\r\n")[:20]  # 127.0.0.1 is not allowed
    assert send(served, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").endswith(b"\r\n\r\nhome")


def test_a_stream_that_fails_does_not_look_whole(served: Running) -> None:
    request = b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(served, b"GET /breaks" + request) as connection:
        answer = rest_of(connection)
    assert b"first" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    with connected(served, b"GET /refuses" + request) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 500 ")
    assert "RuntimeError: half way" in served.printed


@pytest.mark.parametrize("path", ["/leave", "/leave-later"])
def test_a_view_that_ends_the_program_is_answered_500(served: Running, path: str) -> None:
    for _ in range(4):  # more than there are threads
        request = f"GET {path} HTTP/1.1\r\n".encode() + CLOSE + b"\r\n"
        assert send(served, request).startswith(b"HTTP/1.1 500 ")
    assert send(served, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n").endswith(b"home")


def test_a_head_request_gets_the_length_alone(served: Running) -> None:
    answer = send(served, b"HEAD /large HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert b"content-length: 10240000\r\n" in answer.lower()
    assert answer.endswith(b"\r\n\r\n")
