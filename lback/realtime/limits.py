"""Limits of connections, close codes, and the times of the realtime process."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lback.core.config import Config

# Close codes (RFC 6455 section 7.4.1 and the registry of IANA).
NORMAL = 1000
GOING_AWAY = 1001  # the server stops
UNSUPPORTED = 1003  # bytes where JSON is expected
INVALID = 1007  # not JSON, or not the type that the handler declares
TOO_MANY = 1008  # more messages a second than allowed
INTERNAL_ERROR = 1011  # the handler raised an exception
RESTART = 1012  # the server is replaced: connect again
TRY_AGAIN_LATER = 1013  # too many connections
# As the status of a response, for an `HTTPException` and for rights that end.
STATUS_CODES = 4000
SIGNED_OUT = 4401
FORBIDDEN = 4403

HANDSHAKE_SECONDS = 10.0
HEAD_BYTES = 32 * 1024
# Bytes that a client may send before its handshake is answered.
EARLY_BYTES = 16 * 1024
PING_SECONDS = 20.0
# Pings and pongs of a client in a second; twice as many may come at once.
CONTROL_RATE = 10
CLOSE_SECONDS = 5.0
# What waits for a client that does not read, and how long it may read nothing.
UNREAD_BYTES = 1024 * 1024
UNREAD_SECONDS = 20.0
HEARTBEAT_SECONDS = 15.0
MOST_ROOMS = 20
# Missed messages as JSON that a connection gets when it comes back, in all its rooms. Beyond that
# it is told to load its page again, which is cheaper.
MISSED_BYTES = 512 * 1024
# Clients come back within that time after a stop.
SPREAD_SECONDS = 4.0


class ConnectionLimits(NamedTuple):
    """The limits that settings choose.

    Attributes:
        connections: Most connections of a process.
        receive_bytes: Most bytes of a message from a client.
        receive_rate: Most messages a second from a client; 0 for no limit.
        threads: How many plain functions run at once.
    """

    connections: int = 20_000
    receive_bytes: int = 65_536
    receive_rate: int = 50
    threads: int = 8

    @classmethod
    def of(cls, config: "Config") -> "ConnectionLimits":
        """Return the limits of an application."""
        return cls(
            config.REALTIME_CONNECTIONS,
            config.REALTIME_RECEIVE_BYTES,
            config.REALTIME_RECEIVE_RATE,
            config.REALTIME_THREADS,
        )
