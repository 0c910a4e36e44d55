"""Conditional requests (RFC 9110 §13, §14): what the client has, and which part it wants."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_tz
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lback.core.response import Environ

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
# Longer ones are no date, and no single range of a file that exists: they are not looked into.
_MAX_DATE = 64
_MAX_RANGE = 64


def precondition_status(
    environ: "Environ", etag: str | None, last_modified: str | None
) -> int | None:
    """Return the status that the preconditions of a GET or HEAD end it with (RFC 9110 §13.2.2).

    Args:
        environ: The WSGI environ.
        etag: `ETag` of the resource as it would be sent.
        last_modified: `Last-Modified` of the resource as it would be sent.

    Returns:
        412, 304, or `None` where the resource is to be sent.
    """
    if_match = environ.get("HTTP_IF_MATCH")
    if if_match is not None:
        if not _names(if_match, etag, weak=False):
            return 412
    elif _is_newer(last_modified, environ.get("HTTP_IF_UNMODIFIED_SINCE")):
        return 412
    if_none_match = environ.get("HTTP_IF_NONE_MATCH")
    if if_none_match is not None:
        return 304 if _names(if_none_match, etag, weak=True) else None
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    return 304 if _is_newer(last_modified, since) is False else None


def wanted_range(
    environ: "Environ", size: int, etag: str | None, last_modified: str | None
) -> range | None:
    """Return the positions of the bytes that a GET asks for (RFC 9110 §13.1.5, §14.2).

    Several ranges, a malformed one, another unit and an `If-Range` that no longer holds all mean
    the whole, which a server may always send.

    Args:
        environ: The WSGI environ.
        size: Length of the whole in bytes.
        etag: `ETag` of the resource as it would be sent.
        last_modified: `Last-Modified` of the resource as it would be sent.

    Returns:
        `None` for the whole; an empty range where there are no such bytes (status 416).
    """
    field = environ.get("HTTP_RANGE")
    if field is None or not _if_range_holds(environ.get("HTTP_IF_RANGE"), etag, last_modified):
        return None
    return byte_range(field, size)


def byte_range(field: str, size: int) -> range | None:
    """Read a `Range` field against a length in bytes; returns as `wanted_range` does."""
    found = _ONE_RANGE.fullmatch(field) if len(field) <= _MAX_RANGE else None
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size) if last else None
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        return range(0)
    return range(start, min(int(last) + 1, size) if last else size)


def _suffix(length: int, size: int) -> range | None:
    if length and not size:
        return None  # all of nothing: there is no Content-Range that says so
    return range(max(size - length, 0), size)


def _names(field: str, etag: str | None, *, weak: bool) -> bool:
    """Tell whether a list of entity tags names this one, by weak or strong comparison."""
    if field.strip(" \t") == "*":
        return True
    if etag is None or (etag.startswith("W/") and not weak):
        return False
    opaque = etag.removeprefix("W/")
    return any(tag == opaque and (weak or not mark) for mark, tag in _ENTITY_TAG.findall(field))


def _if_range_holds(field: str | None, etag: str | None, last_modified: str | None) -> bool:
    """Tell whether the client's part is one of this very representation; if it asked at all."""
    if field is None:
        return True
    if field.startswith(('"', "W/")):
        return field == etag and not field.startswith("W/")
    return field == last_modified


def _is_newer(last_modified: str | None, field: str | None) -> bool | None:
    """Tell whether the resource changed after the date of the client; `None`: nobody knows."""
    modified, moment = _seconds(last_modified), _seconds(field)
    if modified is None or moment is None:
        return None
    return modified > moment


def _seconds(field: str | None) -> float | None:
    """Read an HTTP date, in any of its three forms; `None` for what is no date."""
    try:
        parsed = parsedate_tz(field) if field and len(field) <= _MAX_DATE else None
        if parsed is None:
            return None
        moment = datetime(*parsed[:6], tzinfo=UTC)
    except (ValueError, OverflowError, IndexError):  # of a year beyond 9999, and of odd texts
        return None
    return moment.timestamp() - (parsed[9] or 0)
