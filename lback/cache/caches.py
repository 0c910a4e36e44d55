"""Build the caches of an application from the setting CACHES."""

from typing import TYPE_CHECKING, TypeAlias

from lback.cache.redis import RedisCache
from lback.cache.settings import cache_entries, cache_entry, redis_options
from lback.core.cache import Cache
from lback.core.exceptions import ConfigurationError
from lback.core.settings.cache_validators import DEFAULT_CACHE, MAX_ENTRIES, check_caches
from lback.core.signals import SignalDispatcher

if TYPE_CHECKING:
    from lback.core.config import Config

AnyCache: TypeAlias = Cache | RedisCache


def build_caches(
    config: "Config", dispatcher: SignalDispatcher | None = None
) -> dict[str, AnyCache]:
    """Build all caches of the setting CACHES, and an in-memory `default` if it is not listed.

    Args:
        config: Settings; `CACHES` and `REDIS_URL` are read.
        dispatcher: Signal dispatcher of the caches. None uses the dispatcher of the process.

    Returns:
        Cache name to cache, sorted by name.

    Raises:
        ConfigurationError: CACHES is not valid, or the library `redis` is not installed.

    Example:
        >>> from lback.cache import build_caches
        >>> list(build_caches(app.config))
        ['default']
    """
    entries = cache_entries(config)
    try:
        check_caches(entries)
    except ValueError as error:
        raise ConfigurationError(f"CACHES: {error}") from None
    return {name: _build(config, name, dispatcher) for name in sorted(entries)}


def _build(config: "Config", name: str, dispatcher: SignalDispatcher | None) -> AnyCache:
    options = redis_options(config, name)
    if options is None:
        most = cache_entry(config, name).get("max_entries", MAX_ENTRIES)
        return Cache(dispatcher=dispatcher, max_entries=most)
    if name != DEFAULT_CACHE:
        options = options._replace(prefix=f"{options.prefix}{name}:")
    return RedisCache(options, dispatcher=dispatcher)
