"""CORS: let pages of other origins read responses (Fetch standard, section 3.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware
from lback.core.exceptions import ConfigurationError
from lback.core.http.origins import Origins, origin_of
from lback.core.response import Response

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEADERS = ("Authorization", "Content-Type", "X-CSRF-Token")
ANY = "*"


class CORSMiddleware(BaseMiddleware):
    """Allow scripts on pages of the origins in `CORS_ORIGINS` to read responses.

    Preflight requests of these origins are answered here. CORS does not replace the CSRF check:
    an unsafe request must also pass `CSRFMiddleware`, see `CSRF_TRUSTED_ORIGINS`.

    Args:
        config: Settings; `CORS_ORIGINS` and `CORS_CREDENTIALS` are read at start-up.
        methods: Methods that scripts may use.
        headers: Request header fields that scripts may send, besides the safelisted ones.
        expose: Response header fields that scripts may read, besides the safelisted ones.
        max_age: Seconds for which browsers cache a preflight response.

    Raises:
        ConfigurationError: `CORS_ORIGINS` has "*" while `CORS_CREDENTIALS` is on, which would
            let every page act as the visitor.
    """

    runs_before = (
        "RateLimitMiddleware",
        "SessionMiddleware",
        "AuthenticationMiddleware",
        "CSRFMiddleware",
    )

    def __init__(
        self,
        config: "Config",
        *,
        methods: Sequence[str] = METHODS,
        headers: Sequence[str] = HEADERS,
        expose: Sequence[str] = (),
        max_age: int = 600,
    ) -> None:
        if ANY in config.CORS_ORIGINS and config.CORS_CREDENTIALS:
            raise ConfigurationError(
                "CORS_ORIGINS has '*' while CORS_CREDENTIALS is on, which lets every page act as "
                "the visitor; list the allowed origins"
            )
        self._origins = Origins(config.CORS_ORIGINS)
        self._any = self._origins.has_all
        self._fields = {}
        if config.CORS_CREDENTIALS:
            self._fields["Access-Control-Allow-Credentials"] = "true"
        self._exposed = ", ".join(expose)
        self._preflight_fields = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": ", ".join(headers),
            "Access-Control-Max-Age": str(max_age),
        }

    def process_request(self, request: "Request") -> Response | None:
        """Answer a preflight from an allowed origin."""
        environ = request.environ
        if request.method != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        if self._allowed(request) is None:
            return None
        return Response(None, 204, self._preflight_fields)

    def process_response(self, request: "Request", response: Response) -> Response:
        """Add the `Access-Control-*` fields if the origin is allowed, and `Vary: Origin`.

        With "*" in `CORS_ORIGINS`, each response has the same fields and does not vary.

        Args:
            request: The request; its `Origin` is read.
            response: The response to extend.
        """
        if not self._origins and not self._any:
            return response
        headers = response.headers
        # Both also without Origin: a cache may use that response for a request with one.
        if self._any:
            origin: str | None = ANY
        else:
            headers.add_vary("Origin")
            origin = self._allowed(request)
        if origin is not None:
            headers["Access-Control-Allow-Origin"] = origin
            for name, value in self._fields.items():
                headers[name] = value
            if self._exposed and request.method != "OPTIONS":
                headers["Access-Control-Expose-Headers"] = self._exposed
        return response

    def _allowed(self, request: "Request") -> str | None:
        """Return the `Origin` of the request as it was sent if it is allowed, else None."""
        sent: str | None = request.environ.get("HTTP_ORIGIN")
        if sent is None or self._any:  # "*" includes files and sandboxed frames
            return sent
        # "null" cannot be listed: any page can have that origin by means of a sandboxed frame.
        return sent if origin_of(sent) in self._origins else None
