"""The access log: one line for each answer, which nobody can forge and which holds no secret."""

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
    """Logs address, method, path, status, milliseconds and request id to `lback.access`.

    To be put first in the chain: it measures what comes behind it. Query strings are left out,
    and so are path variables that go by a name such as `token`, for they let somebody in.
    `lback serve` writes the same line without it, and only one of the two.
    """

    def process_request(self, request: "Request") -> None:
        """Note the time."""
        request.add_context("access_log_started", perf_counter())

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Write the line; also of a request that was refused before it came here."""
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
