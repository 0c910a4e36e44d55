"""Chooses the language of a request: prefix of the path, user, cookie, `Accept-Language`."""

from collections.abc import Sequence
from functools import lru_cache

from lback.core.http.accept import weights

# Characters of a field that is read; browsers send fewer than a hundred.
LONGEST_FIELD = 1000


@lru_cache(256)  # browsers send the same few
def preferred_language(field: str, codes: Sequence[str]) -> str | None:
    """Return the language that an `Accept-Language` field prefers, or None if it names none.

    A range such as "de-AT" also accepts "de" (RFC 4647 section 3.4), and "pt" also "pt-BR". A field
    of more than `LONGEST_FIELD` characters counts as none.

    Args:
        field: The `Accept-Language` field.
        codes: Tags of the languages that are there, as a tuple; the first one is for `*`.

    Example:
        >>> preferred_language("fr-CH, de;q=0.8, en;q=0.5", ("en", "de", "fr"))
        'fr'
    """
    if len(field) > LONGEST_FIELD:
        return None
    offered = {code.lower(): code for code in codes}
    found = weights(field)
    refused = {name for name, weight in found.items() if weight == 0}
    # Sorting keeps the order of equal weights.
    for name in sorted(found, key=lambda name: -found[name]):
        if found[name] == 0:
            break
        code = codes[0] if name == "*" else _match(name, offered)
        if code is not None and code.lower() not in refused:
            return code
    return None


def _match(name: str, offered: dict[str, str]) -> str | None:
    wanted = name
    while wanted:
        if wanted in offered:
            return offered[wanted]
        wanted = wanted.rpartition("-")[0]
    primary = name.partition("-")[0] + "-"
    return next((code for key, code in offered.items() if key.startswith(primary)), None)
