"""Request ids, shared by the response, the logs and a trusted proxy."""

import logging
import re
from contextvars import ContextVar
from secrets import token_hex
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware
from lback.core.http.hosts import has_trusted_proxy

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response

HEADER = "X-Request-ID"
_IS_ID = re.compile(r"[0-9A-Za-z._:-]{1,128}").fullmatch

_current: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIDMiddleware(BaseMiddleware):
    """Give each request an id: `request.get_context("request_id")` and `X-Request-ID`.

    An id that a trusted proxy sends is used. Ids of other clients are replaced, because clients
    could otherwise write into logs and make two requests look like one.

    Args:
        config: Settings; `TRUSTED_PROXIES` is read at start-up.
    """

    def __init__(self, config: "Config") -> None:
        self._proxies = tuple(config.TRUSTED_PROXIES)

    def process_request(self, request: "Request") -> None:
        """Set the id of the request."""
        environ = request.environ
        sent = environ.get("HTTP_X_REQUEST_ID") or ""
        is_kept = _IS_ID(sent) and has_trusted_proxy(environ, self._proxies)
        request_id = sent if is_kept else token_hex(16)
        request.add_context("request_id", request_id)
        _current.set(request_id)

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Add `X-Request-ID` to the response, unless it is set already.

        Args:
            request: The request.
            response: The response to extend.
        """
        request_id = request.get_context("request_id")
        if request_id is not None and HEADER not in response.headers:
            # `append` instead of `headers[…] =`, which caches validated values; ids never repeat.
            response.headers.append(HEADER, request_id)
        _current.set("-")
        return response


class RequestIDFilter(logging.Filter):
    """Add `request_id` to log records, for formats with `%(request_id)s`; "-" outside a request.

    In the setting LOGGING: `"filters": {"id": {"()": "lback.middleware.RequestIDFilter"}}`.

    Example:
        >>> import logging
        >>> from lback.middleware import RequestIDFilter
        >>> record = logging.makeLogRecord({"msg": "started"})
        >>> RequestIDFilter().filter(record)
        True
        >>> record.request_id
        '-'
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id to a record. Always returns True."""
        record.request_id = _current.get()
        return True
