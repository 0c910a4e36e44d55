"""Builds the SQLAlchemy URL of the database from DATABASE_URL or the DB_… settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lback.core.exceptions import known_names

ENGINES = {
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
# The driver is always named: the default driver differs between SQLAlchemy releases.
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_QUERIES = {"mysql": "?charset=utf8mb4"}


def database_uri(settings: Mapping[str, Any]) -> str:
    """Return the URI from `DATABASE_URL`, else from `DB_ENGINE` and the other `DB_…` settings.

    Raises:
        ValueError: The engine is unknown, or a credential is missing. The message never contains
            a secret.

    Example:
        >>> database_uri({"DATABASE_URL": "postgres://ada@db.example/shop"})
        'postgresql+psycopg://ada@db.example/shop'
    """
    url = settings.get("DATABASE_URL") or ""
    if url:
        return _with_driver(url)
    engine = ENGINES.get(str(settings.get("DB_ENGINE", "")).lower())
    if engine is None:
        raise ValueError(
            f"DB_ENGINE {settings.get('DB_ENGINE')!r} "
            f"{known_names(str(settings.get('DB_ENGINE')).lower(), sorted(ENGINES))}"
        )
    if engine == "sqlite":
        return _sqlite_uri(str(settings.get("DB_NAME") or ""), settings.get("PROJECT_ROOT") or "")
    missing = [n for n in ("DB_NAME", "DB_USER", "DB_HOST") if not settings.get(n)]
    if missing:
        raise ValueError(f"DB_ENGINE {engine!r} needs {', '.join(missing)}, or DATABASE_URL")
    return (
        f"{DRIVERS[engine]}://{_credentials(settings)}@{_address(settings)}"
        f"/{_quoted(settings['DB_NAME'])}{_QUERIES.get(engine, '')}"
    )


def _with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("DATABASE_URL is not a URL; write postgresql://user:password@host/name")
    name, plus, _ = scheme.lower().partition("+")
    if name not in ENGINES:
        # Only the beginning is shown: the rest of the URL may contain a password.
        raise ValueError(
            f"DATABASE_URL begins with {scheme[:40]!r}, which {known_names(name, ENGINES)}"
        )
    engine = ENGINES[name]
    if plus or engine == "sqlite":
        return url
    query = _QUERIES.get(engine, "") if "?" not in rest else ""
    return f"{DRIVERS[engine]}://{rest}{query}"


def _sqlite_uri(name: str, root: str) -> str:
    if not name:
        raise ValueError("DB_ENGINE 'sqlite' needs DB_NAME, a file or ':memory:'")
    if name == ":memory:":
        return "sqlite://"
    return f"sqlite:///{Path(root) / name if root else name}"


def _credentials(settings: Mapping[str, object]) -> str:
    password = settings.get("DB_PASSWORD")
    user = _quoted(settings["DB_USER"])
    return f"{user}:{_quoted(password)}" if password else user


def _address(settings: Mapping[str, object]) -> str:
    host, port = str(settings["DB_HOST"]), settings.get("DB_PORT")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{host}:{port}" if port else host


def _quoted(text: object) -> str:
    return quote(str(text), safe="")


def masked(uri: str) -> str:
    """Return a URI with its password masked, for messages and logs.

    Example:
        >>> masked("postgresql://ada:secret@db.example/shop")
        'postgresql://ada:***@db.example/shop'
    """
    scheme, separator, rest = uri.partition("://")
    credentials, at, address = rest.rpartition("@")
    if not separator or not at:
        return uri
    user, colon, _ = credentials.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{address}"
