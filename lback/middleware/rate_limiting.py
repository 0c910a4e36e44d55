"""Rate limits: answer 429 to clients that send too many requests."""

import math
import time
from collections.abc import Callable, Sequence
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from lback.cache.circuit_breaker import CircuitBreaker, shared_breaker
from lback.cache.redis import connection_arguments, connection_errors
from lback.cache.settings import redis_options
from lback.core.base_middleware import SimpleMiddleware
from lback.core.exceptions import ConfigurationError, HTTPException
from lback.core.routing.endpoint import get_request
from lback.core.routing.websocket_route import RECHECK
from lback.core.settings.cache_validators import DEFAULT_CACHE
from lback.core.settings.security_validators import check_rate
from lback.distribution import install_hint
from lback.translation import ngettext

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import RateLimiter as Strategy

    from lback.core.config import Config
    from lback.core.request import Request

CONTEXT = "rate_limiter"
KeyOf: TypeAlias = "Callable[[Request], str]"
V = TypeVar("V", bound=Callable[..., object])


def client_key(request: "Request") -> str:
    """Return the key of a client: its IPv4 address, or the /64 network of its IPv6 address.

    A network is used because one client usually controls all 2^64 addresses of it.
    """
    address: str = request.client_address
    if ":" not in address:
        return address
    return str(ip_network((ip_address(address.partition("%")[0]), 64), strict=False))


class RateLimitMiddleware(SimpleMiddleware):
    """Answer 429 (RFC 6585 section 4) to clients that exceed `RATE_LIMITS`.

    All requests of a client address are counted in a sliding window. If the cache is in Redis,
    all workers share the counts; otherwise, and while Redis is unreachable, each worker counts
    for itself. The decorator `rate_limit` limits single views.

    Args:
        config: Settings; `RATE_LIMITS`, `CACHES` and `REDIS_URL` are read.
        cache_name: Name of the cache in CACHES whose Redis is used.

    Raises:
        ConfigurationError: The library `limits` is not installed.
    """

    runs_before = ("SessionMiddleware", "AuthenticationMiddleware", "CSRFMiddleware")

    def __init__(self, config: "Config", *, cache_name: str = DEFAULT_CACHE) -> None:
        self._limiter = RateLimiter(config, cache_name)
        self._rates = tuple(config.RATE_LIMITS)

    def process_request(self, request: "Request") -> None:
        """Count the request.

        Raises:
            HTTPException: 429, the client has exceeded a limit.
        """
        request.add_context(CONTEXT, self._limiter)
        if self._rates and RECHECK not in request.environ:
            self._limiter.check(self._rates, "client", client_key(request))


def rate_limit(
    *rates: str, key: KeyOf = client_key, methods: Sequence[str] = ()
) -> Callable[[V], V]:
    """Limit how often one client may call the decorated view.

    Requires `RateLimitMiddleware`. A request beyond a limit gets 429 with `Retry-After`.

    Args:
        *rates: Limits such as "5 per minute" or "100/hour"; all of them apply.
        key: Function from the request to the key of a client. The default is its address.
        methods: Methods that count, such as "POST". Empty means all.

    Raises:
        ValueError: A rate is not valid.

    Example:
        >>> from lback.middleware import rate_limit
        >>> @rate_limit("5 per minute", methods=["POST"])
        ... def contact(request):
        ...     return Response("Thank you.")
    """
    checked = tuple(map(check_rate, rates))

    def decorate(view: V) -> V:
        scope = f"{view.__module__}.{view.__qualname__}"

        @wraps(view)
        def limited(*args: object, **kwargs: object) -> object:
            request = get_request(args, view)
            if not methods or request.method in methods:
                _limiter_of(request).check(checked, scope, key(request))
            return view(*args, **kwargs)

        limited.needs_request = True  # type: ignore[attr-defined]  # read when the route is built
        # Shown by the command that lists routes.
        limited.rate_limits = [*checked, *getattr(view, "rate_limits", ())]  # type: ignore[attr-defined]  # read by the command
        return cast("V", limited)

    return decorate


def _limiter_of(request: "Request") -> "RateLimiter":
    limiter = request.get_context(CONTEXT)
    if not isinstance(limiter, RateLimiter):
        raise ConfigurationError(
            "rate_limit needs RateLimitMiddleware, which is not in MIDDLEWARES; "
            'add "lback.middleware.RateLimitMiddleware"'
        )
    return limiter


class RateLimiter:
    """Count requests in Redis if the named cache is there, otherwise in this process.

    Args:
        config: Settings; `CACHES` and `REDIS_URL` are read.
        cache_name: Name of the cache in CACHES whose Redis is used.

    Raises:
        ConfigurationError: The library `limits` is not installed.
    """

    def __init__(self, config: "Config", cache_name: str = DEFAULT_CACHE) -> None:
        try:
            # Optional extra "ratelimit".
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
        self._unreachable: tuple[type[Exception], ...] = ()
        options = redis_options(config, cache_name)
        self._breaker = self._refusals = CircuitBreaker(
            "rate limits: Redis rejects commands, each worker counts for itself"
        )
        if options is not None:
            shared = storage.RedisStorage(
                options.url,
                key_prefix=f"{options.prefix}rate",
                **connection_arguments(options),
            )
            self._shared = strategy(shared)
            self._errors = shared.base_exceptions
            self._unreachable = connection_errors()
            self._breaker = shared_breaker(shared.storage.connection_pool.connection_kwargs)

    def check(self, rates: Sequence[str], *identifiers: str) -> None:
        """Count one request against some rates.

        Args:
            rates: Limits such as "5 per minute"; all of them apply.
            *identifiers: Parts of the key that is counted: the scope and the client.

        Raises:
            HTTPException: 429, a limit is exceeded. `Retry-After` has the seconds to wait (RFC
                9110 section 10.2.3).
        """
        for rate in rates:
            wait = self._wait(self._item(rate), identifiers)
            if wait is not None:
                seconds = max(1, math.ceil(wait))
                raise HTTPException(
                    ngettext(
                        "Too many requests: try again in %(num)s second.",
                        "Too many requests: try again in %(num)s seconds.",
                        seconds,
                    ),
                    429,
                    headers={"Retry-After": str(seconds)},
                )

    def _item(self, rate: str) -> "RateLimitItem":
        item = self._parsed.get(rate)
        if item is None:
            item = self._parsed[rate] = self._parse(rate)
        return item

    def _wait(self, item: "RateLimitItem", identifiers: tuple[str, ...]) -> float | None:
        shared = self._shared
        if shared is not None and self._refusals.allows_call() and self._breaker.allows_call():
            try:
                wait = _hit(shared, item, identifiers)
            except self._errors as error:
                is_away = isinstance(error, self._unreachable)
                (self._breaker if is_away else self._refusals).record_failure(error)
            else:
                self._breaker.record_success()
                self._refusals.record_success()
                return wait
        return _hit(self._here, item, identifiers)


def _hit(strategy: "Strategy", item: "RateLimitItem", identifiers: tuple[str, ...]) -> float | None:
    """Count a request. Return None if it is within the limit, else the seconds to wait."""
    if strategy.hit(item, *identifiers):
        return None
    return strategy.get_window_stats(item, *identifiers).reset_time - time.time()
