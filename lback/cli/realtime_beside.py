"""The realtime processes beside the web workers of `lback serve`."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lback.cli.listeners import Listeners
from lback.cli.probe import Serving
from lback.cli.supervisor import Supervisor, Work
from lback.core.response import Environ, StartResponse
from lback.realtime.handed import head_of, head_of_environ, wants_realtime
from lback.realtime.handover import hand_over, open_channel, take, take_by_peer

BUSY = (b"retry-after", b"2")


class Beside(NamedTuple):
    """Realtime processes and how web workers reach them.

    Attributes:
        work: What a process does.
        number: How many there are.
        channel: The end of the web workers.
        events_path: Path of server-sent events; empty if there are none.
    """

    work: Work
    number: int
    channel: socket.socket
    events_path: str


def beside(serving: Serving) -> Beside | None:
    """Return the realtime processes of a project, or None if it needs none.

    Args:
        serving: The settings.
    """
    if not serving.has_realtime or not serving.realtime_processes:
        return None
    ours, theirs = open_channel()

    def work(sockets: list[socket.socket], channel: socket.socket) -> int:
        # Imported in the process, so that a reload takes the current code.
        from lback.cli.realtime_process import RealtimeProcess

        for listener in sockets:
            listener.close()
        return RealtimeProcess(channel, handed=theirs).run()

    return Beside(work, serving.realtime_processes, ours, serving.events_path)


class GranianHandover:
    """Hands connections of a Granian worker over.

    Args:
        channel: The end of the web workers.
        events_path: Path of server-sent events.
    """

    def __init__(self, channel: socket.socket, events_path: str) -> None:
        self._channel = channel
        self._events = events_path

    def take(self, watcher: Any) -> bool:
        """Hand a connection over if its request is for the realtime process.

        Args:
            watcher: Granian's object with `scope` and `proto`.
        """
        scope = watcher.scope
        upgrade = next((value for name, value in scope["headers"] if name == b"upgrade"), b"")
        path = scope["raw_path"].decode("latin-1")
        if not wants_realtime(path, upgrade.decode("latin-1"), self._events):
            return False
        self._hand_over(watcher, scope, path)
        return True

    def _hand_over(self, watcher: Any, scope: dict[str, Any], path: str) -> None:
        query = scope["query_string"].decode("latin-1")
        fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        data = head_of(scope["method"], f"{path}?{query}" if query else path, fields)
        connection = None
        if scope["client"][0]:  # a Unix socket has no addresses
            connection = take_by_peer(scope["client"], scope["server"])
        if connection is None:
            _answer(
                watcher.proto, 501, b"This address cannot serve WebSockets: see lback realtime\n"
            )
            return
        try:
            hand_over(self._channel, connection, data)
        except OSError:  # it does not keep up, or the head is larger than a message may be
            connection.send(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n"
                            b"Content-Length: 0\r\nConnection: close\r\n\r\n")  # fmt: skip
            connection.close()
        # Granian's own connection leads nowhere now; this ends it.
        _answer(watcher.proto, 200, b"")


def _answer(proto: Any, status: int, body: bytes) -> None:
    fields = [(b"connection", b"close"), (b"content-length", str(len(body)).encode())]
    proto.send({"type": "http.response.start", "status": status, "headers": fields})
    proto.send({"type": "http.response.body", "body": body})


class WsgiHandover:
    """Hands connections of a Gunicorn worker over, before the application sees their requests.

    Args:
        application: The WSGI application.
        channel: The end of the web workers.
        events_path: Path of server-sent events.
    """

    def __init__(
        self, application: Callable[..., Iterable[bytes]], channel: socket.socket, events_path: str
    ) -> None:
        self._application = application
        self._channel = channel
        self._events = events_path

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request (PEP 3333)."""
        upgrade = environ.get("HTTP_UPGRADE") or ""
        if not wants_realtime(environ.get("PATH_INFO") or "", upgrade, self._events):
            return self._application(environ, start_response)
        status = "200 OK"
        connection = take(environ["gunicorn.socket"].fileno())
        try:
            hand_over(self._channel, connection, head_of_environ(environ))
        except OSError:
            connection.send(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n"
                            b"Content-Length: 0\r\nConnection: close\r\n\r\n")  # fmt: skip
            connection.close()
        # Gunicorn's own connection leads nowhere now; this ends it.
        start_response(status, [("Connection", "close"), ("Content-Length", "0")])
        return [b""]


def start_beside(realtime: Beside, serving: Serving) -> int:
    """Run realtime processes under a supervisor of their own; return its process id.

    Args:
        realtime: The processes.
        serving: The settings.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = Supervisor(
        Listeners([]),
        realtime.work,
        0,
        serving.shutdown_timeout,
        beside=(realtime.work, realtime.number),
        parent=parent,
    )
    sys.exit(supervisor.run())
