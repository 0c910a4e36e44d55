"""A running development server tells who asks which signals are sent, and never what they carry.

It listens at a socket in a folder that only its user may enter. While nobody watches, nothing is
connected to any signal, so that a request costs what it always does.
"""

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher

# Arguments that are told as they are; of all others only the type, for they may hold secrets.
TOLD = frozenset(
    {"method", "path", "status_code", "middleware_name", "template_name", "source", "changed",
     "error_type", "outcome", "cleared_count", "allowed_methods"}
)  # fmt: skip
LONGEST = 200


def socket_path(project_root: str) -> Path:
    """Return where the server of a project listens for watchers.

    Raises:
        ConfigurationError: Somebody else owns the folder.
    """
    folder = Path(tempfile.gettempdir()) / f"lback-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(f"{folder} is no folder of yours alone; remove it")
    return folder / f"{hashlib.sha256(project_root.encode()).hexdigest()[:16]}.sock"


class SignalFeed:
    """Sends a line for each signal to each watcher.

    Args:
        dispatcher: Whose signals.
        names: Those to tell of.
    """

    def __init__(self, dispatcher: SignalDispatcher, names: Iterable[str]) -> None:
        self._dispatcher = dispatcher
        self._receivers = {name: self._teller(name) for name in names}
        self._watchers: list[socket.socket] = []
        self._lock = Lock()

    def _teller(self, name: str) -> Callable[..., None]:
        def tell(sender: Any, **arguments: Any) -> None:
            self._send(line_of(name, sender, arguments))

        return tell

    def add(self, watcher: socket.socket) -> None:
        """Tell a watcher of all that follows."""
        watcher.setblocking(False)
        with self._lock:
            self._watchers.append(watcher)
            if len(self._watchers) == 1:
                for name, receiver in self._receivers.items():
                    self._dispatcher.connect(name, receiver)
        with contextlib.suppress(OSError):
            watcher.sendall(b"\n")  # from here on nothing is missed

    def _send(self, line: str) -> None:
        data = f"{line}\n".encode()
        with self._lock:
            for watcher in list(self._watchers):
                try:
                    watcher.sendall(data)
                except OSError:  # it left, or does not keep up
                    self._watchers.remove(watcher)
                    watcher.close()
            if not self._watchers:
                for name, receiver in self._receivers.items():
                    self._dispatcher.disconnect(name, receiver)


def line_of(name: str, sender: Any, arguments: dict[str, Any]) -> str:
    """Return what is told of one signal, on one line whatever a client sent."""
    told = [
        f"{key}={value!r}"[:LONGEST] if key in TOLD else f"{key}: {type(value).__name__}"
        for key, value in arguments.items()
    ]
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    who = type(sender).__name__ if sender is not None else "the edge"
    return f"{now}  {name}  {who}  {', '.join(told)}".rstrip()


@contextmanager
def feeding(project_root: str, feed: SignalFeed) -> Iterator[Path]:
    """Let watchers come while the server runs."""
    path = socket_path(project_root)
    path.unlink(missing_ok=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        Thread(target=_welcome, args=(listener, feed), daemon=True).start()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _welcome(listener: socket.socket, feed: SignalFeed) -> None:
    with contextlib.suppress(OSError):  # the end of the server closes it
        while True:
            watcher, _ = listener.accept()
            feed.add(watcher)
