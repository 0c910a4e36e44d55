"""A JSON body: what RFC 8259 leaves open is closed before anybody sees a value."""

from array import array
from itertools import accumulate
from typing import Any

import msgspec

from lback.core.exceptions import BadRequest

_decode = msgspec.json.Decoder().decode

# Opening brackets become 1 and closing ones -1, as signed bytes; all else goes.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(octet for octet in range(256) if octet not in b"[{]}")


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
    frame = _without_strings(body)
    if frame.count(b"[") + frame.count(b"{") > max_depth and _depth(frame) > max_depth:
        raise BadRequest(f"the JSON nests deeper than {max_depth} levels (MAX_JSON_DEPTH)")
    try:
        value = _decode(body)
    except UnicodeDecodeError as error:
        raise BadRequest("the JSON is no UTF-8") from error
    except RecursionError as error:  # MAX_JSON_DEPTH is beyond what the interpreter can do
        raise BadRequest("the JSON nests too deep") from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from error
    # Outside strings, each colon of a JSON text stands behind a name.
    if frame.count(b":") != _members(value):
        raise BadRequest("the JSON has an object with the same name twice")
    return value


def _without_strings(body: bytes) -> bytes:
    """Return what stands outside strings, as far as the text is JSON.

    A backslash is legal in strings alone, so escapes can go first; what is left of quotes
    begins and ends a string in turn.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(body.split(b'"')[::2])


def _depth(frame: bytes) -> int:
    steps = array("b", frame.translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps))


def _members(value: Any) -> int:
    """Count the members of all objects in a value."""
    count, pending = 0, [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            count += len(node)
            node = node.values()
        elif not isinstance(node, list):
            continue
        pending += [child for child in node if child.__class__ is dict or child.__class__ is list]
    return count
