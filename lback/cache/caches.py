"""The caches of an application: for each name in CACHES, the cache that its entry describes."""

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
    """Build the caches of `config.CACHES`, and one in memory as `default` where it names none.

    Raises:
        ConfigurationError: CACHES breaks its rule, or a library is missing.
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
