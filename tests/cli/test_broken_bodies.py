"""Bodies that break off or are malformed: 400 and one line in the log, on each server."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cli.serving import Running, running

URLS = """
from lback import Request, path

def form(request: Request) -> str:
    return str(dict(request.POST))

def raw(request: Request) -> str:
    return str(len(request.body_bytes))

urlpatterns = [
    path("/", lambda request: "home", requires_auth=False),
    path("/form", form, ["POST"], requires_auth=False),
    path("/raw", raw, ["POST"], requires_auth=False),
    # Of clients that do not wait for the answer, so that their lines in the log are not counted.
    path("/left/form", form, ["POST"], requires_auth=False),
    path("/left/raw", raw, ["POST"], requires_auth=False),
]
"""
DEPLOYED = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
}
SERVERS = {
    "granian": ("serve", "--port", "0", "--workers", "1", "--threads", "4"),
    "gunicorn": (
        *("serve", "--port", "0", "--workers", "1", "--threads", "4"),
        *("--server", "gunicorn"),
    ),
    "development": ("runserver", "--port", "0"),
}
HEAD = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "too short": f"{HEAD}Content-Length: 500\r\n\r\n--b\r\nContent-Disp",
    "a size that is none": f"{CHUNKED}zz\r\nabc\r\n0\r\n\r\n",
    "a negative size": f"{CHUNKED}-3\r\nabc\r\n0\r\n\r\n",
    "a chunk that is too long": f"{CHUNKED}3\r\nabcXX0\r\n\r\n",
    "a chunk that is too short": f"{CHUNKED}50\r\nabc",
    "no last chunk": f"{CHUNKED}3\r\nabc\r\n",
}
# Known to be broken without the end of the connection, at which Granian may leave at once.
MALFORMED = ("a size that is none", "a negative size", "a chunk that is too long")


@pytest.fixture(scope="module", params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Each server in turn."""
    project = tmp_path_factory.mktemp("shop")
    middlewares = ["lback.middleware.BodyParsingMiddleware"]
    (project / "settings.py").write_text(f'ROOT_URLCONF = "urls"\nMIDDLEWARES = {middlewares}\n')
    (project / "urls.py").write_text(URLS)
    with running(*SERVERS[request.param], cwd=project, **DEPLOYED) as program:
        yield program


def send(served: Running, text: str, *, is_all: bool = True) -> bytes:
    """Send a request, say that nothing follows if it is all, and return the answer."""
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=20)) as connection:
        connection.sendall(text.encode())
        if is_all:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("path", ["/form", "/raw"])
@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_a_bad_request_of_one_line(served: Running, path: str, kind: str) -> None:
    before = len(served.printed.splitlines())

    text = f"POST {path} HTTP/1.1\r\n{BROKEN[kind]}"
    answer = send(served, text, is_all=kind not in MALFORMED)

    assert answer.startswith(b"HTTP/1.1 400 ")
    line = f"POST {path!r} answered 400: "
    served.until(lambda: any(line in text for text in served.printed.splitlines()[before:]))
    assert sum(line in text for text in served.printed.splitlines()[before:]) == 1
    assert "Traceback" not in served.printed
    assert served.get("/") == (200, "home")


@pytest.mark.parametrize("path", ["/left/form", "/left/raw"])
def test_a_client_that_is_gone_leaves_no_traceback(served: Running, path: str) -> None:
    for body in BROKEN.values():
        with closing(socket.create_connection(("127.0.0.1", served.port))) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\n{body}".encode())
    served.until(lambda: served.get("/") == (200, "home"))
    assert "Traceback" not in served.printed


def test_options_of_the_whole_server(served: Running) -> None:
    text = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = send(served, text, is_all=False)  # Granian leaves a client that says it is gone
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"GET, HEAD, OPTIONS, POST" in answer
