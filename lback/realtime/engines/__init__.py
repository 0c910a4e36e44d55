"""What an engine of live pages offers, and the choice of the engine by the setting `REALTIME`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lback.core.exceptions import ConfigurationError, FrameworkException

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.config import Config
    from lback.realtime.messages import Message
    from lback.realtime.positions import Position
    from lback.realtime.presence import Presence

# Called from any thread with the rooms that may have new messages; None for all rooms.
Wake = Callable[[Collection[str] | None], object]


class EngineAway(FrameworkException):
    """The engine does not answer; try again later."""


class History(NamedTuple):
    """Messages of a room after a position.

    Attributes:
        messages: The messages, without a gap, in order.
        position: Where a reader stands that has seen them.
        reset: Whether the history does not reach back to the position that was asked for, so that
            messages may be lost; there are no messages then.
        more: Whether there are further messages.
    """

    messages: "list[Message]"
    position: "Position"
    reset: bool = False
    more: bool = False


class Limits(NamedTuple):
    """What an engine keeps.

    Attributes:
        seconds: How long messages are kept.
        messages: How many are kept in a room, unless its rule says otherwise.
        message_bytes: Most bytes of a message as JSON.
        tolerance: Seconds by which messages are older than the moment after which a page asks for
            them, because a commit takes time and clocks differ.
        room_seconds: How long the counter of a room without messages is kept. Without it, clients
            that are subscribed must load the page again at the next message.
    """

    seconds: float = 3600.0
    messages: int = 1000
    message_bytes: int = 262_144
    tolerance: float = 10.0
    room_seconds: float = 30 * 86_400.0


class Watcher(Protocol):
    """Notices new messages, of other processes too."""

    def start(self) -> None:
        """Begin to watch; may open connections."""
        ...

    def stop(self) -> None:
        """End watching."""
        ...


class Engine(Protocol):
    """Where messages are kept, and how processes hear of them: `app.dependencies["realtime"]`.

    Methods may be called from any thread, and block.

    Attributes:
        limits: What it keeps.
        in_transaction: Whether `append` writes in the transaction of a session.
        errors: Exceptions that mean that it does not answer.
    """

    limits: Limits
    in_transaction: bool
    errors: tuple[type[Exception], ...]

    @property
    def presence(self) -> "Presence":
        """Who is present in its rooms."""
        ...

    def append(self, session: "Session | None", batch: Mapping[str, Sequence[str]]) -> None:
        """Add messages, which get the next numbers of their rooms.

        Args:
            session: Its transaction, which is about to commit; None if `in_transaction` is False.
            batch: Data of the messages as JSON, by room.
        """
        ...

    def position(self, room: str) -> "Position":
        """Return where a reader stands that has seen everything.

        Args:
            room: Name of the room.

        Returns:
            The position of the last message; for a room without messages, the current moment.
        """
        ...

    def read(self, room: str, after: "Position", limit: int = 1000) -> History:
        """Return the messages of a room after a position.

        Args:
            room: Name of the room.
            after: What the reader has seen.
            limit: How many messages at most.
        """
        ...

    def read_many(self, after: "Mapping[str, Position]", limit: int) -> dict[str, History]:
        """Return the messages of several rooms.

        Args:
            after: What the reader has seen, by room.
            limit: How many messages of each room at most.

        Returns:
            By room; without those that have nothing new.
        """
        ...

    def watch(self, wake: Wake) -> Watcher:
        """Return a watcher that has not begun.

        Args:
            wake: Called from any thread with rooms that may have new messages.
        """
        ...

    def now(self) -> float:
        """Return the seconds since the epoch by the clock that messages are dated with."""
        ...

    def trim(self) -> int:
        """Delete what is beyond the limits, and return the number of deleted messages."""
        ...


def limits_of(config: "Config") -> Limits:
    """Return the limits of the settings.

    Args:
        config: The settings.
    """
    return Limits(
        config.REALTIME_HISTORY_SECONDS,
        config.REALTIME_HISTORY_MESSAGES,
        config.REALTIME_MESSAGE_BYTES,
    )


def build_engine(services: Mapping[str, Any]) -> Engine:
    """Return the engine that the setting `REALTIME` chooses.

    Args:
        services: Services of the application, by name.
    """
    config = services["config"]
    limits = limits_of(config)
    # Imported here: each engine needs libraries that the others do not.
    if config.REALTIME == "memory":
        from lback.realtime.engines.memory import MemoryEngine

        return MemoryEngine(limits)
    if config.REALTIME == "redis":
        from lback.realtime.engines.redis import RedisEngine

        url = config.REALTIME_REDIS_URL or config.REDIS_URL
        return RedisEngine(services["db_manager"], url, limits)
    from lback.realtime.engines.database import DatabaseEngine

    return DatabaseEngine(services["db_manager"], limits)


def engine_of(services: Mapping[str, Any]) -> Engine:
    """Return the engine of an application.

    Args:
        services: Services by name.

    Raises:
        ConfigurationError: The setting `REALTIME` is empty.
    """
    engine: Engine | None = services.get("realtime")
    if engine is None:
        raise ConfigurationError(
            "messages cannot be published: the setting REALTIME is empty; set REALTIME = "
            "'database' in settings.py and run: lback makemigrations && lback migrate"
        )
    return engine
