"""Redis client with short timeouts, whose connection errors become 503 responses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lback.core.exceptions import ConfigurationError
from lback.distribution import install_hint
from lback.sessions.store import SessionsUnavailable

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

SECONDS_TO_WAIT = 2.0


def connect(url: str) -> "Redis":
    """Return a client for a URL such as `"redis://127.0.0.1:6379/0"`; it connects when used.

    Args:
        url: A URL with the scheme `redis`, `rediss` or `unix`.

    Raises:
        ConfigurationError: The package redis is not installed, or the URL is not valid.
    """
    try:
        # Imported here because Redis is an optional extra.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError(
            f"the package redis is not installed; run: {install_hint('redis')}"
        ) from None
    options: dict[str, object] = {
        "socket_timeout": SECONDS_TO_WAIT,
        "socket_connect_timeout": SECONDS_TO_WAIT,
        # One retry for a server that was restarted; none after a timeout.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    }
    try:
        return Redis.from_url(url, **options)
    except ValueError:
        # The URL is not quoted: it may contain a password.
        raise ConfigurationError(
            "REDIS_URL is not a valid URL; set one such as redis://user:password@host:6379/0"
        ) from None


class Calls:
    """Runs calls to Redis and turns connection errors into `SessionsUnavailable` (503)."""

    def __init__(self) -> None:
        # Imported here because Redis is an optional extra.
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        self._errors = (RedisConnectionError, RedisTimeoutError)

    def __call__(self, work: Callable[[], T]) -> T:
        """Run a function and return its result.

        Args:
            work: Calls Redis.

        Raises:
            SessionsUnavailable: Redis cannot be reached, or does not answer within two seconds.
        """
        try:
            return work()
        except self._errors as error:
            raise SessionsUnavailable from error
