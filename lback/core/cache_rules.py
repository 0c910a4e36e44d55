"""The rule of CACHES: which caches an application has, by name, and where each keeps its values."""

from collections.abc import Iterable, Mapping
from typing import Any

from lback.core.near_miss import did_you_mean

DEFAULT_CACHE = "default"
_BACKENDS = ("memory", "redis")
_URL_SCHEMES = ("redis://", "rediss://", "unix://")
# Option to the type it has; those but `backend` are for Redis.
_OPTIONS: Mapping[str, tuple[type, ...]] = {
    "backend": (str,),
    "url": (str,),
    "prefix": (str,),
    "timeout": (int, float),
    "serializer": (str,),
}


def check_caches(value: Mapping[str, Any]) -> None:
    """Hold CACHES against its rule; no message shows a URL, which may hold a password.

    Raises:
        ValueError: It breaks the rule; the message is the rule and the way out.
    """
    for name, entry in value.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} is no name of a cache: text, in quotes")
        if not isinstance(entry, Mapping):
            raise ValueError(f"{name!r} must be a mapping, such as {{'backend': 'redis'}}")
        _check_entry(name, entry)


def _check_entry(name: str, entry: Mapping[str, Any]) -> None:
    for option, given in entry.items():
        kinds = _OPTIONS.get(option)
        if kinds is None:
            hint = did_you_mean(str(option), _OPTIONS) or f"; known: {_list(_OPTIONS)}"
            raise ValueError(f"{name!r} has no option {option!r}{hint}")
        if not isinstance(given, kinds) or isinstance(given, bool):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"{option!r} of {name!r} must be {wanted}")
    backend = entry.get("backend", "memory")
    if backend not in _BACKENDS:
        hint = did_you_mean(backend, _BACKENDS) or f"; known: {_list(_BACKENDS)}"
        raise ValueError(f"{backend!r} is no backend of {name!r}{hint}")
    others = [option for option in entry if option != "backend"]
    if backend == "memory" and others:
        raise ValueError(
            f"{name!r} is kept in memory and takes no {_list(others)}; write backend redis"
        )
    if not str(entry.get("url", _URL_SCHEMES[0])).startswith(_URL_SCHEMES):
        raise ValueError(f"the url of {name!r} must begin with {' or '.join(_URL_SCHEMES)}")
    if entry.get("timeout", 1) <= 0:
        raise ValueError(f"the timeout of {name!r} must be greater than 0")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
