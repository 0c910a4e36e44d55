"""Redis caches, and caching of function results and responses."""

from lback.cache.caches import AnyCache, build_caches
from lback.cache.pages import cache_page
from lback.cache.redis import RedisCache
from lback.cache.remember import cached, remember
from lback.cache.settings import RedisOptions

__all__ = [
    "AnyCache",
    "RedisCache",
    "RedisOptions",
    "build_caches",
    "cache_page",
    "cached",
    "remember",
]
