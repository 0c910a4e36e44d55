"""Rate limits: how often one client may come, and what it is told when that is too often."""

import math
import time
from collections.abc import Callable, Sequence
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from lback.cache.circuit_breaker import CircuitBreaker
from lback.cache.redis import connection_arguments
from lback.cache.settings import redis_options
from lback.core.base_middleware import SimpleMiddleware
from lback.core.exceptions import ConfigurationError, HTTPException
from lback.core.routing.endpoint import get_request
from lback.core.settings.cache_validators import DEFAULT_CACHE
from lback.core.settings.security_validators import check_rate
from lback.distribution import install_hint

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import RateLimiter as Strategy

    from lback.core.config import Config
    from lback.core.request import Request

CONTEXT = "rate_limiter"
KeyOf: TypeAlias = "Callable[[Request], str]"
V = TypeVar("V", bound=Callable[..., Any])


def client_key(request: "Request") -> str:
    """Return what counts as one client: an IPv4 address, or the network of an IPv6 one.

    Who has one IPv6 address has the 2^64 of its network as well.
    """
    address: str = request.client_address
    if ":" not in address:
        return address
    return str(ip_network((ip_address(address.partition("%")[0]), 64), strict=False))


class RateLimitMiddleware(SimpleMiddleware):
    """Answers 429 to a client that comes more often than `RATE_LIMITS` allow.

    Counted are all requests of an address, by a window that slides: with Redis for all workers
    together, else for each worker by itself. While Redis is out of reach each worker counts by
    itself. `rate_limit` sets limits for single views.

    Args:
        config: `RATE_LIMITS`, and the cache of CACHES in whose Redis is counted, if it has one.
        cache_name: The name of that cache.

    Raises:
        ConfigurationError: The library `limits` is missing.
    """

    runs_before = ("SessionMiddleware", "AuthenticationMiddleware", "CSRFMiddleware")

    def __init__(self, config: "Config", *, cache_name: str = DEFAULT_CACHE) -> None:
        self._limiter = RateLimiter(config, cache_name)
        self._rates = tuple(config.RATE_LIMITS)

    def process_request(self, request: "Request") -> None:
        """Count the request.

        Raises:
            HTTPException: 429, there have been too many.
        """
        request.add_context(CONTEXT, self._limiter)
        if self._rates:
            self._limiter.check(self._rates, "client", client_key(request))


def rate_limit(
    *rates: str, key: KeyOf = client_key, methods: Sequence[str] = ()
) -> Callable[[V], V]:
    """Limit how often one client may call the decorated view.

    Args:
        *rates: Such as `"5 per minute"` and `"100/hour"`; all of them hold.
        key: Tells clients apart; by address unless another is given.
        methods: Methods that count; none means all.

    Raises:
        ValueError: A rate that is none.
    """
    checked = tuple(map(check_rate, rates))

    def decorate(view: V) -> V:
        scope = f"{view.__module__}.{view.__qualname__}"

        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            request = get_request(args, view)
            if not methods or request.method in methods:
                _limiter_of(request).check(checked, scope, key(request))
            return view(*args, **kwargs)

        limited.needs_request = True  # type: ignore[attr-defined]  # a mark
        # For those who list the routes and what guards them.
        limited.rate_limits = [*checked, *getattr(view, "rate_limits", ())]  # type: ignore[attr-defined]  # a mark
        return cast("V", limited)

    return decorate


def _limiter_of(request: "Request") -> "RateLimiter":
    limiter = request.get_context(CONTEXT)
    if not isinstance(limiter, RateLimiter):
        raise ConfigurationError(
            "rate_limit counts in RateLimitMiddleware, which is not in MIDDLEWARES; "
            'add "lback.middleware.RateLimitMiddleware"'
        )
    return limiter


class RateLimiter:
    """Counts hits, in Redis where the named cache is there, else in this process.

    Args:
        config: CACHES is read here.
        cache_name: A name in CACHES.

    Raises:
        ConfigurationError: The library `limits` is missing.
    """

    def __init__(self, config: "Config", cache_name: str = DEFAULT_CACHE) -> None:
        try:
            # Only who limits rates installs it.
            from limits import parse, storage, strategies
        except ImportError as error:
            raise ConfigurationError(
                f"rate limits need the library limits: {install_hint('ratelimit')}"
            ) from error
        self._parse = parse
        self._parsed: dict[str, RateLimitItem] = {}
        strategy = strategies.SlidingWindowCounterRateLimiter
        self._here: Strategy = strategy(storage.MemoryStorage())
        self._shared: Strategy | None = None
        self._errors: type[Exception] | tuple[type[Exception], ...] = ()
        options = redis_options(config, cache_name)
        if options is not None:
            shared: Storage = storage.RedisStorage(
                options.url,
                key_prefix=f"{options.prefix}rate",
                **connection_arguments(options),
            )
            self._shared = strategy(shared)
            self._errors = shared.base_exceptions
        self._breaker = CircuitBreaker("rate limits are counted in each worker by itself")

    def check(self, rates: Sequence[str], *identifiers: str) -> None:
        """Count one hit.

        Raises:
            HTTPException: 429, one of the rates is used up; `Retry-After` says how long.
        """
        for rate in rates:
            wait = self._wait(self._item(rate), identifiers)
            if wait is not None:
                seconds = max(1, math.ceil(wait))
                unit = "second" if seconds == 1 else "seconds"
                raise HTTPException(
                    f"Too many requests: try again in {seconds} {unit}.",
                    429,
                    headers={"Retry-After": str(seconds)},
                )

    def _item(self, rate: str) -> "RateLimitItem":
        item = self._parsed.get(rate)
        if item is None:
            item = self._parsed[rate] = self._parse(rate)
        return item

    def _wait(self, item: "RateLimitItem", identifiers: tuple[str, ...]) -> float | None:
        if self._shared is not None and self._breaker.allows_call():
            try:
                wait = _hit(self._shared, item, identifiers)
            except self._errors as error:
                self._breaker.record_failure(error)
            else:
                self._breaker.record_success()
                return wait
        return _hit(self._here, item, identifiers)


def _hit(strategy: "Strategy", item: "RateLimitItem", identifiers: tuple[str, ...]) -> float | None:
    """Count a hit; return the seconds to wait where there is no room for it."""
    if strategy.hit(item, *identifiers):
        return None
    return strategy.get_window_stats(item, *identifiers).reset_time - time.time()
