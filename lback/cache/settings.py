"""From an entry of CACHES to what a connection to Redis needs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.settings.cache_validators import DEFAULT_CACHE

if TYPE_CHECKING:
    from lback.core.config import Config


class RedisOptions(NamedTuple):
    """Where a Redis or Valkey server is, and how to use it.

    Attributes:
        url: May hold a password: never log it.
        prefix: What all keys of the application begin with.
        timeout: Seconds to wait for an answer.
        serializer: Dotted name of something with `dumps` and `loads`, or nothing.
    """

    url: str
    prefix: str = "lback:"
    timeout: float = 0.5
    serializer: str = ""


def cache_entries(config: "Config") -> dict[str, Mapping[str, Any]]:
    """Return the entries of CACHES by name; without a `default`, it is one in memory."""
    return {DEFAULT_CACHE: {}, **config.CACHES}


def cache_entry(config: "Config", name: str) -> Mapping[str, Any]:
    """Return the entry of a cache; without one, the default cache is in memory.

    Raises:
        ConfigurationError: There is no cache of that name.
    """
    entries = cache_entries(config)
    if name not in entries:
        raise ConfigurationError(f"CACHES has no {name!r}{did_you_mean(name, entries)}")
    return entries[name]


def redis_options(config: "Config", name: str = DEFAULT_CACHE) -> RedisOptions | None:
    """Return how to reach the Redis of a cache, or `None` where it is in memory."""
    entry = dict(cache_entry(config, name))
    if entry.pop("backend", "memory") != "redis":
        return None
    return RedisOptions(**{"url": config.REDIS_URL, **entry})
