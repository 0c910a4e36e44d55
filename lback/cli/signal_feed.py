"""Sends the signals of a running development server to `lback signals watch`, without secrets.

The server listens on a Unix socket in a directory that only its user can enter. Without a watcher
no receiver is connected, so that requests cost nothing extra.
"""

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread

from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher

# Arguments whose values are shown; others may be secret, so only their type is.
SHOWN_ARGUMENTS = frozenset(
    {"method", "path", "status_code", "middleware_name", "template_name", "source", "changed",
     "error_type", "outcome", "cleared_count", "allowed_methods"}
)  # fmt: skip
MAX_LENGTH = 200


def socket_path(project_root: str) -> Path:
    """Return the path of the Unix socket on which the server of a project accepts watchers.

    Raises:
        ConfigurationError: The directory belongs to another user, or others may enter it.
    """
    folder = Path(tempfile.gettempdir()) / f"lback-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise ConfigurationError(f"{folder} is not a directory that only you can access; remove it")
    return folder / f"{hashlib.sha256(project_root.encode()).hexdigest()[:16]}.sock"


class SignalFeed:
    """Sends a line for each signal to each watcher.

    Args:
        dispatcher: Dispatcher of the application.
        names: Names of the signals to send.
    """

    def __init__(self, dispatcher: SignalDispatcher, names: Iterable[str]) -> None:
        self._dispatcher = dispatcher
        self._receivers = {name: self._receiver(name) for name in names}
        self._watchers: list[socket.socket] = []
        self._lock = Lock()

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(sender: object, **arguments: object) -> None:
            self._send(line_of(name, sender, arguments))

        return receive

    def add(self, watcher: socket.socket) -> None:
        """Send all following signals to a watcher."""
        watcher.setblocking(False)
        with self._lock:
            self._watchers.append(watcher)
            if len(self._watchers) == 1:
                for name, receiver in self._receivers.items():
                    self._dispatcher.connect(name, receiver)
        with contextlib.suppress(OSError):
            watcher.sendall(b"\n")  # signals from now on are received

    def _send(self, line: str) -> None:
        data = f"{line}\n".encode()
        with self._lock:
            for watcher in list(self._watchers):
                try:
                    watcher.sendall(data)
                except OSError:  # it has disconnected or reads too slowly
                    self._watchers.remove(watcher)
                    watcher.close()
            if not self._watchers:
                for name, receiver in self._receivers.items():
                    self._dispatcher.disconnect(name, receiver)


def line_of(name: str, sender: object, arguments: Mapping[str, object]) -> str:
    """Return a signal as one line of text, whatever a client sent.

    Args:
        name: Name of the signal.
        sender: Its sender; only the type is shown.
        arguments: Its arguments; values are shown only for names in `SHOWN_ARGUMENTS`.
    """
    shown = [
        f"{key}={value!r}"[:MAX_LENGTH]
        if key in SHOWN_ARGUMENTS
        else f"{key}: {type(value).__name__}"
        for key, value in arguments.items()
    ]
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    sent_by = type(sender).__name__ if sender is not None else "the edge"
    return f"{now}  {name}  {sent_by}  {', '.join(shown)}".rstrip()


@contextmanager
def feeding(project_root: str, feed: SignalFeed) -> Iterator[Path]:
    """Accept watchers while the `with` block runs, and yield the path of the socket.

    Args:
        project_root: Directory of the project, which decides the path.
        feed: Sends the signals.
    """
    path = socket_path(project_root)
    path.unlink(missing_ok=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        Thread(target=_accept, args=(listener, feed), daemon=True).start()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _accept(listener: socket.socket, feed: SignalFeed) -> None:
    with contextlib.suppress(OSError):  # closed when the server stops
        while True:
            watcher, _ = listener.accept()
            feed.add(watcher)
