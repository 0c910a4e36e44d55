"""Decode encoded parameters of `Content-Disposition` (RFC 8187, RFC 2231 and RFC 2047)."""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from urllib.parse import quote, unquote_to_bytes

from lback.middleware.content_type import codec_of

# A parameter. A backslash escapes only a quote or itself, because old browsers send paths.
_PARAMETER = re.compile(
    r";[ \t]*+([!#$%&'*+^_`|~0-9A-Za-z.-]++)[ \t]*+=[ \t]*+(\"(?:[^\"\\]|\\.)*+\"|[^;\"]*+)"
)
_QUOTED_PAIR = re.compile(r"\\([\"\\])")
_ENCODED_WORD = r"=\?[^\s?]++\?[BbQq]\?[^\s?]*+\?="
_ENCODED_WORDS = re.compile(rf"\s*+{_ENCODED_WORD}(?:\s*+{_ENCODED_WORD})*+\s*+")


def encoded_parameters(field: str) -> dict[str, str]:
    """Return the decoded `name` and `filename` of a `Content-Disposition` field.

    Only parameters in an encoded form are returned: `filename*` (RFC 8187), numbered pieces such
    as `filename*0` (RFC 2231 section 3) and encoded words (RFC 2047). Bytes that cannot be
    decoded become U+FFFD.

    Example:
        >>> from lback.middleware.content_disposition import encoded_parameters
        >>> encoded_parameters("form-data; filename*=UTF-8''na%C3%AFve.txt")
        {'filename': 'naïve.txt'}
    """
    if "*" not in field and "=?" not in field:
        return {}
    found = {name.lower(): _unquoted(value) for name, value in _PARAMETER.findall(field)}
    decoded = {}
    for name in ("name", "filename"):
        value = _extended(found.get(f"{name}*")) or _in_pieces(name, found)
        value = value or _encoded_words(found.get(name))
        if value is not None:
            decoded[name] = value
    return decoded


def has_name(field: str) -> bool:
    """Return True if a `Content-Disposition` field has a parameter `name`, even an empty one."""
    return any(name.lower() == "name" for name, _ in _PARAMETER.findall(field))


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return _QUOTED_PAIR.sub(r"\1", value[1:-1])
    return value.strip(" \t")


def _extended(value: str | None) -> str | None:
    """Decode `charset'language'percent-encoded` (RFC 8187 section 3.2)."""
    if value is None:
        return None
    charset, quoted, rest = value.partition("'")
    octets = unquote_to_bytes(rest.partition("'")[2] if quoted else value)
    return octets.decode((quoted and codec_of(charset)) or "utf-8", "replace")


def _in_pieces(name: str, found: dict[str, str]) -> str | None:
    pieces: list[str] = []
    while len(pieces) < len(found):
        label = f"{name}*{len(pieces)}"
        if f"{label}*" in found:
            pieces.append(found[f"{label}*"])
        elif label in found:
            pieces.append(quote(found[label]))
        else:
            break
    if not pieces:
        return None
    encoded = f"{name}*0*" in found
    return _extended("".join(pieces) if encoded else "''" + "".join(pieces))


def _encoded_words(value: str | None) -> str | None:
    if value is None or not _ENCODED_WORDS.fullmatch(value):
        return None
    try:
        words = decode_header(value)
    except HeaderParseError:  # invalid base64
        return None
    text = "".join(
        word if isinstance(word, str) else word.decode(codec_of(charset) or "utf-8", "replace")
        for word, charset in words
    )
    return text or None
