"""The `Content-Type` field: a media type and its parameters, each character read once."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from lback.core.exceptions import BadRequest, HTTPException

# RFC 9110 §5.6.6, and unquoted values that should have been quoted. Nothing is given back once
# it has been matched, so that no field costs more than its length.
_PARAMETER = re.compile(
    r"[ \t]*+;[ \t]*+"
    r"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(\"(?:[^\"\\]|\\.)*+\"|[^\s;,\"]++))?+[ \t]*+"
)
_QUOTED_PAIR = re.compile(r"\\(.)")
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


# The same few types come again and again; of the others, as many are kept as there is room for.
_KEPT = 256


@lru_cache(_KEPT)
def media_type(field: str) -> str:
    """Return the media type without its parameters, in lower case."""
    return field.partition(";")[0].strip(" \t").lower()


@lru_cache(_KEPT)
def parameters(field: str) -> Mapping[str, str]:
    """Return the parameters behind the media type, their names in lower case.

    Raises:
        BadRequest: They cannot be read, or one is there twice.
    """
    found: dict[str, str] = {}
    position = len(field.partition(";")[0])
    while position < len(field):
        parameter = _PARAMETER.match(field, position)
        if parameter is None:
            raise BadRequest("Content-Type cannot be read; write type/subtype; name=value")
        position = parameter.end()
        name, value = parameter.groups()
        if name is None:
            continue
        if name.lower() in found:
            raise BadRequest("Content-Type has a parameter twice")
        quoted = value.startswith('"')
        found[name.lower()] = _QUOTED_PAIR.sub(r"\1", value[1:-1]) if quoted else value
    return MappingProxyType(found)


@lru_cache(_KEPT)
def utf_8_parameters(field: str, what: str) -> Mapping[str, str]:
    """Return the parameters of a field whose text is UTF-8.

    Raises:
        BadRequest: As `parameters`.
        HTTPException: As `require_utf_8`.
    """
    found = parameters(field)
    require_utf_8(found.get("charset"), what)
    return found


def require_utf_8(charset: str | None, what: str) -> None:
    """Accept UTF-8, which ASCII is as well, and no other encoding.

    Raises:
        HTTPException: 415 for the others: to guess would be to garble.
    """
    if charset is not None and charset.lower() not in _UTF_8:
        raise HTTPException(f"{what} is in {charset[:40]!r}; send UTF-8", 415)
