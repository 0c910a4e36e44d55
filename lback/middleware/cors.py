"""CORS: which pages of other origins may read the answers of this application (Fetch §3.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware
from lback.core.exceptions import ConfigurationError
from lback.core.http.origins import origin_of
from lback.core.response import Response

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEADERS = ("Authorization", "Content-Type", "X-CSRF-Token")
ANY = "*"


class CORSMiddleware(BaseMiddleware):
    """Lets scripts on pages of `CORS_ORIGINS` read answers, and those of no other origin.

    A preflight from such a page is answered here. That a page may read says nothing of forms:
    an unsafe request must still pass the CSRF check, see `CSRF_TRUSTED_ORIGINS`.

    Args:
        config: `CORS_ORIGINS` and `CORS_CREDENTIALS` are read here, once.
        methods: Methods that scripts may use.
        headers: Request fields that scripts may send, beside those that always may.
        expose: Response fields that scripts may read, beside those that always may.
        max_age: Seconds for which browsers remember a preflight.

    Raises:
        ConfigurationError: Any origin, together with credentials: every page there is could
            then act as the visitor.
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
                "CORS_ORIGINS has '*' and CORS_CREDENTIALS is on: name the origins that may act "
                "as the visitor"
            )
        self._any = ANY in config.CORS_ORIGINS
        self._origins = frozenset(origin_of(o) for o in config.CORS_ORIGINS if o != ANY)
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
        """Say who may read the answer."""
        if not self._origins and not self._any:
            return response
        headers = response.headers
        if not self._any:
            # Also where there is no Origin: a cache must not show that answer to one that has.
            headers.add_vary("Origin")
        origin = self._allowed(request)
        if origin is not None:
            headers["Access-Control-Allow-Origin"] = ANY if self._any else origin
            for name, value in self._fields.items():
                headers[name] = value
            if self._exposed and request.method != "OPTIONS":
                headers["Access-Control-Expose-Headers"] = self._exposed
        return response

    def _allowed(self, request: "Request") -> str | None:
        """Return the origin of the page as it was sent, if it may read answers."""
        sent: str | None = request.environ.get("HTTP_ORIGIN")
        if sent is None:
            return None
        origin = origin_of(sent)
        # `null` is no origin: any page can have it, by way of a sandboxed frame.
        return sent if origin is not None and (self._any or origin in self._origins) else None
