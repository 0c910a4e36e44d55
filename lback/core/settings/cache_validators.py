"""Validates the setting CACHES: the caches of an application by name, with their backends."""

from collections.abc import Iterable, Mapping
from typing import Any

from lback.core.exceptions import known_names

DEFAULT_CACHE = "default"
# Options by backend.
_BACKENDS: Mapping[str, tuple[str, ...]] = {
    "memory": ("max_entries",),
    "redis": ("url", "prefix", "timeout", "serializer"),
}
_URL_SCHEMES = ("redis://", "rediss://", "unix://")
MAX_ENTRIES = 10_000
# Allowed types by option.
_OPTIONS: Mapping[str, tuple[type, ...]] = {
    "backend": (str,),
    "max_entries": (int,),
    "url": (str,),
    "prefix": (str,),
    "timeout": (int, float),
    "serializer": (str,),
}


def check_caches(value: Mapping[str, object]) -> None:
    """Validate CACHES. No message shows a URL, which may contain a password.

    Raises:
        ValueError: The value is not valid; the message states the rule and a hint.
    """
    for name, entry in value.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} is not a cache name: it must be text")
        if not isinstance(entry, Mapping):
            raise ValueError(f"{name!r} must be a mapping, such as {{'backend': 'redis'}}")
        _check_entry(name, entry)


def _check_entry(name: str, entry: Mapping[str, Any]) -> None:
    for option, given in entry.items():
        _check_option(name, option, given)
    backend = entry.get("backend", "memory")
    if backend not in _BACKENDS:
        rule = known_names(backend, _BACKENDS)
        raise ValueError(f"the backend {backend!r} of {name!r} {rule}")
    foreign = [option for option in entry if option not in ("backend", *_BACKENDS[backend])]
    if foreign:
        raise ValueError(
            f"{name!r} is kept in {backend} and takes no {_list(foreign)}; "
            f"known: {_list(_BACKENDS[backend])}"
        )


def _check_option(name: str, option: Any, given: object) -> None:
    kinds = _OPTIONS.get(option)
    if kinds is None:
        rule = known_names(str(option), _OPTIONS)
        raise ValueError(f"the option {option!r} of {name!r} {rule}")
    if not isinstance(given, kinds) or isinstance(given, bool):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{option!r} of {name!r} must be {wanted}")
    if isinstance(given, (int, float)) and given <= 0:
        raise ValueError(f"the {option} of {name!r} must be greater than 0")
    if option == "url" and not str(given).startswith(_URL_SCHEMES):
        raise ValueError(f"the url of {name!r} must begin with {' or '.join(_URL_SCHEMES)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
