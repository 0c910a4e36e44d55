"""Which requests a web server hands over to the realtime process, and their bytes."""

from collections.abc import Iterable, Mapping
from typing import Any

SOCKET = b"websocket"


def head_of(method: str, target: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes of the head of a request.

    Args:
        method: Name of the method.
        target: Path and query as they were sent.
        fields: Names and values of header fields.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def wants_realtime(path: str, upgrade: str, events_path: str) -> bool:
    """Return True if a request is for the realtime process.

    Args:
        path: Its path.
        upgrade: Its field `Upgrade`; empty without one.
        events_path: Path of server-sent events; empty if there are none.
    """
    return path == events_path or "websocket" in upgrade.lower()


def head_of_environ(environ: Mapping[str, Any]) -> bytes:
    """Return the bytes of the head of a request that a WSGI server has read.

    Args:
        environ: The WSGI environ.
    """
    fields = [
        (key[5:].replace("_", "-").title(), str(value))
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    query = environ.get("QUERY_STRING")
    target = environ.get("RAW_URI") or _quoted(environ["PATH_INFO"]) + (
        f"?{query}" if query else ""
    )
    return head_of(environ["REQUEST_METHOD"], target, fields)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/:@!$&'()*+,;=~", encoding="latin-1")
