"""Access log: one line per response, without secrets and safe from log injection."""

import logging
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from lback.core.base_middleware import BaseMiddleware
from lback.core.errors.redaction import redacted_path

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response

logger = logging.getLogger("lback.access")

# Unquoted in a path (RFC 3986 section 3.3) and a method; the asterisk is that of redaction.
_SAFE = "/:@!$&'()*+,;=~-._"


class AccessLogMiddleware(BaseMiddleware):
    """Log address, method, path, status, duration in ms and request id to `lback.access`.

    Put it first in `MIDDLEWARES`, because it measures the time of everything after it. Query
    strings are not logged, and path variables with names such as `token` are redacted.
    """

    def process_request(self, request: "Request") -> None:
        """Start the measurement."""
        request.add_context("access_log_started", perf_counter())

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Write the log line, also for a request that an earlier middleware answered.

        Args:
            request: The request.
            response: The response; it is not changed.
        """
        if logger.isEnabledFor(logging.INFO):
            started = request.get_context("access_log_started")
            spent = 0.0 if started is None else (perf_counter() - started) * 1000
            logger.info(
                "%s %s %s %d %.1fms %s",
                request.client_address or "-",
                quote(str(request.method), safe=_SAFE),
                quote(redacted_path(request), safe=_SAFE),
                response.status_code,
                spent,
                request.get_context("request_id", "-"),
            )
        return response
