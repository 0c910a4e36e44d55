"""The access log: one line for each answer, which nobody can forge and which holds no secret."""

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

# What a path (RFC 3986 §3.3) and a method hold unquoted; the star is that of a mask.
_SAFE = "/:@!$&'()*+,;=~-._"


class AccessLogMiddleware(BaseMiddleware):
    """Logs address, method, path, status, milliseconds and request id to `lback.access`.

    To be put first in the chain: it measures what comes behind it. Query strings are left out,
    and so are path variables that go by a name such as `token`, for they let somebody in.
    """

    def process_request(self, request: "Request") -> None:
        """Note the time."""
        request.add_context("access_log_started", perf_counter())

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Write the line; also of a request that was refused before it came here."""
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
