"""Content negotiation: the weights of `Accept` and `Accept-Encoding` (RFC 9110 section 12)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

_ZERO_TO_ONE = re.compile(r"(?:0?\.[0-9]{0,3}|[01](?:\.[0-9]{0,3})?)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*+\"")
_JSON = re.compile(r"application/(?:json|[^;*\s]*\+json)")


@lru_cache(256)  # browsers and programs send the same few
def weights(field: str) -> Mapping[str, float]:
    """Return the members of an `Accept…` field in lower case, each with its weight from 0 to 1.

    Parameters other than the weight are ignored. A malformed weight counts as 1.

    Example:
        >>> dict(weights("text/html, application/json;q=0.5"))
        {'text/html': 1.0, 'application/json': 0.5}
    """
    found: dict[str, float] = {}
    # A comma or semicolon inside quotes separates nothing.
    for member in _QUOTED.sub("", field).split(","):
        name, *parameters = (part.strip(" \t").lower() for part in member.split(";"))
        if name:
            found[name] = max(_weight(parameters), found.get(name, 0.0))
    return MappingProxyType(found)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip(" \t") == "q" and _ZERO_TO_ONE.fullmatch(value.strip(" \t")):
            return min(float(value), 1.0)
    return 1.0


def accepted_codings(field: str, offered: tuple[str, ...]) -> list[str]:
    """Return the content codings that a client accepts and does not rank below `identity`.

    Args:
        field: The `Accept-Encoding` field.
        offered: Names of codings, in lower case.

    Example:
        >>> accepted_codings("gzip, br;q=0", ("br", "gzip"))
        ['gzip']
    """
    found = weights(field)
    others = found.get("*", 0.0)
    plain = found.get("identity", 0.0)
    taken = {name: found.get(name, found.get(f"x-{name}", others)) for name in offered}
    return [name for name, weight in taken.items() if weight > 0 and weight >= plain]


@lru_cache(256)
def preferred_coding(field: str, offered: tuple[str, ...]) -> str | None:
    """Return the content coding that a client prefers; None if it prefers none of the offered.

    Args:
        field: The `Accept-Encoding` field.
        offered: Names of codings in lower case; the first one wins among equal weights.

    Example:
        >>> preferred_coding("gzip, zstd;q=0.5", ("zstd", "gzip"))
        'gzip'
    """
    found = weights(field)
    accepted = accepted_codings(field, offered)
    return max(accepted, key=lambda name: found.get(name, found.get("*", 0.0)), default=None)


@lru_cache(256)
def prefers_json(field: str) -> bool:
    """Return True if an `Accept` field names JSON and does not prefer HTML.

    `application/json`, `application/…+json` and `application/*` count as JSON. HTML is preferred
    if it is named with at least the same weight, or if `*/*` has a greater one.

    Example:
        >>> prefers_json("application/json, text/plain"), prefers_json("text/html, */*")
        (True, False)
    """
    found = weights(field)
    named = [weight for name, weight in found.items() if _JSON.fullmatch(name)]
    json = max(named, default=found.get("application/*", 0.0))
    anything = max(found.get("*/*", 0.0), found.get("*", 0.0))
    return json > page_weight(field) and json >= anything


def page_weight(field: str) -> float:
    """Return the weight of HTML in an `Accept` field, or 0 if it does not name HTML."""
    found = weights(field)
    return max(found.get("text/html", 0.0), found.get("application/xhtml+xml", 0.0))
