"""Listening sockets of `lback serve`: TCP, Unix or from systemd, and how they are closed."""

import contextlib
import ctypes
import os
import select
import socket
import stat
import struct
import sys
import time
from pathlib import Path

import click

from lback.cli.probe import Serving

UNIX_PREFIX = "unix:"
BACKLOG = 2048
# The first descriptor that systemd passes, sd_listen_fds(3).
FIRST_PASSED = 3
DRAIN_SECONDS = 1.0
# A classic BPF program for SO_ATTACH_FILTER: drops segments that open a connection (SYN without
# ACK, byte 13 of the TCP header) and keeps all others, so that open handshakes are completed.
_SYN_FILTER = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK of it
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)
_SO_ATTACH_FILTER = 26
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


def is_unix(host: str) -> bool:
    """Return True if a host is the path of a Unix socket, such as `unix:/run/shop.sock`."""
    return host.startswith(UNIX_PREFIX)


def has_passed_sockets() -> bool:
    """Return True if systemd has opened the sockets of this process (socket activation)."""
    passed = os.environ.get("LISTEN_FDS", "")
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and passed.isdigit() and passed != "0"


class Listeners:
    """The listening sockets, which the supervisor holds open and the workers share.

    Args:
        sockets: Bound sockets that listen.
        path: Path of the Unix socket that is deleted in the end, or `None`.
    """

    def __init__(self, sockets: list[socket.socket], path: Path | None = None) -> None:
        self.sockets = sockets
        self._path = path

    @classmethod
    def open(cls, serving: Serving) -> "Listeners":
        """Open the sockets, or take those that systemd has opened.

        Args:
            serving: Its `host` and `port` are used unless systemd has opened sockets.

        Raises:
            ClickException: The address cannot be used.
        """
        if has_passed_sockets():
            return cls(_passed_sockets())
        try:
            if is_unix(serving.host):
                path = Path(serving.host.removeprefix(UNIX_PREFIX))
                return cls([_unix_socket(path)], path)
            return cls([_tcp_socket(serving.host, serving.port, serving.client_timeout)])
        except OSError as error:
            address = serving.host if is_unix(serving.host) else f"{serving.host}:{serving.port}"
            raise click.ClickException(f"cannot listen on {address}: {error.strerror}") from error

    def addresses(self) -> str:
        """Return the addresses for people, such as `http://127.0.0.1:8000`."""
        return ", ".join(_address(listener) for listener in self.sockets)

    def drain(self) -> None:
        """Let no new connection in and wait until the workers have accepted all waiting ones.

        On Linux new connections to a TCP socket are dropped unanswered, so that they are tried
        again and refused once the socket is closed. It waits for one second at most.
        """
        for listener in self.sockets:
            _drop_new_connections(listener)
        until = time.monotonic() + DRAIN_SECONDS
        empty = 0
        while empty < 3 and time.monotonic() < until:  # a handshake may still be on its way
            is_waiting = bool(select.select(self.sockets, [], [], 0)[0])
            empty = 0 if is_waiting else empty + 1
            time.sleep(0.005)

    def close(self) -> None:
        """Close the sockets and delete the file of the Unix socket."""
        for listener in self.sockets:
            listener.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _tcp_socket(host: str, port: int, timeout: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    # Accepted connections inherit these options.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if _TCP_USER_TIMEOUT is not None:  # ends connections whose client reads nothing any more
        listener.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, timeout * 1000)
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener


def _unix_socket(path: Path) -> socket.socket:
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        # A server that was killed has left it, unless one answers there.
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
            probe.connect(str(path))
            raise click.ClickException(f"{path} is used by another server")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)  # the permissions of the directory decide who may connect
    listener.listen(BACKLOG)
    return listener


def _passed_sockets() -> list[socket.socket]:
    count = int(os.environ["LISTEN_FDS"])
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # not for the programs that this one starts
    sockets = [socket.socket(fileno=number) for number in range(FIRST_PASSED, FIRST_PASSED + count)]
    for passed in sockets:
        passed.set_inheritable(False)
    return sockets


def _address(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"{UNIX_PREFIX}{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def _drop_new_connections(listener: socket.socket) -> None:
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return
    program = b"".join(struct.pack("HBBI", *step) for step in _SYN_FILTER)
    steps = ctypes.create_string_buffer(program)
    pointer = struct.pack("HL", len(_SYN_FILTER), ctypes.addressof(steps))
    with contextlib.suppress(OSError):  # a kernel without it refuses a little less gracefully
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)
