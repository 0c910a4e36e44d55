"""Strict JSON parsing of request bodies (RFC 8259, and I-JSON rules of RFC 7493)."""

import json
from array import array
from codecs import BOM_UTF8
from itertools import accumulate
from typing import Any

import msgspec

from lback.core.exceptions import BadRequest

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

# Map opening brackets to 1 and closing ones to -1 (signed bytes); drop everything else.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(octet for octet in range(256) if octet not in b"[{]}")
_ALL_BUT_OPENINGS = bytes(octet for octet in range(256) if octet not in b"[{")


def parse_json(body: bytes, max_depth: int) -> Any:
    """Parse one JSON text.

    Refused are NaN and infinities, numbers beyond the range of a float, integers of more than
    4,300 digits, lone surrogates, invalid UTF-8, and duplicate names in an object, because
    parsers differ in which of them they use.

    Args:
        body: JSON text in UTF-8; a byte order mark is ignored (RFC 8259 section 8.1).
        max_depth: Maximum nesting of arrays and objects.

    Returns:
        The value, of dicts, lists, text, numbers, booleans and None.

    Raises:
        BadRequest: The body is not valid JSON or breaks one of these rules.

    Example:
        >>> from lback.core.http.json_decoding import parse_json
        >>> parse_json(b'{"tags": ["new"]}', max_depth=10)
        {'tags': ['new']}
    """
    body = body.removeprefix(BOM_UTF8)
    openings = len(body.translate(None, _ALL_BUT_OPENINGS))
    if openings > max_depth and _depth(_without_strings(body)) > max_depth:
        raise BadRequest(f"the JSON is nested deeper than {max_depth} levels (MAX_JSON_DEPTH)")
    try:
        value = _decode(body)
        # Encoded again, it has fewer quotes if the decoder dropped a duplicate name.
        again = _written(value)
    except RecursionError as error:  # MAX_JSON_DEPTH exceeds the limit of the interpreter
        raise BadRequest("the JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(_reason(body, error)) from error
    if body == again:  # compact JSON, as programs write it
        return value
    if b"\\" in body:
        body, again = _without_escapes(body), _without_escapes(again)
    if body.count(b'"') != again.count(b'"'):
        raise BadRequest("the JSON has an object with the same name twice")
    return value


def _reason(body: bytes, error: Exception) -> str:
    """Return the reason for a refusal; msgspec's exceptions for invalid UTF-8 differ."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return "the JSON is not valid UTF-8"
    return f"the body is not valid JSON: {error}"


def _written(value: object) -> bytes:
    try:
        return _encode(value)
    except OverflowError:  # an integer of more than 64 bits
        return json.dumps(value).encode()


def _without_escapes(body: bytes) -> bytes:
    """Remove escaped backslashes and quotes, so that each remaining quote delimits a string."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _without_strings(body: bytes) -> bytes:
    """Return the text outside of strings, assuming valid JSON."""
    return b"".join(_without_escapes(body).split(b'"')[::2])


def _depth(frame: bytes) -> int:
    steps = array("b", frame.translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0)


def is_shallow(body: bytes, max_depth: int) -> bool:
    """Return True if a JSON text cannot be nested deeper than a limit, judged by its brackets.

    Args:
        body: JSON text.
        max_depth: The limit; see `parse_json`.
    """
    return len(body) <= max_depth or len(body.translate(None, _ALL_BUT_OPENINGS)) <= max_depth
