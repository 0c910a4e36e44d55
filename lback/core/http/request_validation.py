"""Request validation: hosts, URL length and body size are checked before routing."""

from typing import TYPE_CHECKING

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import BODY_ERROR, NO_BODY, body_stream
from lback.core.http.hosts import (
    ANY_PEER,
    LOOPBACK_HOSTS,
    confuses_fields,
    first_member,
    has_trusted_proxy,
    is_allowed,
    is_from_this_machine,
)
from lback.core.http.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIEnvironment

    from lback.core.config import Config
    from lback.core.request import Request

_KNOWN_HOSTS_LIMIT = 1024
_USUAL_PORTS = frozenset({80, 443})


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

    def validate(self, request: "Request", environ: "WSGIEnvironment") -> None:
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

    def _bound_body(self, request: "Request", environ: dict[str, object]) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ and confuses_fields(environ):
            # That server ends a chunked body that was cut off as if it were whole.
            environ["wsgi.input"] = NO_BODY
            request.error = HTTPException("send the body with a Content-Length", 411)
            return
        unread = environ.get(BODY_ERROR)
        if isinstance(unread, HTTPException):
            environ["wsgi.input"] = NO_BODY
            request.error = unread
            return
        try:
            environ["wsgi.input"] = body_stream(environ, self.limits.body_size)
        except HTTPException as error:
            environ["wsgi.input"] = NO_BODY
            request.error = error

    def _validate_host(self, request: "Request") -> None:
        config = self._config
        environ = request.environ
        host = environ.get("HTTP_HOST")
        proxied = config.USE_X_FORWARDED_HOST and has_trusted_proxy(environ, config.TRUSTED_PROXIES)
        named = (first_member(environ.get("HTTP_X_FORWARDED_HOST")) if proxied else None) or host
        if named is None:  # HTTP/1.0 has no Host field
            named = environ.get("SERVER_NAME", "")
        is_debug = config.DEBUG is True
        patterns: Sequence[str] = config.ALLOWED_HOSTS
        is_local = environ.get(ANY_PEER) is True or is_from_this_machine(environ)
        if not patterns and is_debug and is_local:
            patterns = LOOPBACK_HOSTS
        if not is_allowed(named, patterns, None if is_debug else _ports(environ)):
            hint = self._hint(named) if is_debug else ""
            request.error = BadRequest(f"this host is not served here{hint}")
            return
        room = len(self._known_hosts) < _KNOWN_HOSTS_LIMIT
        if room and host is not None and config.ALLOWED_HOSTS and not config.USE_X_FORWARDED_HOST:
            self._known_hosts.add(host)

    def _hint(self, host: str) -> str:
        name = host.partition(":")[0][:253]
        if not self._config.ALLOWED_HOSTS and is_allowed(host, LOOPBACK_HOSTS):
            return (
                f": {name!r} is served to this machine alone while ALLOWED_HOSTS is empty; "
                "add it there to serve it to others"
            )
        return f": add {name!r} to ALLOWED_HOSTS"


def _ports(environ: dict[str, object]) -> frozenset[int]:
    """Return the ports that a host may name: those of the schemes, and that of the server."""
    own = str(environ.get("SERVER_PORT") or "")
    return _USUAL_PORTS | {int(own)} if own.isascii() and own.isdigit() else _USUAL_PORTS
