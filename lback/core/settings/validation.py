"""Validators of settings, and the conversion of values to the types of the defaults."""

import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

from lback.core.exceptions import known_names
from lback.core.http.hosts import UNIX_SOCKET, host_name
from lback.core.http.mail_address import mailed_address
from lback.core.settings.cache_validators import check_caches
from lback.core.settings.database_uri import database_uri
from lback.core.settings.key_strength import SECRET_KEY_LENGTH
from lback.core.settings.security_validators import SECURITY_VALIDATORS
from lback.core.settings.storage_validators import check_storages
from lback.core.settings.values import parse_text
from lback.time_zones import zone_of

SERVERS = ("granian", "gunicorn")
SESSION_STORES = ("database", "memory", "redis")

# RFC 6265 §4.1.1: the name of a cookie is a token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 3986 §2.3: what stands for itself in a path; patterns of routes give no meaning to it.
_STATIC_URL = re.compile(r"(?:https?://[\w.:\[\]-]+/|/[\w.~-]+/)(?:[\w.~-]+/)*", re.ASCII)

_HEALTH_PATH = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)

# BCP 47: language, script, region and variants, as directories of catalogues have them.
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")

_WANTED: Mapping[type, str] = {
    bool: "must be true or false, without quotes",
    int: "must be a whole number",
    float: "must be a number",
    str: "must be text, in quotes",
    list: "must be a list",
    dict: "must be a mapping",
}


def fit(value: object, like: Any) -> Any:
    """Convert a value of `settings.py` or of a file to the type of the default.

    A path becomes text, a tuple a list, and a number in quotes that number; nothing else is
    converted. Lists and mappings are copied.

    Args:
        value: The value.
        like: The default.

    Raises:
        ValueError: The value has another type; the message states the expected one.
    """
    kind = type(like)
    if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return kind(value)
    if kind is str and isinstance(value, os.PathLike):
        return str(value)
    if kind is list and isinstance(value, tuple):
        return list(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float) and isinstance(value, str):
        return parse_text(value, like)
    raise ValueError(_WANTED[kind])


def check(name: str, value: object) -> None:
    """Validate the value of a setting.

    Args:
        name: Name of the setting.
        value: The value, which already has the type of the default.

    Raises:
        ValueError: The value is not valid; the message states the rule and a hint.
    """
    rule = VALIDATORS.get(name)
    if rule is not None:
        rule(value)


def logging_level(name: str) -> int:
    """Return the number of a logging level by its name, in any case.

    Raises:
        ValueError: The level does not exist; the message lists all, with a suggestion.

    Example:
        >>> logging_level("info")
        20
    """
    levels = logging.getLevelNamesMapping()
    if name.upper() in levels:
        return levels[name.upper()]
    raise ValueError(known_names(name.upper(), levels))


def _level(value: str) -> None:
    if value:
        logging_level(value)


def _time_zone(value: str) -> None:
    zone_of(value)


def _language(value: str) -> None:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(
            f"{value!r} is not the tag of a language; write 'de', 'pt-BR' or 'zh-Hans'"
        )


def _languages(value: list[Any]) -> None:
    _texts(value)
    for code in value:
        _language(code)


def _attribute(value: str) -> None:
    if value and not value.isidentifier():
        raise ValueError("must be the name of an attribute of users, or empty")


