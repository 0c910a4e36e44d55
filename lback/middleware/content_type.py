"""Parse `Content-Type`: media type, parameters and charset (RFC 9110 section 8.3)."""

import re
from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache
from types import MappingProxyType

from lback.core.exceptions import BadRequest, HTTPException

# RFC 9110 section 5.6.6, and unquoted values that should have been quoted. Possessive
# quantifiers keep the cost linear in the length of the field.
_PARAMETER = re.compile(
    r"[ \t]*+;[ \t]*+"
    r"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(\"(?:[^\"\\]|\\.)*+\"|(?:[^\s;,\"]|,(?=[^\s;,\"]))++))?+"
    r"[ \t]*+"
)
_QUOTED_PAIR = re.compile(r"\\(.)")
# Python's names of encodings in which ASCII bytes are ASCII. Others, such as UTF-16 and UTF-7,
# would let a body mean something that a firewall in front did not see.
_SUPERSETS_OF_ASCII = frozenset(
    {
        "latin_1", "mac_roman", "koi8_r", "koi8_u", "tis_620", "shift_jis", "cp932", "euc_jp",
        "euc_kr", "cp949", "gb2312", "gbk", "gb18030", "big5", "big5hkscs",
        *(f"iso8859_{number}" for number in range(2, 17)),
        *(f"cp{number}" for number in range(1250, 1259)),
    }
)  # fmt: skip
_UTF_8 = frozenset({"utf_8", "ascii", "utf_8_sig"})
_LONGEST_LABEL = 40


# Clients send the same few values; the bound keeps others from filling the memory.
_KEPT = 256


@lru_cache(_KEPT)
def media_type(field: str) -> str:
    """Return the media type of a field in lower case, without its parameters.

    Example:
        >>> from lback.middleware.content_type import media_type
        >>> media_type("Text/HTML; charset=UTF-8")
        'text/html'
    """
    return field.partition(";")[0].strip(" \t").lower()


@lru_cache(_KEPT)
def parameters(field: str) -> Mapping[str, str]:
    """Return the parameters of a field; names are in lower case.

    Raises:
        BadRequest: The parameters are malformed, or one occurs twice.

    Example:
        >>> from lback.middleware.content_type import parameters
        >>> parameters('multipart/form-data; boundary="a b"')["boundary"]
        'a b'
    """
    found: dict[str, str] = {}
    position = len(field.partition(";")[0])
    while position < len(field):
        parameter = _PARAMETER.match(field, position)
        if parameter is None:
            raise BadRequest("Content-Type is malformed; send type/subtype; name=value")
        position = parameter.end()
        name, value = parameter.groups()
        if name is None:
            continue
        if name.lower() in found:
            raise BadRequest("Content-Type has the same parameter twice")
        quoted = value.startswith('"')
        found[name.lower()] = _QUOTED_PAIR.sub(r"\1", value[1:-1]) if quoted else value
    return MappingProxyType(found)


@lru_cache(_KEPT)
def codec_of(charset: str | None) -> str | None:
    """Return Python's codec name for a charset label, or None if it is not supported.

    UTF-8 is used for ASCII and if there is no label. The label is only looked up in a table,
    so that a client cannot have modules imported.

    Example:
        >>> from lback.middleware.content_type import codec_of
        >>> codec_of("ISO-8859-1")
        'latin_1'
        >>> codec_of("UTF-16") is None
        True
    """
    if charset is None:
        return "utf-8"
    if len(charset) > _LONGEST_LABEL or not charset.isascii():
        return None
    label = normalize_encoding(charset.strip().lower())
    codec = aliases.get(label, label)
    if codec in _UTF_8:
        return "utf-8"
    return codec if codec in _SUPERSETS_OF_ASCII else None


def require_codec(charset: str | None, what: str) -> str:
    """Return the codec of a charset label, or refuse the request; see `codec_of`.

    Args:
        charset: Charset label of the client. None means UTF-8.
        what: The text in this charset, for the message: "the body" or "field 'name'".

    Raises:
        HTTPException: 415, the charset is unknown or not a superset of ASCII.
    """
    codec = codec_of(charset)
    if codec is None:
        raise HTTPException(f"{what} is in {(charset or '')[:40]!r}; send UTF-8", 415)
    return codec
