"""Connection options of Redis, read from an entry of the setting CACHES."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.settings.cache_validators import DEFAULT_CACHE

if TYPE_CHECKING:
    from lback.core.config import Config


class RedisOptions(NamedTuple):
    """Connection options of a Redis or Valkey server.

    Attributes:
        url: `redis://user:password@host:6379/0`. It may contain a password: never log it.
        prefix: Prefix of all keys of the application.
        timeout: Seconds to wait for a connection and for each reply.
        serializer: Dotted name of a module with `dumps` and `loads`; empty for MessagePack.
    """

    url: str
    prefix: str = "lback:"
    timeout: float = 0.2
    serializer: str = ""


def cache_entries(config: "Config") -> dict[str, Mapping[str, Any]]:
    """Return the entries of CACHES by name; without a `default`, it is one in memory."""
    return {DEFAULT_CACHE: {}, **config.CACHES}


def cache_entry(config: "Config", name: str) -> Mapping[str, Any]:
    """Return the entry of a cache in CACHES; empty for a `default` that is not listed.

    Args:
        config: Settings; `CACHES` is read.
        name: Name of the cache.

    Raises:
        ConfigurationError: CACHES has no such name. The message suggests similar names.
    """
    entries = cache_entries(config)
    if name not in entries:
        raise ConfigurationError(f"CACHES has no {name!r}{did_you_mean(name, entries)}")
    return entries[name]


def redis_options(config: "Config", name: str = DEFAULT_CACHE) -> RedisOptions | None:
    """Return the connection options of a cache, or None if its backend is "memory".

    Args:
        config: Settings; `CACHES` is read and, for an entry without `url` or `timeout`, `REDIS_URL`
            and `REDIS_TIMEOUT`.
        name: Name of the cache.

    Raises:
        ConfigurationError: CACHES has no such name.
    """
    entry = dict(cache_entry(config, name))
    if entry.pop("backend", "memory") != "redis":
        return None
    return RedisOptions(**{"url": config.REDIS_URL, "timeout": config.REDIS_TIMEOUT, **entry})
