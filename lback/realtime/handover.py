"""Hands connections over from a web server to the realtime process.

A web worker has read the request of a connection when it is known to be for the realtime process.
The socket itself goes there, through a Unix socket; the worker keeps nothing of it. See
docs/decisions/0153.
"""

import contextlib
import os
import select
import socket
import stat
import sys
from collections.abc import Iterator

_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
# A request head of 32 KiB and some more.
LARGEST = 128 * 1024


def open_channel() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a channel: one for web workers, one for realtime processes.

    Several processes may share an end. What was sent waits while no realtime process is there.
    """
    # Messages stay whole; macOS has no SEQPACKET for Unix sockets.
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    here, there = socket.socketpair(socket.AF_UNIX, kind)
    for end in (here, there):
        end.setblocking(False)
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
    return here, there


def hand_over(channel: socket.socket, connection: socket.socket, data: bytes) -> None:
    """Give a connection to the realtime process, and close it here.

    Args:
        channel: The end of a web worker.
        connection: The connection.
        data: The bytes of its request.

    Raises:
        BlockingIOError: The realtime process does not keep up.
    """
    socket.send_fds(channel, [data], [connection.fileno()])
    connection.close()


def receive(channel: socket.socket) -> tuple[socket.socket, bytes] | None:
    """Return the next connection, and the bytes of its request; None if there will be no more.

    Args:
        channel: The end of a realtime process.

    Raises:
        BlockingIOError: There is none now.
    """
    data, descriptors, _, _ = socket.recv_fds(channel, LARGEST, 1)
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)
    return socket.socket(fileno=descriptors[0]), data


def take(descriptor: int) -> socket.socket:
    """Take a connection away from the server that has accepted it.

    The server keeps the number, which stands for a closed connection from then on: what it writes
    or shuts down does not reach the client.

    Args:
        descriptor: Number of the socket in this process.
    """
    taken = os.dup(descriptor)
    _unwatch(descriptor)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.dup2(ours.fileno(), descriptor, inheritable=False)
    return socket.socket(fileno=taken)


def take_by_peer(peer: tuple[str, str], local: tuple[str, str]) -> socket.socket | None:
    """Take the TCP connection with these addresses away from its server; None without one.

    Args:
        peer: Address and port of the client.
        local: Address and port on this machine.
    """
    for descriptor, names in _connections():
        if names == (_plain(peer), _plain(local)):
            return take(descriptor)
    return None


def _connections() -> Iterator[tuple[int, tuple[tuple[str, str], tuple[str, str]]]]:
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  names are numbers
        with contextlib.suppress(OSError):  # closed meanwhile, or not connected
            number = int(name)
            if not stat.S_ISSOCK(os.stat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6):
                    yield number, (_pair(connection.getpeername()), _pair(connection.getsockname()))


def _pair(name: tuple[str, int]) -> tuple[str, str]:
    return _plain((name[0], str(name[1])))


def _plain(name: tuple[str, str]) -> tuple[str, str]:
    return name[0].removeprefix("::ffff:"), str(name[1])


def _unwatch(descriptor: int) -> None:
    """Take a socket out of the epoll instances of this process, which would report it on."""
    if sys.platform != "linux":
        return
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  names are numbers
        with contextlib.suppress(OSError):  # closed meanwhile, or not an epoll with that socket
            if os.readlink(f"{_DESCRIPTORS}/{name}") == "anon_inode:[eventpoll]":  # noqa: PTH115
                with select.epoll.fromfd(os.dup(int(name))) as poller:
                    poller.unregister(descriptor)