def _port(value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError("must be a port: 0 to 65535")


def _database_url(value: str) -> None:
    if value:
        try:
            database_uri({"DATABASE_URL": value})
        except ValueError as error:
            raise ValueError(str(error).replace("DATABASE_URL", "it")) from None


def _broker_url(value: str) -> None:
    if value and not value.startswith(("amqp://", "amqps://", "redis://", "rediss://")):
        raise ValueError("must begin with amqp://, amqps://, redis:// or rediss://")


def _positive(value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError("must be greater than 0")


def _not_negative(value: int) -> None:
    if value < 0:
        raise ValueError("must be 0 or more")


def _server(value: str) -> None:
    if value not in SERVERS:
        raise ValueError(known_names(value, SERVERS))


def _session_store(value: str) -> None:
    # What has a dot is the name of a class, which is looked for when the store is built.
    if value not in SESSION_STORES and "." not in value:
        raise ValueError(known_names(value, SESSION_STORES, "the dotted name of a class"))


def _cookie_name(value: str) -> None:
    if not _TOKEN.fullmatch(value):
        raise ValueError("must be the name of a cookie: letters, digits, '-' and '_'")


def _login_url(value: str) -> None:
    if value:
        _redirect_url(value)


def _mail_address(value: str) -> None:
    if "@" not in value or not value.isprintable():
        raise ValueError("must be an email address, such as shop@example.com")


def _envelope_address(value: str) -> None:
    if value and mailed_address(value) is None:
        raise ValueError("must be an email address without a name, such as bounces@example.com")


def _redirect_url(value: str) -> None:
    if not value.startswith(("/", "https://", "http://")):
        raise ValueError('must be a path such as "/accounts/sign-in/", or a URL')


def _keys(value: list[Any]) -> None:
    _texts(value)
    if any(len(key) < SECRET_KEY_LENGTH for key in value):
        raise ValueError(f"each key must have {SECRET_KEY_LENGTH} characters at least")


def _one_of(*names: str) -> Callable[[str], None]:
    def rule(value: str) -> None:
        if value not in names:
            raise ValueError(known_names(value, names))

    return rule


def _texts(value: list[object]) -> None:
    wrong = [item for item in value if not isinstance(item, str)]
    if wrong:
        raise ValueError("must be a list of texts")


# Browsers send the credentials of these by themselves, also with requests that other sites make.
AMBIENT_SCHEMES = ("basic", "digest", "negotiate", "ntlm")


def _schemes(value: list[object]) -> None:
    _texts(value)
    for scheme in map(str, value):
        if not _TOKEN.fullmatch(scheme):
            raise ValueError(
                f"{scheme!r} is not the name of an authentication scheme, such as 'Bearer'"
            )
        if scheme.lower() in AMBIENT_SCHEMES:
            raise ValueError(
                f"{scheme!r} is not a scheme of tokens: browsers send it by themselves"
            )


def _callables(value: list[object]) -> None:
    if not all(callable(item) or (isinstance(item, str) and "." in item) for item in value):
        raise ValueError(
            "must be a list of functions or classes, or of their dotted names, such as "
            "'lback.security.CommonPasswordValidator'"
        )


def _paths(value: list[object]) -> None:
    if not all(isinstance(item, (str, os.PathLike)) for item in value):
        raise ValueError("must be a list of texts or paths")


def _prefixes(value: list[Any]) -> None:
    _texts(value)
    for prefix in value:
        if not prefix.startswith("/"):
            raise ValueError(f"{prefix!r} is not a path; write '/{prefix}'")


def _static_url(value: str) -> None:
    if not _STATIC_URL.fullmatch(value):
        raise ValueError(
            "must be a path such as '/static/', or a URL such as 'https://cdn.example.com/', "
            "and end with a slash"
        )


def _media_url(value: str) -> None:
    if value:
        _static_url(value)


def _health_path(value: str) -> None:
    if value and not _HEALTH_PATH.fullmatch(value):
        raise ValueError(
            "must be a path such as '/health', without a slash at its end, or empty for no checks"
        )


def _not_empty(value: str) -> None:
    if not value:
        raise ValueError("must not be empty")


def _hosts(value: list[Any]) -> None:
    _texts(value)
    for host in value:
        name, _, port = host.removeprefix(".").lower().partition(":")
        if name[:1] == "[":
            name, _, port = host.lower().partition("]:")
            name += "]" if port else ""
        is_port = not port or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
        if host != "*" and not (host_name(name) == name and is_port and host[-1:] != ":"):
            raise ValueError(
                f"{host!r} is not a host name; write example.com, .example.com for its subdomains "
                "as well, 192.0.2.1 or [2001:db8::1], without scheme; example.com:8443 allows that "
                "port alone"
            )


def _networks(value: list[Any]) -> None:
    _texts(value)
    for network in value:
        try:
            if network != UNIX_SOCKET:
                ip_network(network, strict=False)
        except ValueError:
            raise ValueError(
                f"{network!r} is not an address or a network; write 192.0.2.1 or 10.0.0.0/8, "
                f"or {UNIX_SOCKET!r} for a proxy behind a Unix socket"
            ) from None


_SIZES = (
    "MAX_REQUEST_BODY_SIZE",
    "MAX_UPLOAD_MEMORY_SIZE",
    "MAX_FORM_FIELDS",
    "MAX_FORM_FILES",
    "MAX_FORM_FIELD_SIZE",
    "MAX_PART_HEADER_SIZE",
    "MAX_JSON_DEPTH",
    "MAX_QUERY_PARAMS",
    "MAX_URL_SIZE",
    "MAX_COOKIE_SIZE",
    "SESSION_LIFETIME",
    "SESSION_IDLE_TIMEOUT",
    "THREADS",
    "SHUTDOWN_TIMEOUT",
    "CLIENT_TIMEOUT",
    "MIN_PASSWORD_LENGTH",
    "LOGIN_ATTEMPTS_PER_ACCOUNT",
    "LOGIN_ATTEMPTS_PER_ADDRESS",
    "LOGIN_ATTEMPTS_SECONDS",
    "JWT_ACCESS_SECONDS",
    "JWT_REFRESH_SECONDS",
    "DB_CONNECT_TIMEOUT",
    "DB_POOL_TIMEOUT",
    "DB_LOCK_TIMEOUT",
    "REDIS_TIMEOUT",
    "TASK_RETENTION",
    "MAX_UPLOAD_SIZE",
    "REALTIME_HISTORY_SECONDS",
    "REALTIME_HISTORY_MESSAGES",
    "REALTIME_MESSAGE_BYTES",
    "REALTIME_PROCESSES",
    "REALTIME_CONNECTIONS",
    "REALTIME_RECEIVE_BYTES",
    "REALTIME_THREADS",
)

VALIDATORS: Mapping[str, Callable[[Any], None]] = {
    "ALLOWED_HOSTS": _hosts,
    "TRUSTED_PROXIES": _networks,
    "INSTALLED_APPS": _texts,
    "API_PREFIXES": _prefixes,
    "API_WEBHOOKS": _texts,
    "API_VERSION": _not_empty,
    "API_DOCS_ACCESS": _one_of("staff", "users", "public"),
    "SILENCED_CHECKS": _texts,
    "PASSWORD_VALIDATORS": _callables,
    "PASSWORD_WORDS": _texts,
    "TEMPLATE_DIRS": _paths,
    "STATIC_URL": _static_url,
    "STATICFILES_DIRS": _paths,
    "STATIC_ROOT": _not_empty,
    "DB_PORT": _port,
    "DATABASE_DIRECT_URL": _database_url,
    "DB_STATEMENT_TIMEOUT": _not_negative,
    "TIME_ZONE": _time_zone,
    "TIME_ZONE_USER_ATTRIBUTE": _attribute,
    "LANGUAGE": _language,
    "LANGUAGES": _languages,
    "MESSAGES_LANGUAGE": _language,
    "LANGUAGE_COOKIE_NAME": _cookie_name,
    "LANGUAGE_USER_ATTRIBUTE": _attribute,
    "LOGGING_LEVEL": _level,
    "PORT": _port,
    "SERVER": _server,
    "WORKERS": _not_negative,
    "CLOCK_TOLERANCE": _not_negative,
    "HEALTH_PATH": _health_path,
    "DRAIN_SECONDS": _not_negative,
    "WORKER_MAX_REQUESTS": _not_negative,
    "WORKER_MAX_MEMORY": _not_negative,
    "SESSION_COOKIE_NAME": _cookie_name,
    "SECRET_KEY_FALLBACKS": _keys,
    "SESSION_STORE": _session_store,
    "LOGIN_URL": _login_url,
    "LOGIN_REDIRECT_URL": _redirect_url,
    "LOGOUT_REDIRECT_URL": _redirect_url,
    "MAIL_BACKEND": _one_of("", "smtp", "console", "file", "memory", "none"),
    "MAIL_PORT": _port,
    "MAIL_SECURITY": _one_of("starttls", "tls", "none"),
    "MAIL_FROM": _mail_address,
    "MAIL_ENVELOPE_SENDER": _envelope_address,
    "TASKS": _one_of("", "database", "dramatiq", "immediate"),
    "TASK_BROKER_URL": _broker_url,
    "REALTIME": _one_of("", "database", "redis", "memory"),
    "LOGIN_ATTEMPTS_STORE": _one_of("database", "redis", "memory"),
    "BEARER_SCHEMES": _schemes,
    "JWT_ALGORITHM": _one_of("HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "Ed25519"),
    **dict.fromkeys(_SIZES, _positive),
    "CACHES": check_caches,
    "MEDIA_ROOT": _not_empty,
    "MEDIA_URL": _media_url,
    "STORAGES": check_storages,
    **SECURITY_VALIDATORS,
}
