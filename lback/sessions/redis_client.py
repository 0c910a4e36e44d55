"""Redis client with short timeouts, whose connection errors become 503 responses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lback.cache.circuit_breaker import shared_breaker
from lback.core.exceptions import ConfigurationError
from lback.distribution import install_hint
from lback.sessions.store import SessionsUnavailable

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

SECONDS_TO_WAIT = 0.2  # the default of the setting REDIS_TIMEOUT


def connect(url: str, timeout: float = SECONDS_TO_WAIT) -> "Redis":
    """Return a client for a URL such as `"redis://127.0.0.1:6379/0"`; it connects when used.

    Args:
        url: A URL with the scheme `redis`, `rediss` or `unix`.
        timeout: Seconds to wait for a connection and for each reply.

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
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
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
    """Runs calls to Redis and turns connection errors into `SessionsUnavailable` (503).

    After an error, one call per second waits for the server and all others fail at once; caches on
    the same server share this.

    Args:
        client: A client of the package `redis`.
    """

    def __init__(self, client: "Redis") -> None:
        # Imported here because Redis is an optional extra.
        from redis.exceptions import ConnectionError as RedisConnectionError
        from redis.exceptions import TimeoutError as RedisTimeoutError

        self._errors = (RedisConnectionError, RedisTimeoutError)
        self._breaker = shared_breaker(client.connection_pool.connection_kwargs)

    def __call__(self, work: Callable[[], T]) -> T:
        """Run a function and return its result.

        Args:
            work: Calls Redis.

        Raises:
            SessionsUnavailable: Redis cannot be reached, does not answer in time, or did not a
                moment ago.
        """
        if not self._breaker.allows_call():
            raise SessionsUnavailable
        try:
            answer = work()
        except self._errors as error:
            self._breaker.record_failure(error)
            raise SessionsUnavailable from error
        self._breaker.record_success()
        return answer
