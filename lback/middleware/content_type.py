"""The `Content-Type` field: a media type and its parameters, each character read once."""

import re
from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache
from types import MappingProxyType

from lback.core.exceptions import BadRequest, HTTPException

# RFC 9110 §5.6.6, and unquoted values that should have been quoted. Nothing is given back once
# it has been matched, so that no field costs more than its length.
_PARAMETER = re.compile(
    r"[ \t]*+;[ \t]*+"
    r"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(\"(?:[^\"\\]|\\.)*+\"|(?:[^\s;,\"]|,(?=[^\s;,\"]))++))?+"
    r"[ \t]*+"
)
_QUOTED_PAIR = re.compile(r"\\(.)")
# Python's names of encodings in which ASCII bytes are ASCII. Others, such as UTF-16 and UTF-7,
# would give bytes a meaning that nothing else which looked at them saw.
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
def codec_of(charset: str | None) -> str | None:
    """Return the codec that decodes text with a charset label; None for one not read here.

    ASCII is part of UTF-8 and read as such, as is text without a label. The label is only
    looked up in a table: what a client names imports nothing.
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
    """Return the codec of a charset label; see `codec_of`.

    Args:
        charset: The label; None stands for UTF-8.
        what: What is in this charset, for the message.

    Raises:
        HTTPException: 415, the charset is unknown or no superset of ASCII.
    """
    codec = codec_of(charset)
    if codec is None:
        raise HTTPException(f"{what} is in {(charset or '')[:40]!r}; send UTF-8", 415)
    return codec
