"""Request validation: hosts, URL length and body size are checked before routing."""

from typing import TYPE_CHECKING, Any

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import NO_BODY, body_stream
from lback.core.http.hosts import LOOPBACK_HOSTS, first_member, is_allowed, is_trusted_proxy
from lback.core.http.limits import Limits

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

_KNOWN_HOSTS_LIMIT = 1024


class RequestValidator:
    """Validates host, URL length and body size of each request against the settings.

    An error is stored in `request.error` and raised later, so that the error response passes the
    response hooks like any other.

    Args:
        config: Settings; `ALLOWED_HOSTS`, `TRUSTED_PROXIES` and the `MAX_…` sizes are used.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self.limits = Limits.of(config)
        self._known_hosts: set[str] = set()

    def validate(self, request: "Request", environ: dict[str, Any]) -> None:
        """Validate a request and replace `wsgi.input` by a stream that ends with the body.

        Args:
            request: The request; `error` is set if it is not valid.
            environ: Its WSGI environ.
        """
        if environ.get("HTTP_HOST") not in self._known_hosts:
            self._validate_host(request)
        if environ.get("CONTENT_LENGTH") or "wsgi.input_terminated" in environ:
            self._bound_body(request, environ)
        else:
            environ["wsgi.input"] = NO_BODY
        if len(request.path) + len(environ.get("QUERY_STRING", "")) > self.limits.url_size:
            limit = self.limits.url_size
            request.error = HTTPException(f"the URL is longer than {limit} bytes", 414)

    def _bound_body(self, request: "Request", environ: dict[str, Any]) -> None:
        try:
            environ["wsgi.input"] = body_stream(environ, self.limits.body_size)
        except HTTPException as error:
            environ["wsgi.input"] = NO_BODY
            request.error = error

    def _validate_host(self, request: "Request") -> None:
        config = self._config
        environ = request.environ
        host = environ.get("HTTP_HOST")
        proxied = config.USE_X_FORWARDED_HOST and is_trusted_proxy(
            environ.get("REMOTE_ADDR"), config.TRUSTED_PROXIES
        )
        named = (first_member(environ.get("HTTP_X_FORWARDED_HOST")) if proxied else None) or host
        if named is None:  # HTTP/1.0 has no Host field
            named = environ.get("SERVER_NAME", "")
        patterns = config.ALLOWED_HOSTS or (LOOPBACK_HOSTS if config.DEBUG is True else ())
        if not is_allowed(named, patterns):
            request.error = BadRequest("this host is not served here" + self._hint(named))
            return
        room = len(self._known_hosts) < _KNOWN_HOSTS_LIMIT
        if room and host is not None and not config.USE_X_FORWARDED_HOST:
            self._known_hosts.add(host)

    def _hint(self, host: str) -> str:
        if self._config.DEBUG is not True:
            return ""
        return f": add {host.partition(':')[0][:253]!r} to ALLOWED_HOSTS"
