"""The checks of `lback check --deploy` for several machines: shared state, proxies and clocks."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from lback.cache.settings import redis_options
from lback.cli.problems import Check, Problem
from lback.core.exceptions import FrameworkException
from lback.core.http.hosts import UNIX_SOCKET
from lback.core.settings.cache_validators import DEFAULT_CACHE

if TYPE_CHECKING:
    from lback.application import Application

# Seconds since the epoch by the clock of the database server.
_NOW = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
    "mariadb": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
}
_REDIS_SECONDS = 2.0


def _sessions(app: "Application") -> Iterator[Problem]:
    if app.config.SESSION_STORE == "memory":
        yield Problem(
            "SESSION_STORE is 'memory'",
            "each worker has its own sessions, so visitors are signed out from request to request",
            "set it to 'database' or 'redis'",
        )


def _login_attempts(app: "Application") -> Iterator[Problem]:
    if app.config.LOGIN_ATTEMPTS_STORE == "memory":
        yield Problem(
            "LOGIN_ATTEMPTS_STORE is 'memory'",
            "each worker counts failed logins separately and loses the counts on restart",
            "set it to 'database' or 'redis'",
        )


def _caches(app: "Application") -> Iterator[Problem]:
    if redis_options(app.config) is not None:
        return
    names = {kind.__name__ for m in app.middleware_manager.middlewares for kind in type(m).__mro__}
    fix = 'set CACHES = {"default": {"backend": "redis"}}'
    if "RateLimitMiddleware" in names:
        yield Problem(
            f"rate limits are counted in memory: the cache {DEFAULT_CACHE!r} is not in Redis",
            "each worker of each machine allows the full rate",
            fix,
            is_error=False,
        )
    elif not _is_sqlite(app):
        yield Problem(
            f"the cache {DEFAULT_CACHE!r} is in memory",
            "each worker has its own values, and what one of them deletes stays in the others",
            fix,
            is_error=False,
        )


def _realtime(app: "Application") -> Iterator[Problem]:
    if app.config.REALTIME == "memory":
        yield Problem(
            "REALTIME is 'memory'",
            "a message reaches the pages that are connected to the process that published it, and "
            "no others",
            "set it to 'database' or 'redis'",
        )


def _is_sqlite(app: "Application") -> bool:
    return app.db_manager.url.get_backend_name() == "sqlite"


def _proxies(app: "Application") -> Iterator[Problem]:
    if not app.config.TRUSTED_PROXIES:
        yield Problem(
            "TRUSTED_PROXIES is empty",
            "behind a proxy all clients have its address, so limits count them together, and "
            "HTTPS is not detected, so cookies are sent without Secure",
            "set it to the addresses of your proxies, such as TRUSTED_PROXIES=127.0.0.1",
            is_error=False,
        )
    for proxy in app.config.TRUSTED_PROXIES:
        try:
            is_any = ip_network(proxy, strict=False).prefixlen == 0
        except ValueError:
            continue  # not an address, such as the name for sockets
        if is_any:
            yield Problem(
                f"TRUSTED_PROXIES contains {proxy!r}, which matches every address",
                "any client can forge its address and scheme",
                "list the addresses of your own proxies only",
            )


def _draining(app: "Application") -> Iterator[Problem]:
    config = app.config
    remote = [proxy for proxy in config.TRUSTED_PROXIES if not _is_on_this_machine(proxy)]
    if remote and config.HEALTH_PATH and not config.DRAIN_SECONDS:
        yield Problem(
            f"DRAIN_SECONDS is 0, and {remote[0]} is a proxy on another machine",
            "when this machine stops, requests fail until the proxy has noticed",
            "set DRAIN_SECONDS to more than the time in which the proxy notices that "
            f"{config.HEALTH_PATH}/ready answers 503, such as DRAIN_SECONDS=10",
            is_error=False,
        )


def _is_on_this_machine(proxy: str) -> bool:
    return proxy == UNIX_SOCKET or ip_network(proxy, strict=False).is_loopback


def _clock(app: "Application") -> Iterator[Problem]:
    """Compare the clock with that of the database, which all machines share."""
    statement = _NOW.get(app.db_manager.url.get_backend_name())
    if statement is None:
        return
    try:
        with app.db_manager.engine.connect() as connection:
            before = time.time()
            theirs = float(connection.exec_driver_sql(statement).scalar_one())
            after = time.time()
    except (FrameworkException, SQLAlchemyError):
        return  # another check reports it
    # The statement ran between both.
    difference = max(before - theirs, theirs - after)
    if difference > app.config.CLOCK_TOLERANCE:
        yield Problem(
            f"the clocks of this machine and of the database differ by {difference:.0f} s",
            "sessions and tokens of a machine whose clock is ahead are refused by the others",
            "synchronize the clocks of all machines with NTP",
        )


def _redis_log(app: "Application") -> Iterator[Problem]:
    config = app.config
    if "redis" not in (config.SESSION_STORE, config.LOGIN_ATTEMPTS_STORE):
        return
    facts = _persistence(config.REDIS_URL)
    if facts.get("aof_enabled") == 0:
        yield Problem(
            "Redis does not write an append-only log",
            "sessions and login attempts of the last minutes are lost when it restarts",
            "set appendonly yes in redis.conf",
            is_error=False,
        )
    policy = str(facts.get("maxmemory_policy", ""))
    if policy.startswith("allkeys"):
        yield Problem(
            f"Redis removes any keys when its memory is full (maxmemory-policy {policy})",
            "visitors are signed out, and login attempts are forgotten",
            "set maxmemory-policy noeviction, and use another server for caches",
            is_error=False,
        )


def _persistence(url: str) -> dict[str, Any]:
    """Return what Redis says about its log and memory; empty if it cannot be asked."""
    try:
        # Optional extra "redis".
        from redis import Redis
        from redis.exceptions import RedisError
    except ImportError:
        return {}
    try:
        options: dict[str, Any] = {"socket_timeout": _REDIS_SECONDS}
        client = Redis.from_url(url, socket_connect_timeout=_REDIS_SECONDS, **options)
        with closing(client):
            facts: dict[str, Any] = {**client.info("persistence"), **client.info("memory")}
    except (RedisError, OSError, ValueError):
        return {}  # another check reports it, or its user may not ask
    return facts


SHARED_STATE_CHECKS: Mapping[str, Check] = {
    "deploy.proxies": _proxies,
    "deploy.sessions": _sessions,
    "deploy.login_attempts": _login_attempts,
    "deploy.caches": _caches,
    "deploy.realtime": _realtime,
    "deploy.clock": _clock,
    "deploy.redis_log": _redis_log,
    "deploy.draining": _draining,
}
