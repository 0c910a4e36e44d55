"""The way to Redis or Valkey for what must not be lost: short waits, and a clear word when away."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lback.core.exceptions import ConfigurationError
from lback.distribution import install_hint
from lback.sessions.store import SessionsUnavailable

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

SECONDS_TO_WAIT = 2.0


def connect(url: str) -> "Redis":
    """Return a client for a URL such as `"redis://127.0.0.1:6379/0"`; it connects when used.

    Raises:
        ConfigurationError: The library is not installed, or it is no such URL.
    """
    try:
        # Imports here, because Redis is an extra.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as Away
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError(
            f"the library of Redis is not installed; run: {install_hint('redis')}"
        ) from None
    options: dict[str, Any] = {
        "socket_timeout": SECONDS_TO_WAIT,
        "socket_connect_timeout": SECONDS_TO_WAIT,
        # Once more, for a server that was restarted; who does not answer is not asked again.
        "retry": Retry(NoBackoff(), 1, supported_errors=(Away,)),
    }
    try:
        return Redis.from_url(url, **options)
    except ValueError:
        # The text is not quoted: it may hold a password.
        raise ConfigurationError(
            "REDIS_URL cannot be read; write redis://user:password@host:6379/0"
        ) from None


class Calls:
    """Turns the errors of a server that is away into an answer 503."""

    def __init__(self) -> None:
        # Imports here, because Redis is an extra.
        from redis.exceptions import ConnectionError as Away
        from redis.exceptions import TimeoutError as Slow

        self._away = (Away, Slow)

    def __call__(self, work: Callable[[], T]) -> T:
        """Return what the work returns.

        Raises:
            SessionsUnavailable: The server does not answer.
        """
        try:
            return work()
        except self._away as error:
            raise SessionsUnavailable from error
