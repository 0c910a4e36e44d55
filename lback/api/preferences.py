"""The `Prefer` header field (RFC 7240): what a client would like and a server may ignore."""

import re

_PREFERENCE = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?\s*"
    r"(?:;(?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)?(?:,|$)"
)
_MAX_LENGTH = 1000


def preferences_of(field: str) -> dict[str, str]:
    """Return the preferences of a `Prefer` field by name; the first of a name counts.

    Malformed and very long fields have none, because a preference may always be ignored.

    Args:
        field: The field; several fields joined by commas.

    Example:
        >>> preferences_of('return=minimal; foo="a,b", respond-async, wait=10')
        {'return': 'minimal', 'respond-async': '', 'wait': '10'}
    """
    found: dict[str, str] = {}
    position = 0
    while 0 <= position < len(field) <= _MAX_LENGTH:
        match = _PREFERENCE.match(field, position)
        if match is None:
            return {}
        name, value = match[1].lower(), match[2] or ""
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(name, value)
        position = match.end()
    return found


def wanted_return(field: str | None) -> str:
    """Return "minimal" or "representation" if the client prefers one, else "".

    Args:
        field: The `Prefer` field, or None.

    Example:
        >>> wanted_return("return=minimal"), wanted_return("return=all"), wanted_return(None)
        ('minimal', '', '')
    """
    wanted = preferences_of(field).get("return", "") if field else ""
    return wanted if wanted in ("minimal", "representation") else ""
