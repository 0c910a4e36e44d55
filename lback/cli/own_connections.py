"""Acts on sockets of this process for which its server has no function."""

import contextlib
import os
import select
import socket
import stat
import sys
from collections.abc import Iterator

_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"


def abort(client: tuple[str, str]) -> None:
    """End the connection with a client, so that it knows that its answer is incomplete.

    Does nothing for Unix sockets, whose peers have no address.

    Args:
        client: IP address and port.
    """
    host, port = client
    for connection, peer in _connections():
        if str(peer[1]) == port and _plain(peer[0]) == _plain(host):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def stop_accepting(descriptor: int) -> None:
    """Have this process accept nothing more on a socket that other processes accept on.

    The socket is taken out of the epoll instances of the process. Elsewhere than on Linux this
    does nothing.

    Args:
        descriptor: Number of the listening socket.
    """
    if sys.platform != "linux":
        return
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  names are numbers
        with contextlib.suppress(OSError):  # closed meanwhile, or not an epoll with that socket
            if os.readlink(f"{_DESCRIPTORS}/{name}") == "anon_inode:[eventpoll]":  # noqa: PTH115
                with select.epoll.fromfd(os.dup(int(name))) as poller:
                    poller.unregister(descriptor)


def _connections() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    """Yield duplicates of the TCP connections of this process, with the addresses of the peers."""
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  names are numbers
        with contextlib.suppress(OSError):  # closed meanwhile, or not connected
            if stat.S_ISSOCK(os.stat(int(name)).st_mode):  # noqa: PTH116  a number
                with socket.socket(fileno=os.dup(int(name))) as connection:
                    if connection.family in (socket.AF_INET, socket.AF_INET6):
                        yield connection, connection.getpeername()


def _plain(host: str) -> str:
    return host.removeprefix("::ffff:")
