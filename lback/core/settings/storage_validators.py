"""Validates the setting STORAGES: the storages of an application by name, with their backends."""

import re
from collections.abc import Iterator, Mapping

from lback.core.exceptions import known_names

DEFAULT_STORAGE = "default"
_COMMON = {"backend": str, "public": bool, "url_seconds": int, "read_only": bool}
# Options by backend, with their types.
BACKENDS: Mapping[str, Mapping[str, type]] = {
    "folder": {"path": str, "mode": int, "accel_redirect": str, "sendfile": bool},
    "memory": {},
    "s3": {
        "bucket": str,
        "endpoint": str,
        "region": str,
        "access_key_id": str,
        "secret_access_key": str,
        "prefix": str,
        "public_url": str,
        "timeout": float,
        "retries": int,
    },
}
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_WEEK = 604_800


def check_storages(value: Mapping[str, object]) -> None:
    """Validate STORAGES. No message shows a value, which may be a key.

    Raises:
        ValueError: The value is not valid; the message states all problems.
    """
    problems = [problem for name, entry in value.items() for problem in _problems(name, entry)]
    if problems:
        raise ValueError("; ".join(problems))


def _problems(name: object, entry: object) -> Iterator[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"{name!r} is not a storage name: use lower-case letters, digits, '-' and '_'"
    if not isinstance(entry, Mapping):
        yield f"{name!r} must be a mapping, such as {{'backend': 'folder', 'path': 'media'}}"
        return
    backend = entry.get("backend", "folder")
    if backend not in BACKENDS:
        yield f"the backend {backend!r} of {name!r} {known_names(str(backend), BACKENDS)}"
        return
    options = {**_COMMON, **BACKENDS[backend]}
    for option, given in entry.items():
        if option not in options:
            rule = known_names(str(option), options)
            yield f"the option {option!r} of {name!r} {rule} for the backend {backend!r}"
        else:
            yield from _wrong_value(name, option, given, options[option])
    if backend == "s3":
        yield from _missing_of_s3(name, entry)
    if entry.get("accel_redirect") and entry.get("sendfile"):
        yield f"{name!r} has both 'accel_redirect' and 'sendfile'; choose one"


def _wrong_value(name: object, option: str, given: object, kind: type) -> Iterator[str]:
    is_number = kind is float and isinstance(given, int)
    if not (isinstance(given, kind) or is_number) or isinstance(given, bool) != (kind is bool):
        yield f"{option!r} of {name!r} must be {kind.__name__}"
        return
    rule = _RULES.get(option)
    if rule is not None and not rule[0].fullmatch(str(given)):
        yield f"{option!r} of {name!r} {rule[1]}"
    if option == "url_seconds" and not 1 <= int(str(given)) <= _WEEK:
        yield f"'url_seconds' of {name!r} must be between 1 and {_WEEK}, which are 7 days"
    if option == "timeout" and float(str(given)) <= 0:
        yield f"'timeout' of {name!r} must be greater than 0"


_URL = re.compile(r"https?://[^\s?#@]+")
_RULES = {
    "endpoint": (_URL, "must be a URL such as 'https://s3.example.com'"),
    "public_url": (_URL, "must be a URL such as 'https://cdn.example.com/media'"),
    "bucket": (re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "must be the name of a bucket"),
    "accel_redirect": (
        re.compile(r"/[\w./-]*/|/", re.ASCII),
        "must be a path that begins and ends with a slash, such as '/stored-files/'",
    ),
    "retries": (re.compile(r"\d+"), "must be 0 or more"),
}


def _missing_of_s3(name: object, entry: Mapping[object, object]) -> Iterator[str]:
    if not entry.get("bucket"):
        yield f"{name!r} needs the option 'bucket'"
    if bool(entry.get("access_key_id")) != bool(entry.get("secret_access_key")):
        yield f"{name!r} needs both 'access_key_id' and 'secret_access_key', or neither of them"
