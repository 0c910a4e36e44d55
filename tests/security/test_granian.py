"""What one server in front of the application lets through is stopped at the edge."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lback import Application, Request
from lback.testing import Client
from tests.cli.serving import Running, running

URLS = """
from lback import Request, path
from lback.middleware import csrf_exempt

def home(request: Request) -> str:
    return f"home of {request.client_address}, secure: {request.is_secure}"

@csrf_exempt
def order(request: Request) -> str:
    print("ORDERED", dict(request.POST), flush=True)
    return "ordered"

urlpatterns = [
    path("/", home, requires_auth=False),
    path("/order", order, ["POST"], requires_auth=False),
]
"""
ENVIRONMENT = {
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "DEBUG": "false",
    "DATABASE_URL": "sqlite://",
    "SESSION_STORE": "memory",
}
OPTIONS = ("serve", "--port", "0", "--workers", "1", "--server")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text('ROOT_URLCONF = "urls"\n')
    (tmp_path / "urls.py").write_text(URLS)
    return tmp_path


@pytest.fixture(params=["gunicorn", "granian"])
def server(shop: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(*OPTIONS, request.param, cwd=shop, **ENVIRONMENT) as program:
        yield program


def send(server: Running, octets: bytes, *, ends: bool = False) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=20)) as connection:
        connection.sendall(octets)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        try:
            return b"".join(iter(lambda: connection.recv(4096), b""))
        except ConnectionError:
            return b""


def form(*lines: bytes) -> bytes:
    fields = b"POST /order HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    return fields + kind + b"\r\n".join(lines)


@pytest.mark.parametrize(
    "body",
    [
        b"9\r\npay=1&to=\r\n",
        b"9\r\npay=1&t",
        b"9\r\npay=1&to=\r\n4\r\nad",
        b"9\r\npay=1&to=\r\nnonsense\r\n",
    ],
    ids=["no last chunk", "half a chunk", "half of the second", "no length"],
)
def test_half_a_form_is_never_carried_out(server: Running, body: bytes) -> None:
    send(server, form(b"Transfer-Encoding: chunked", b"", body), ends=True)
    send(server, b"GET /no/such HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    server.until(lambda: "/no/such" in server.printed)
    assert "ORDERED" not in server.printed


def test_a_client_writes_no_line_of_the_access_log(server: Running) -> None:
    for path in (b"/x%0a9.9.9.9%20GET%20/admin%20200", b"/%1b[31mred", b"/%0d%0aFAKE", b"/\xff%ff"):
        send(server, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    send(server, b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    server.until(lambda: "/last" in server.printed)
    assert "\x1b" not in server.printed
    starts = [line.split(" ")[0] for line in server.printed.splitlines()]
    assert not {"9.9.9.9", "FAKE"} & set(starts)
    lines = [line for line in server.printed.splitlines() if "lback.access" in line]
    assert any("127.0.0.1 GET /%1B%5B31mred 404 " in line for line in lines)


@pytest.mark.parametrize("name", ["gunicorn", "granian"])
def test_a_header_with_underscores_names_no_address(shop: Path, name: str) -> None:
    environment = {**ENVIRONMENT, "TRUSTED_PROXIES": "127.0.0.1"}
    with running(*OPTIONS, name, cwd=shop, **environment) as program:
        answer = send(
            program,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_For: 203.0.113.9\r\n"
            b"X_Forwarded_Proto: https\r\nConnection: close\r\n\r\n",
        )
        believed = send(
            program,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n"
            b"X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
        )
    assert b"home of 127.0.0.1, secure: False" in answer
    assert b"home of 203.0.113.9, secure: True" in believed


@pytest.mark.parametrize(
    "field",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-ID"],
)
def test_such_a_server_started_by_hand_believes_no_forwarding_field(field: str) -> None:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost", "9.9.9.9"],
        TRUSTED_PROXIES=["127.0.0.1"],
        USE_X_FORWARDED_HOST=True,
        MIDDLEWARES=["lback.middleware.RequestIDMiddleware"],
    )

    def facts(request: Request) -> str:
        request_id = request.get_context("request_id")
        return f"{request.client_address} {request.build_absolute_uri()} {request_id}"

    app.add_route("/", facts, requires_auth=False)
    value = "https" if field.endswith("Proto") else "9.9.9.9"
    for software in ("Granian", "gunicorn/27.0"):
        client = Client(app, environ={"SERVER_SOFTWARE": software})
        told = client.get("/", headers={field: value}).text
        assert (value in told) is (software != "Granian")
