"""Request ids: one short name for a request, in the answer, in the logs and at the proxy."""

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
    """Gives each request an id: `request.get_context("request_id")` and `X-Request-ID`.

    The id that a trusted proxy sends is kept; that of anybody else is replaced, for it would
    let strangers write into logs and confuse one request with another.

    Args:
        config: `TRUSTED_PROXIES` is read here, once.
    """

    def __init__(self, config: "Config") -> None:
        self._proxies = tuple(config.TRUSTED_PROXIES)

    def process_request(self, request: "Request") -> None:
        """Choose the id."""
        environ = request.environ
        sent = environ.get("HTTP_X_REQUEST_ID") or ""
        is_kept = _IS_ID(sent) and has_trusted_proxy(environ, self._proxies)
        request_id = sent if is_kept else token_hex(16)
        request.add_context("request_id", request_id)
        _current.set(request_id)

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Send the id, also where the request was refused before it got one."""
        request_id = request.get_context("request_id")
        if request_id is not None and HEADER not in response.headers:
            # Not set by its name: values that are set are remembered, and this one never returns.
            response.headers.append(HEADER, request_id)
        _current.set("-")
        return response


class RequestIDFilter(logging.Filter):
    """Puts `request_id` on log records, for formats with `%(request_id)s`; "-" outside a request.

    To use it in LOGGING: `"filters": {"id": {"()": "lback.middleware.RequestIDFilter"}}`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id, and let the record through."""
        record.request_id = _current.get()
        return True
