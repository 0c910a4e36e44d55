"""The head of an HTTP request: from bytes to a WSGI environ, and the decision what it asks for."""

import base64
import binascii
import re
import sys
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import lback
from lback.realtime.limits import HEAD_BYTES

END = b"\r\n\r\n"
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") (/[!-~]*) HTTP/1\.1")
# Possessive, so that a malformed line is read once and not once for each of its spaces.
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)")
_MOST_FIELDS = 128
_REASONS = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    426: "Upgrade Required",
}
_REASONS |= {408: "Request Timeout", 431: "Request Header Fields Too Large"}
_REASONS |= {503: "Service Unavailable"}


class BadHead(Exception):
    """A request that no handler sees.

    Args:
        status: Status of the response.
        message: Text for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Head(NamedTuple):
    """The head of a request.

    Attributes:
        method: Name of the method.
        target: Path and query, as they were sent.
        fields: Names in lower case, and values, in order.
        data: All bytes of the head, with the empty line.
    """

    method: str
    target: str
    fields: list[tuple[str, str]]
    data: bytes

    @property
    def path(self) -> str:
        """The decoded path, as in PEP 3333: bytes as characters."""
        return unquote_to_bytes(self.target.partition("?")[0]).decode("latin-1")

    @property
    def query(self) -> str:
        """The query string."""
        return self.target.partition("?")[2]

    def values(self, name: str) -> list[str]:
        """Return the values of a field.

        Args:
            name: Its name in lower case.
        """
        return [value for key, value in self.fields if key == name]

    @property
    def wants_websocket(self) -> bool:
        """Whether the client asks for a WebSocket, correctly or not."""
        return any("websocket" in value.lower() for value in self.values("upgrade"))


def parse_head(data: bytes) -> Head:
    """Return the head of a request.

    Args:
        data: Its bytes, up to and with the empty line.

    Raises:
        BadHead: It is malformed (RFC 9112).
    """
    if len(data) > HEAD_BYTES:
        raise BadHead(431, "the head of the request is too long")
    line, *lines = data[: -len(END)].split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise BadHead(400, "the request line is malformed")
    if len(lines) > _MOST_FIELDS:
        raise BadHead(431, "the request has too many header fields")
    fields = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise BadHead(400, "a header field is malformed")
        value = field[2].rstrip(b" \t").decode("latin-1")
        fields.append((field[1].decode("ascii").lower(), value))
    head = Head(found[1].decode("ascii"), found[2].decode("ascii"), fields, data)
    if len(head.values("host")) != 1:
        raise BadHead(400, "the request must have one Host")
    if head.values("transfer-encoding") or head.values("content-length") not in ([], ["0"]):
        raise BadHead(400, "the request must have no body")
    return head


def check_upgrade(head: Head) -> None:
    """Raise unless a handshake is well-formed (RFC 6455 section 4.2.1).

    Args:
        head: The request.

    Raises:
        BadHead: It is not.
    """
    if head.method != "GET":
        raise BadHead(405, "a handshake is a GET")
    tokens = {token.strip().lower() for v in head.values("connection") for token in v.split(",")}
    if "upgrade" not in tokens:
        raise BadHead(400, "the field Connection must have Upgrade")
    if head.values("sec-websocket-version") != ["13"]:
        raise BadHead(426, "the version of the protocol must be 13")
    keys = head.values("sec-websocket-key")
    try:
        size = len(base64.b64decode(keys[0], validate=True)) if len(keys) == 1 else 0
    except (binascii.Error, ValueError):
        size = 0
    if size != 16:
        raise BadHead(400, "the request must have one Sec-WebSocket-Key")


def environ_of(head: Head, peer: tuple[str, str], server: tuple[str, str]) -> dict[str, Any]:
    """Return the environ of a request (PEP 3333); fields with a `_` in their name are left out.

    Args:
        head: The request.
        peer: Address and port of who has sent it; empty behind a Unix socket.
        server: Address and port on which it came.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path,
        "QUERY_STRING": head.query,
        "RAW_URI": head.target,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server[0] or "localhost",
        "SERVER_PORT": server[1] or "80",
        "SERVER_SOFTWARE": f"lback/{lback.__version__}",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": peer[1],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.run_once": False,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
    }
    for name, value in head.fields:
        if "_" in name or name in ("proxy", "content-length"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{value}"
        else:
            environ[key] = value
    return environ


def response_bytes(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """Return a whole response, which ends its connection.

    Args:
        status: Such as "404 Not Found".
        headers: Fields; those about the connection are replaced.
        body: The body.
    """
    dropped = {"connection", "content-length", "transfer-encoding", "keep-alive"}
    lines = [f"{name}: {value}" for name, value in headers if name.lower() not in dropped]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines])
    return f"{head}\r\n\r\n".encode("latin-1") + body


def refusal(error: BadHead) -> bytes:
    """Return the response to a request that no handler sees."""
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    if error.status == 426:
        headers.append(("Sec-WebSocket-Version", "13"))
    if error.status == 503:
        headers.append(("Retry-After", "2"))
    status = f"{error.status} {_REASONS[error.status]}"
    return response_bytes(status, headers, f"{error.message}\n".encode())


def addresses(transport: Any) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return address and port of the client of a connection, and those of this machine.

    Args:
        transport: The connection, as asyncio has it.
    """
    peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return _pair(peer), _pair(local)


def _pair(name: Any) -> tuple[str, str]:
    # Unix sockets have no addresses.
    return (str(name[0]), str(name[1])) if isinstance(name, tuple) else ("", "")
