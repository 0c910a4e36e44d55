"""A JSON body: what RFC 8259 leaves open is closed before anybody sees a value."""

import json
from array import array
from codecs import BOM_UTF8
from itertools import accumulate
from typing import Any

import msgspec

from lback.core.exceptions import BadRequest

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

# Opening brackets become 1 and closing ones -1, as signed bytes; all else goes.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(octet for octet in range(256) if octet not in b"[{]}")
_ALL_BUT_OPENINGS = bytes(octet for octet in range(256) if octet not in b"[{")


def parse_json(body: bytes, max_depth: int) -> Any:
    """Read one JSON text.

    NaN and infinities, numbers beyond a float, integers of more than 4,300 digits, lone
    surrogates and bytes that are no UTF-8 are refused, and so is a name that comes twice in one
    object: what the one reads as the first, another reads as the last.

    Args:
        body: The text in UTF-8.
        max_depth: How many arrays and objects may lie in one another.

    Raises:
        BadRequest: It is no JSON, or breaks one of these rules.
    """
    body = body.removeprefix(BOM_UTF8)  # RFC 8259 section 8.1 lets a reader ignore it
    openings = len(body.translate(None, _ALL_BUT_OPENINGS))
    if openings > max_depth and _depth(_without_strings(body)) > max_depth:
        raise BadRequest(f"the JSON nests deeper than {max_depth} levels (MAX_JSON_DEPTH)")
    try:
        value = _decode(body)
        # Written again it has as many quotes as before, unless a name came twice.
        again = _written(value)
    except RecursionError as error:  # MAX_JSON_DEPTH is beyond what the interpreter can do
        raise BadRequest("the JSON nests too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(_reason(body, error)) from error
    if body == again:  # as programs write it, without blanks
        return value
    if b"\\" in body:
        body, again = _without_escapes(body), _without_escapes(again)
    if body.count(b'"') != again.count(b'"'):
        raise BadRequest("the JSON has an object with the same name twice")
    return value


def _reason(body: bytes, error: Exception) -> str:
    """Return why the body was refused, whichever exception msgspec raises for what is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return "the JSON is no UTF-8"
    return f"the body is no JSON: {error}"


def _written(value: Any) -> bytes:
    try:
        return _encode(value)
    except OverflowError:  # an integer of more than 64 bits
        return json.dumps(value).encode()


def _without_escapes(body: bytes) -> bytes:
    """Take out escaped backslashes and quotes; what is left of quotes begins and ends strings."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _without_strings(body: bytes) -> bytes:
    """Return what stands outside strings, as far as the text is JSON."""
    return b"".join(_without_escapes(body).split(b'"')[::2])


def _depth(frame: bytes) -> int:
    steps = array("b", frame.translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0)
