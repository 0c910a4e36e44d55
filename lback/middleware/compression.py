"""Compression of responses: gzip, and Zstandard with the extra `zstd`."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from lback.core.base_middleware import BaseMiddleware
from lback.core.file_response import FileResponse
from lback.core.http.accept import preferred_coding
from lback.core.http.response_body import TEXT_TYPE, assigned_body
from lback.core.response import BODILESS_STATUSES, Response
from lback.core.streaming import StreamingResponse

if TYPE_CHECKING:
    from lback.core.http.headers import HeaderValue
    from lback.core.request import Request

_COMPRESSIBLE = re.compile(
    r"\s*(?:text/(?!event-stream)[^;\s]+|image/svg\+xml|[^/;\s]+/[^;\s]+\+(?:json|xml)"
    r"|application/(?:json|javascript|xml|x-ndjson|jsonl|wasm|yaml))\s*(?:;|$)",
    re.IGNORECASE,
)
_NO_TRANSFORM = re.compile(r"(?:^|[,\s])no-transform(?:[,\s]|$)", re.IGNORECASE)
# They describe the bytes as they are (RFC 9530), or a part of them.
_BOUND_TO_THE_BYTES = ("Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest")
_TAG_OF_CODING = re.compile(r';(?:gzip|zstd)"')
# Credentials that browsers add by themselves, beside cookies (RFC 7617).
_BASIC = re.compile(r"\s*basic\b", re.IGNORECASE)
_OWN_PAGES = frozenset({"same-origin", "none"})


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class CompressionMiddleware(BaseMiddleware):
    """Compress responses for clients that accept it (RFC 9110 section 8.4).

    Text, JSON, XML, SVG and WebAssembly of at least `minimum_size` bytes are compressed, and
    streams of these types, whose pieces are still sent as they come. Files, event streams, partial
    and empty responses, and responses with `Content-Encoding`, a digest, or
    `Cache-Control: no-transform` (RFC 9111 section 5.2.2.6) are sent unchanged.

    The coding with the greatest weight in `Accept-Encoding` is used, Zstandard before gzip. A
    response that could be compressed has `Vary: Accept-Encoding`. A strong `ETag` is marked with
    the coding, as in `"v1;gzip"`, and `If-Match` and `If-None-Match` are read with and without the
    mark.

    A page that contains a secret and a value of the request reveals the secret by its compressed
    size to another site that makes the browser send many requests (BREACH). So a response to a
    request with cookies or Basic credentials is compressed only if the browser says, by
    `Sec-Fetch-Site`, that a page of this origin or the visitor asked for it.

    Attributes:
        minimum_size: Bytes below which a body is not compressed.
        gzip_level: 1 (fast) to 9 (small).
        zstd_level: 1 (fast) to 22 (small).

    Example:
        >>> from lback.middleware import CompressionMiddleware
        >>> app = Application(MIDDLEWARES=["lback.middleware.CompressionMiddleware"])
        >>> app.add_route("/", lambda request: "x" * 2000, requires_auth=False)
        >>> answer = Client(app).get("/", headers={"Accept-Encoding": "gzip"})
        >>> answer.headers["content-encoding"], answer.headers["vary"]
        ('gzip', 'Accept-Encoding')
    """

    minimum_size = 500
    gzip_level = 5
    zstd_level = 3

    def __init__(self) -> None:
        # Optional extra "zstd".
        self._codings = ("zstd", "gzip") if find_spec("zstandard") else ("gzip",)

    def process_request(self, request: "Request") -> None:
        """Remove the marks of codings from entity tags that the client sends back.

        Args:
            request: The request; its environ is changed.
        """
        environ = request.environ
        for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"):
            if name in environ:
                environ[name] = _TAG_OF_CODING.sub('"', environ[name])

    def process_response(self, request: "Request", response: Response) -> Response:
        """Return the compressed response, or the response itself.

        Args:
            request: The request that is answered.
            response: The response so far.
        """
        if response.status_code == 304:
            response.headers.add_vary("Accept-Encoding")
            return response
        if not self._is_compressible(response):
            return response
        response.headers.add_vary("Accept-Encoding")
        field = request.headers.get("Accept-Encoding")
        coding = preferred_coding(field, self._codings) if field else None
        if coding is None or _may_be_measured(request):
            return response
        if isinstance(response, StreamingResponse):
            return self._stream(response, coding)
        return self._whole(response, coding)

    def _is_compressible(self, response: Response) -> bool:
        if response.status_code in BODILESS_STATUSES or isinstance(response, FileResponse):
            return False
        if not isinstance(response, StreamingResponse) and len(response.body) < self.minimum_size:
            return False
        default = TEXT_TYPE if isinstance(response.body, str) else ""
        if not _COMPRESSIBLE.match(response.content_type or default):
            return False
        headers = response.headers
        if any(name in headers for name in _BOUND_TO_THE_BYTES):
            return False
        return not _NO_TRANSFORM.search(_text(headers.get("Cache-Control")))

    def _whole(self, response: Response, coding: str) -> Response:
        content, media_type = assigned_body(response.body, response.content_type)
        compressor = self._compressor(coding)
        compressed = compressor.compress(content) + compressor.flush()
        if len(compressed) >= len(content):
            return response
        # A new one: a view may return the same response again.
        sent = Response(compressed, response.status_code, response.headers)
        if media_type is not None:
            sent.content_type = media_type
        _mark(sent, coding)
        return sent

    def _stream(self, response: StreamingResponse, coding: str) -> Response:
        pieces = _CompressedPieces(response.body, self._compressor(coding), _SYNC[coding])
        sent = StreamingResponse(pieces, response.status_code, response.headers)
        _mark(sent, coding)
        return sent

    def _compressor(self, coding: str) -> _Compressor:
        if coding == "gzip":
            return zlib.compressobj(self.gzip_level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        import zstandard  # optional extra "zstd"

        return zstandard.ZstdCompressor(level=self.zstd_level).compressobj()


# How a compressor ends a piece so that the client can read it: Z_SYNC_FLUSH, FLUSH_BLOCK.
_SYNC = {"gzip": zlib.Z_SYNC_FLUSH, "zstd": 1}


class _CompressedPieces:
    """Compresses the pieces of a body one by one; closes the body once it is closed itself."""

    def __init__(self, body: Iterable[bytes], compressor: _Compressor, sync: int) -> None:
        self._body = body
        self._compressor = compressor
        self._sync = sync

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            compressed = self._compressor.compress(piece) + self._compressor.flush(self._sync)
            if compressed:
                yield compressed
        yield self._compressor.flush()

    def close(self) -> None:
        close: Callable[[], Any] | None = getattr(self._body, "close", None)
        if close is not None:
            close()


def _may_be_measured(request: "Request") -> bool:
    """Return True if another site may have made the browser send its credentials."""
    environ = request.environ
    if "HTTP_COOKIE" not in environ and not _BASIC.match(environ.get("HTTP_AUTHORIZATION", "")):
        return False
    return environ.get("HTTP_SEC_FETCH_SITE") not in _OWN_PAGES


def _mark(response: Response, coding: str) -> None:
    headers = response.headers
    headers["Content-Encoding"] = coding
    tag = _text(headers.get("ETag"))
    if tag.startswith('"'):
        headers["ETag"] = f'{tag[:-1]};{coding}"'
    # Ranges would be those of the compressed bytes.
    headers.pop("Accept-Ranges", None)
    headers.pop("Content-Length", None)


def _text(value: "HeaderValue | None") -> str:
    return value or "" if value is None or isinstance(value, str) else ", ".join(value)
