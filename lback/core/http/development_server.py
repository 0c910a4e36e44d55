"""The development server: prints its address, logs requests, reloads on change."""

import errno
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from lback.core.exceptions import ConfigurationError
from lback.core.http.framing import ChunkedInput, framing_problem
from lback.core.http.hosts import LOOPBACK_HOSTS

logger = logging.getLogger(__name__)

# Hints how to use another port, on the command line and for callers of `run`.
OTHER_PORT = "give --port {0}, or set PORT={0} in the environment"
RUN_ON_OTHER_PORT = "write app.run(port={0}), or set PORT={0} in the environment"
GIVE_OTHER_PORT = "write app.run(port={0})"


def _without_query(target: str) -> str:
    return target.partition("?")[0]


def run(
    application: Callable[..., Iterable[bytes]],
    host: str,
    port: int,
    *,
    debug: bool,
    banner: str = "",
    watch: Sequence[str] = (),
    port_hint: str = OTHER_PORT,
    shown: Callable[[str], str] = _without_query,
    hand: Callable[[Any], bool] | None = None,
) -> None:
    """Serve an application with threads until interrupted, without an interactive debugger.

    Args:
        application: The WSGI application.
        host: Address or name to listen on.
        port: Port to listen on; 0 chooses a free one.
        debug: Whether to restart when a source file changes.
        banner: Lines to print below the address.
        watch: Other files whose change restarts the server.
        port_hint: See `check_address`.
        shown: Masks what is secret in the target of a request, for the log.
        hand: Called with the handler of each request; True if it has taken the connection.

    Raises:
        ConfigurationError: The address cannot be used; the message suggests a free port.
    """
    # Imported here: only the development server needs it.
    from werkzeug.serving import run_simple

    if not is_reloaded():
        if port == 0:
            port = free_port(host)
        check_address(host, port, port_hint)
        # Printed by the parent process, so that a reload does not print it again.
        _announce(host, port, banner)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple(
        host,
        port,
        application,
        use_reloader=debug,
        # The watchdog reloader watches all libraries with inotify and overflows its queue.
        reloader_type="stat",
        extra_files=list(watch),
        use_debugger=False,
        threaded=True,
        request_handler=_handler(shown, partial(_is_taken, hand)),
    )


def _with_chunks(environ: dict[str, Any]) -> dict[str, Any]:
    if environ.get("wsgi.input_terminated"):
        environ["wsgi.input"] = ChunkedInput(environ["wsgi.input"])
    return environ


def _is_taken(hand: Callable[[Any], bool] | None, handler: Any) -> bool:
    if hand is None or not hand(handler):
        return False
    handler.close_connection = True
    return True


def _handler(shown: Callable[[str], str], taken: Callable[[Any], bool]) -> type[Any]:
    from werkzeug.serving import WSGIRequestHandler  # as above

    class QuietHandler(WSGIRequestHandler):
        """Logs a line for each request; rejects requests with an ambiguous body length."""

        def log_request(self, code: object = "-", size: object = "-") -> None:
            target = shown(self.path)
            logger.info("%s %r %s %s", self.command, target, getattr(code, "value", code), size)

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            problem = framing_problem(self.headers)
            if problem is not None:
                self.send_error(400, problem)
            return problem is None

        def run_wsgi(self) -> None:
            if not taken(self):
                super().run_wsgi()

        def make_environ(self) -> dict[str, object]:
            return _with_chunks(super().make_environ())

    return QuietHandler


def is_reloaded() -> bool:
    """Return True in the process that the reloader restarts after each change."""
    return os.environ.get("WERKZEUG_RUN_MAIN") == "true"


def _announce(host: str, port: int, banner: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    lines = [f"Lback serves http://{shown}:{port}/", *banner.splitlines(), "Stop with Ctrl+C"]
    if not is_loopback(host):
        lines.insert(1, "This is the development server, open to the network")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def is_loopback(host: str) -> bool:
    """Return True if an address can be reached only from this machine.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
        (True, False)
    """
    return host in LOOPBACK_HOSTS or host == "::1" or host.startswith("127.")


def check_address(host: str, port: int, port_hint: str = OTHER_PORT) -> None:
    """Raise if the server cannot listen on an address.

    Args:
        host: Address or name.
        port: Port.
        port_hint: Hint how to use another port, with `{}` for a free one.

    Raises:
        ConfigurationError: The address cannot be used; the message suggests a free port if this
            one is taken.
    """
    try:
        with closing(_bound(host, port)):
            return
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    free = next((near for near in range(port + 1, port + 50) if _is_free(host, near)), None)
    hint = f"; {free} is free: {port_hint.format(free)}" if free else ""
    raise ConfigurationError(f"port {port} of {host} is taken by another program{hint}")


def free_port(host: str) -> int:
    """Return a free port of an address."""
    with closing(_bound(host, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _is_free(host: str, port: int) -> bool:
    try:
        with closing(_bound(host, port)):
            return True
    except OSError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
