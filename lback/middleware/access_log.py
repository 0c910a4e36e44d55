"""Access log: one line per response, without secrets and safe from log injection."""

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware
from lback.core.errors.redaction import redacted_path
from lback.core.http.access_log import LOGGED, log_answer, logger

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response


class AccessLogMiddleware(BaseMiddleware):
    """Log address, method, path, status, duration in ms and request id to `lback.access`.

    Put it first in `MIDDLEWARES`, because it measures the time of everything after it. Query
    strings are not logged, and path variables with names such as `token` are redacted.
    `lback serve` writes the same line without this middleware, and never both.
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
            log_answer(
                request.client_address,
                str(request.method),
                redacted_path(request),
                str(response.status_code),
                0.0 if started is None else perf_counter() - started,
                str(request.get_context("request_id", "-")),
            )
            request.environ[LOGGED] = True
        return response
