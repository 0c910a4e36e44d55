"""Body parsing: forms and JSON, parsed on first access."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qsl

from lback.core.base_middleware import SimpleMiddleware
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import BodyStream
from lback.core.http.json_decoding import parse_json
from lback.core.http.multidict import FormData, MultiDict, parse_query
from lback.middleware.content_type import media_type, parameters, require_codec
from lback.middleware.multipart_form import FormLimits, parse_multipart

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Files, Form, Request

logger = logging.getLogger(__name__)

_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"
_FORMS = frozenset({_MULTIPART, _URLENCODED})
_JSON_TYPE = "application/json"
_JSON = re.compile(r"application/(?:json|[^/]*\+json)")  # RFC 8259 §11, RFC 6839 §3.1
# Wider than RFC 2046 section 5.1.1 (70 characters of a smaller set), as clients send more.
_BOUNDARY = re.compile(r"[ -~]{0,199}[!-~]")


class BodyParsingMiddleware(SimpleMiddleware):
    """Parse the body into `request.parsed_body`, `POST`, `DATA` and `files` on first access.

    - `application/x-www-form-urlencoded` and `multipart/form-data` (RFC 7578): a `MultiDict` of
      text; a name that occurs several times has a list. Files are `UploadedFile` objects.
    - `application/json` and `application/…+json`: a JSON object as a dict. For any other JSON
      value `parsed_body` is None; its text is in `request.body_text`.
    - Any other type, or no body: None.

    Text is UTF-8; a form may declare another superset of ASCII (RFC 7578 section 5.1). A body is
    parsed completely or not at all: reading an attribute raises `BadRequest` (400) for a malformed
    body, and `HTTPException` with status 413 for one beyond a limit, or 415 for an unsupported
    charset or a compressed body.

    Args:
        config: Settings; `MAX_FORM_FIELDS`, `MAX_FORM_FILES`, `MAX_FORM_FIELD_SIZE`,
            `MAX_PART_HEADER_SIZE`, `MAX_UPLOAD_MEMORY_SIZE` (bytes of all files of a request
            that are kept in memory; further ones go to temporary files) and `MAX_JSON_DEPTH` are
            read at start-up.

    Example:
        >>> from lback.middleware import BodyParsingMiddleware
        >>> body = b'{"title": "Emma"}'
        >>> sent = Request("/", "POST", body, {"Content-Type": "application/json"}, {})
        >>> BodyParsingMiddleware(app.config).process_request(sent)
        >>> sent.parsed_body["title"]
        'Emma'
    """

    def __init__(self, config: "Config") -> None:
        self._limits = FormLimits.of(config)
        self._json_depth = config.MAX_JSON_DEPTH

    def process_request(self, request: "Request") -> None:
        """Register `parse` as the body parser of the request."""
        request.set_body_parser(self.parse)

    def parse(self, request: "Request") -> "tuple[Form | None, Files | None]":
        """Parse the body of a request by its `Content-Type`.

        Returns:
            Fields and files; None for each that the body does not have.

        Raises:
            BadRequest: The body is malformed.
            HTTPException: 413, a limit is exceeded; 415, charset or encoding are not supported.
        """
        field = request.get_header("Content-Type")
        kind = _kind_of(field) if field else None
        if field is None or kind is None:
            return None, None
        stream = _unread_body(request)
        if stream is None:
            return None, None
        _require_plain(request)
        found, codec = _parameters_and_codec(field)
        if kind == _MULTIPART:
            form = parse_multipart(stream, _boundary(found), self._limits, found.get("charset"))
            return form or (None, None)
        body: bytes = request.body_bytes
        if not body:
            return None, None
        if kind == _URLENCODED:
            return _urlencoded(body, self._limits, codec), None
        value = parse_json(body, self._json_depth)
        return (FormData(value) if isinstance(value, dict) else None), None


@lru_cache(256)  # clients send the same few values
def _kind_of(field: str) -> str | None:
    """Return the media type if it is parsed here, with all JSON types as `application/json`."""
    kind = media_type(field)
    if kind in _FORMS:
        return kind
    return _JSON_TYPE if _JSON.fullmatch(kind) else None


@lru_cache(256)
def _parameters_and_codec(field: str) -> tuple[Mapping[str, str], str]:
    found = parameters(field)
    return found, require_codec(found.get("charset"), "the body")


def _unread_body(request: "Request") -> "BodyStream | BinaryIO | None":
    stream = request.open_body()
    if isinstance(stream, BodyStream) and stream.consumed:
        logger.warning("body already read as a stream: parsed_body and files stay empty")
        return None
    return stream


def _require_plain(request: "Request") -> None:
    encoding = request.get_header("Content-Encoding")
    if encoding and encoding.strip().lower() != "identity":
        raise HTTPException("the body is compressed; send it uncompressed", 415)


def _boundary(found: Mapping[str, str]) -> str:
    boundary = found.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("Content-Type has no boundary of 1 to 200 printable ASCII characters")
    return boundary


def _urlencoded(body: bytes, limits: FormLimits, codec: str) -> MultiDict:
    try:
        form = parse_query(body.decode(), limits.fields, errors="strict")
    except UnicodeDecodeError as error:
        if codec == "utf-8":
            raise BadRequest("the form is not valid UTF-8") from error
        form = _urlencoded_otherwise(body, limits, codec)
    except BadRequest as error:
        raise BadRequest(f"{error.message} (MAX_FORM_FIELDS)") from error
    if len(body) > limits.field_size:
        _check_sizes(form, limits.field_size)
    return form


def _urlencoded_otherwise(body: bytes, limits: FormLimits, codec: str) -> MultiDict:
    """Parse a form that is not UTF-8 in the charset that its Content-Type declares.

    UTF-8 is tried first whatever is declared, because the URL standard allows only UTF-8.
    """
    form = MultiDict()
    if body.count(b"&") >= limits.fields:
        raise BadRequest(f"more than {limits.fields} parameters (MAX_FORM_FIELDS)")
    try:
        pairs = parse_qsl(body.decode(codec), True, encoding=codec, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest("the form is not valid in the charset of its Content-Type") from error
    for name, value in pairs:
        form.add(name, value)
    return form


def _check_sizes(form: MultiDict, limit: int) -> None:
    for name in form:
        # A character has at most four bytes, so that short values need not be encoded.
        if any(len(v) > limit // 4 and len(v.encode()) > limit for v in form.getlist(name)):
            raise HTTPException(
                f"field {name[:60]!r} is larger than {limit} bytes (MAX_FORM_FIELD_SIZE)", 413
            )
