"""Security headers: Content-Security-Policy, HSTS, X-Frame-Options and others."""

from secrets import token_urlsafe
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware
from lback.core.errors.pages import style_hash
from lback.core.exceptions import ConfigurationError
from lback.core.http.headers import Headers
from lback.core.settings.security_validators import sources_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.templates import TemplateRenderer

DEFAULT_POLICY: "Mapping[str, str]" = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
DEFAULT_FIELDS: "Mapping[str, str]" = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Values of `frame-ancestors` that X-Frame-Options can express, for older browsers.
_FRAME_OPTIONS = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
_NONCED = ("script-src", "style-src")
_PRELOAD_SECONDS = 31_536_000  # a year; required by hstspreload.org
_NONCE = "{nonce}"


class SecurityHeadersMiddleware(BaseMiddleware):
    """Add security header fields to each response, unless the view has set them.

    - `Content-Security-Policy` (CSP Level 3): scripts and styles of this origin only, no plug-ins,
      no framing. An inline script needs `nonce="{{ csp_nonce }}"` in templates, or
      `request.get_context("csp_nonce")`.
    - `X-Frame-Options` (RFC 7034), derived from `frame-ancestors` of the policy.
    - `X-Content-Type-Options`, `Referrer-Policy`, `Cross-Origin-Opener-Policy`,
      `Permissions-Policy`.
    - `Strict-Transport-Security` (RFC 6797), if the request came over HTTPS.

    Args:
        config: Settings; `CONTENT_SECURITY_POLICY`, `CONTENT_SECURITY_POLICY_REPORT_ONLY`,
            `SECURITY_HEADERS`, `HSTS_SECONDS`, `HSTS_SUBDOMAINS` and `HSTS_PRELOAD` are read at
            start-up.
        template_renderer: Renderer that gets `csp_nonce`. None adds it to none.

    Raises:
        ConfigurationError: `HSTS_PRELOAD` is on, and `HSTS_SUBDOMAINS` or a `HSTS_SECONDS` of at
            least a year is missing.

    Example:
        >>> from lback.middleware import SecurityHeadersMiddleware
        >>> middleware = SecurityHeadersMiddleware(app.config)
        >>> protected = middleware.process_response(request, Response("Hello"))
        >>> protected.headers["X-Frame-Options"]
        'DENY'
    """

    def __init__(
        self, config: "Config", template_renderer: "TemplateRenderer | None" = None
    ) -> None:
        policy = policy_of(config)
        only_report = config.CONTENT_SECURITY_POLICY_REPORT_ONLY
        self._policy_field = f"Content-Security-Policy{'-Report-Only' if only_report else ''}"
        self._nonced_policy = _policy_text(policy, with_nonce=True)
        fields = {**_frame_options(policy), **DEFAULT_FIELDS, **config.SECURITY_HEADERS}
        if policy:
            fields[self._policy_field] = _policy_text(policy)
        self._fields = Headers({name: text for name, text in fields.items() if text is not None})
        self._secure_fields = Headers(self._fields)
        if config.HSTS_SECONDS:
            self._secure_fields["Strict-Transport-Security"] = _hsts(config)
        if template_renderer is not None:
            template_renderer.add_request_value("csp_nonce", _NonceInTemplate)

    def process_request(self, request: "Request") -> None:
        """Register `csp_nonce` as a lazy value."""
        request.add_lazy_context("csp_nonce", _new_nonce)

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Add the header fields that the response does not have.

        Args:
            request: The request; its scheme and nonce are read.
            response: The response to extend.
        """
        headers = response.headers
        nonce = request.peek_context("csp_nonce")
        if nonce is not None and self._policy_field in self._fields:
            headers.setdefault(
                self._policy_field, self._nonced_policy.replace(_NONCE, f"'nonce-{nonce}'")
            )
        headers.fill(self._secure_fields if _is_secure(request) else self._fields)
        return response


def policy_of(config: "Config") -> dict[str, list[str]]:
    """Return the Content-Security-Policy as directives and sources: the setting over the defaults.

    A directive that the setting sets to None is left out. The hash of the style of the built-in
    error pages is added to `style-src`.
    """
    given = config.CONTENT_SECURITY_POLICY
    policy = {name: sources_of(text) for name, text in {**DEFAULT_POLICY, **given}.items()}
    left_out = {name for name, text in given.items() if text is None}
    # The built-in error pages have an inline style.
    if "style-src" in policy and "'unsafe-inline'" not in policy["style-src"]:
        policy["style-src"] = [*_without_none(policy["style-src"]), style_hash()]
    return {name: sources for name, sources in policy.items() if name not in left_out}


def _policy_text(policy: "Mapping[str, list[str]]", *, with_nonce: bool = False) -> str:
    parts = []
    for name, sources in policy.items():
        # Browsers ignore 'unsafe-inline' if there is a nonce or a hash.
        if with_nonce and name in _NONCED and "'unsafe-inline'" not in sources:
            sources = [*_without_none(sources), _NONCE]  # noqa: PLW2901  only its text is used
        parts.append(" ".join([name, *sources]))
    return "; ".join(parts)


def _without_none(sources: list[str]) -> list[str]:
    return [source for source in sources if source != "'none'"]


def _frame_options(policy: "Mapping[str, list[str]]") -> dict[str, str]:
    text = " ".join(policy.get("frame-ancestors", ()))
    return {"X-Frame-Options": _FRAME_OPTIONS[text]} if text in _FRAME_OPTIONS else {}


def _hsts(config: "Config") -> str:
    seconds = config.HSTS_SECONDS
    if config.HSTS_PRELOAD and not (config.HSTS_SUBDOMAINS and seconds >= _PRELOAD_SECONDS):
        raise ConfigurationError(
            f"HSTS_PRELOAD needs HSTS_SUBDOMAINS and HSTS_SECONDS of at least {_PRELOAD_SECONDS} "
            f"(now {seconds}): browsers do not preload other sites"
        )
    subdomains = "; includeSubDomains" if config.HSTS_SUBDOMAINS else ""
    return f"max-age={seconds}{subdomains}{'; preload' if config.HSTS_PRELOAD else ''}"


def _is_secure(request: "Request") -> bool:
    environ = request.environ
    if environ.get("wsgi.url_scheme") == "https":
        return True
    # Checked first, because `is_secure` is slower and most requests have no such field.
    return "HTTP_X_FORWARDED_PROTO" in environ and request.is_secure


def _new_nonce(_: "Request") -> str:
    return token_urlsafe(16)


class _NonceInTemplate:
    """The nonce in a template; created when rendered, so that other pages have none."""

    template_attributes = ()
    __slots__ = ("_request",)

    def __init__(self, request: "Request") -> None:
        self._request = request

    def __str__(self) -> str:
        return str(self._request.get_context("csp_nonce", ""))

    __html__ = __str__  # base64url needs no escaping
