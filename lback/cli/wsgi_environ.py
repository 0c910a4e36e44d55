"""The environ of a request (PEP 3333) from the scope that Granian gives for it."""

import sys
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import lback
from lback.core.response import Environ

# Names of clients are kept up to that number.
KNOWN_NAMES = 512
# Set for a body in chunks.
CHUNKED = "lback.chunked"
# In CGI its variable names the proxy for outgoing requests (CVE-2016-5385).
_DROPPED = frozenset({b"proxy"})

_BASE: Final[Environ] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": f"lback/{lback.__version__}",
    "wsgi.version": (1, 0),
    "wsgi.run_once": False,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
}
_names: dict[bytes, str] = {
    b"content-type": "CONTENT_TYPE",
    b"content-length": "CONTENT_LENGTH",
    b"transfer-encoding": CHUNKED,  # the application gets the decoded body
}


def environ_of(scope: dict[str, Any]) -> Environ:
    """Return the environ of a request; fields whose name has a `_` are left out.

    In the environ, `X_Forwarded_For` would have the name of `X-Forwarded-For` (RFC 3875 section
    4.1.18).

    Args:
        scope: Granian's ASGI scope.
    """
    environ = _BASE.copy()
    path: bytes = scope["raw_path"]
    decoded = unquote_to_bytes(path) if b"%" in path else path
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.input"] = BytesIO()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["PATH_INFO"] = decoded.decode("latin-1")
    query = environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    raw_path = path.decode("latin-1")
    environ["RAW_URI"] = f"{raw_path}?{query}" if query else raw_path
    environ["SERVER_PROTOCOL"] = _PROTOCOLS[scope["http_version"]]
    environ["wsgi.url_scheme"] = scope["scheme"]
    environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = scope["client"]
    environ["SERVER_NAME"], environ["SERVER_PORT"] = scope["server"]
    for name, value in scope["headers"]:
        key = _names.get(name) or _name_of(name)
        if key in environ:
            _join(environ, key, value.decode("latin-1"))
        elif key:
            environ[key] = value.decode("latin-1")
    _complete(environ)
    return environ


_PROTOCOLS = {"1": "HTTP/1.0", "1.1": "HTTP/1.1", "2": "HTTP/2"}


def _complete(environ: Environ) -> None:
    if environ.get("HTTP_HOST") == "":  # Granian adds an empty one where there is none
        del environ["HTTP_HOST"]
    if not environ["SERVER_NAME"] or environ["SERVER_NAME"][0] == "/":  # a Unix socket
        environ["SERVER_NAME"], environ["SERVER_PORT"] = "localhost", "80"
    if environ.get("CONTENT_LENGTH", "0") != "0" or CHUNKED in environ:
        environ["wsgi.input_terminated"] = True


def _name_of(name: bytes) -> str:
    """Return the key of a field in the environ, or an empty text if it is left out."""
    left_out = b"_" in name or name in _DROPPED
    key = "" if left_out else f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
    if len(_names) < KNOWN_NAMES:
        _names[name] = key
    return key


def _join(environ: Environ, key: str, value: str) -> None:
    separator = "; " if key == "HTTP_COOKIE" else ","
    environ[key] = f"{environ[key]}{separator}{value}"


def has_body(environ: Environ) -> bool:
    """Return True if a request has a body."""
    return "wsgi.input_terminated" in environ


def declared_length(environ: Environ) -> int | None:
    """Return the `Content-Length`, which the server has validated, or `None` for chunks."""
    return None if CHUNKED in environ else int(environ["CONTENT_LENGTH"])
