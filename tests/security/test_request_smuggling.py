"""Smuggling (class 17): on the development server no request has two ends."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = """
from lback import Application
from lback.middleware import csrf_exempt

app = Application(DATABASE_URL="sqlite://", DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
                  ALLOWED_HOSTS=["127.0.0.1"])

@app.route("/body", ["GET", "POST"], requires_auth=False)
@csrf_exempt
def body(request):
    return f"<body {request.body_bytes.hex()}>"

@app.route("/admin", ["GET", "POST"], requires_auth=False)
@csrf_exempt
def admin(request):
    return "<ADMIN>"

app.run()
"""
HOST = b"Host: 127.0.0.1\r\n"
ADMIN = b"GET /admin HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("smuggling")
    (directory / "app.py").write_text(APP)
    printed = directory / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=directory,
            env={**os.environ, "PORT": "0", "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        yield wait_for_port(printed)
    finally:
        process.terminate()
        process.wait(20)


def wait_for_port(printed: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", printed.read_text())
        if found:
            try:
                socket.create_connection(("127.0.0.1", int(found[1])), 1).close()
                return int(found[1])
            except OSError:
                pass
        time.sleep(0.02)
    raise AssertionError(printed.read_text())


def exchange(port: int, sent: bytes) -> bytes:
    """Send octets and return all that comes back before the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def answers(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return (
        b"POST /body HTTP/1.1\r\n" + HOST + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body
    )


def test_a_plain_body_and_a_chunked_one_are_read(port: int) -> None:
    assert b"<body 616263>" in exchange(port, post(b"Content-Length: 3", body=b"abc"))
    chunked = post(b"Transfer-Encoding: Chunked", body=b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert b"<body 616263>" in exchange(port, chunked)


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 6", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 60"],
        [b"Content-Length: 0", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 0"],
        [b"Content-Length: 5", b"content-length: 05"],
        [b"Transfer-Encoding: xchunked", b"Content-Length: 5"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: identity, chunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding:\x0bchunked"],
        [b"Transfer-Encoding: gzip"],
    ],
    ids=lambda fields: b"|".join(fields).decode("latin-1"),
)
def test_a_body_with_two_ends_is_refused_once(port: int, fields: list[bytes]) -> None:
    received = exchange(port, post(*fields, body=b"0\r\n\r\n" + ADMIN))
    assert answers(received) == [400]
    assert b"ADMIN" not in received


@pytest.mark.parametrize(
    "length",
    [
        "-1",
        "+5",
        "0x5",
        "5, 5",
        "5_0",
        "5.0",
        "1e1",
        "",
        " ",
        "five",
        "\u0665",
        "9" * 25,
        "5 5",
        "NaN",
    ],
)
def test_a_malformed_length_is_not_a_length(port: int, length: str) -> None:
    field = b"Content-Length: " + length.encode()
    received = exchange(port, post(field, body=b"abcde" + ADMIN))
    assert answers(received) == ([400] if length.strip() else [200])
    assert b"ADMIN" not in received
    assert b"<body 61" not in received, "what has no length was read all the same"


@pytest.mark.parametrize(
    "fields", [[b"Content_Length: 5"], [b"Transfer_Encoding: chunked"], [b"X-A: b\r\n more: 5"]]
)
def test_a_field_of_another_name_says_nothing_of_the_body(port: int, fields: list[bytes]) -> None:
    received = exchange(port, post(*fields, body=b"abcde" + ADMIN))
    assert answers(received) == [200]
    assert b"<body >" in received
    assert b"ADMIN" not in received


@pytest.mark.parametrize(
    "body",
    [b"zz\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b"5\r\nabc", b"3\r\nabcd\r\n0\r\n\r\n"],
)
def test_malformed_chunks_are_the_clients_fault(port: int, body: bytes) -> None:
    received = exchange(port, post(b"Transfer-Encoding: chunked", body=body))
    assert answers(received) == [400]


def test_what_follows_a_body_is_not_a_request_of_its_own(port: int) -> None:
    for body in (post(b"Content-Length: 3", body=b"abc"), post(b"Content-Length: 0")):
        received = exchange(port, body + ADMIN)
        assert len(answers(received)) == 1
        assert b"ADMIN" not in received


@pytest.mark.parametrize("hosts", [["127.0.0.1", "evil.example"], ["evil.example", "127.0.0.1"]])
def test_two_hosts_are_none(port: int, hosts: list[str]) -> None:
    fields = "".join(f"Host: {host}\r\n" for host in hosts)
    received = exchange(port, f"GET /admin HTTP/1.1\r\n{fields}\r\n".encode())
    assert answers(received) == [400]


@pytest.mark.parametrize(
    "line", [b"GET", b"GET /admin HTTP/9x", b"GET /admin HTTP/1.1 x", b"\x16\x03"]
)
def test_a_line_that_is_not_a_request_leads_nowhere(port: int, line: bytes) -> None:
    received = exchange(port, line + b"\r\n" + HOST + b"\r\n")
    assert b"ADMIN" not in received
    assert b" 200 " not in received
