"""Conditional requests and range requests (RFC 9110 sections 13 and 14)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_tz
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lback.core.response import Environ

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
# Longer fields are not a date, nor a single range of an existing file: they are not parsed.
_MAX_DATE = 64
_MAX_RANGE = 64


def precondition_status(
    environ: "Environ", etag: str | None, last_modified: str | None
) -> int | None:
    """Evaluate the preconditions of a GET or HEAD request (RFC 9110 section 13.2.2).

    Args:
        environ: The WSGI environ.
        etag: Current `ETag` of the resource; `None` if it has none.
        last_modified: Current `Last-Modified` of the resource; `None` if it has none.

    Returns:
        412 (precondition failed), 304 (not modified), or `None` to send the resource.

    Example:
        >>> precondition_status({"HTTP_IF_NONE_MATCH": '"v1"'}, '"v1"', None)
        304
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
    """Return the byte range that a GET request asks for (RFC 9110 sections 13.1.5 and 14.2).

    Several ranges, a malformed range, another unit and an outdated `If-Range` are ignored: the
    whole resource is sent, which a server may always do.

    Args:
        environ: The WSGI environ.
        size: Length of the resource in bytes.
        etag: Current `ETag` of the resource; `None` if it has none.
        last_modified: Current `Last-Modified` of the resource; `None` if it has none.

    Returns:
        The positions of the bytes; an empty range if it cannot be satisfied (status 416); `None`
        to send the whole resource.
    """
    field = environ.get("HTTP_RANGE")
    if field is None or not _if_range_holds(environ.get("HTTP_IF_RANGE"), etag, last_modified):
        return None
    return byte_range(field, size)


def byte_range(field: str, size: int) -> range | None:
    """Parse a `Range` field (RFC 9110 section 14.2).

    Args:
        field: The field, such as "bytes=0-99".
        size: Length of the resource in bytes.

    Returns:
        As `wanted_range`.

    Example:
        >>> byte_range("bytes=0-99", 1000), byte_range("bytes=-100", 1000)
        (range(0, 100), range(900, 1000))
    """
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
        return None  # no Content-Range can describe a range of an empty resource
    return range(max(size - length, 0), size)


def _names(field: str, etag: str | None, *, weak: bool) -> bool:
    """Return True if a list of entity tags contains this one, by weak or strong comparison."""
    if field.strip(" \t") == "*":
        return True
    if etag is None or (etag.startswith("W/") and not weak):
        return False
    opaque = etag.removeprefix("W/")
    return any(tag == opaque and (weak or not mark) for mark, tag in _ENTITY_TAG.findall(field))


def _if_range_holds(field: str | None, etag: str | None, last_modified: str | None) -> bool:
    """Return True if there is no `If-Range` field or it matches the current representation."""
    if field is None:
        return True
    if field.startswith(('"', "W/")):
        return field == etag and not field.startswith("W/")
    return field == last_modified


def _is_newer(last_modified: str | None, field: str | None) -> bool | None:
    """Return True if the resource changed after the date of the client; `None` if unknown."""
    modified, moment = _seconds(last_modified), _seconds(field)
    if modified is None or moment is None:
        return None
    return modified > moment


def _seconds(field: str | None) -> float | None:
    """Parse an HTTP date in any of its three forms; `None` if it is not a date."""
    try:
        parsed = parsedate_tz(field) if field and len(field) <= _MAX_DATE else None
        if parsed is None:
            return None
        moment = datetime(*parsed[:6], tzinfo=UTC)
    except (ValueError, OverflowError, IndexError):  # years beyond 9999, malformed text
        return None
    return moment.timestamp() - (parsed[9] or 0)
