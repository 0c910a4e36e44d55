"""CSRF: a form is taken only from a page of this application, in the hands of the same visitor."""

import hmac
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, MutableMapping
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, TypeVar

from lback.core.base_middleware import SimpleMiddleware
from lback.core.errors.redaction import redacted_path, redacted_text
from lback.core.exceptions import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    HTTPException,
    Unauthorized,
)
from lback.core.http.origins import origin_of, origin_of_url

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.templates import TemplateRenderer

logger = logging.getLogger(__name__)

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
SESSION_KEY = "_csrf"
# Set by the test client, which no header of a request can do (PEP 3333: those begin with HTTP_).
CHECKED = "lback.csrf_checked"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Schemes whose credentials a browser adds by itself, also to what another site makes it send.
_AMBIENT = ("basic", "digest", "negotiate", "ntlm")
_LENGTH = 32
_MARK = "csrf_exempt"
_REFUSED = "This form could not be verified. Go back, reload the page and send it again."
_NO_TOKEN = (
    f"there is no token: put {{{{ csrf_input }}}} into the form, or send {HEADER}; "
    "docs/guides/security.md tells more"
)

V = TypeVar("V", bound=Callable[..., Any])


def csrf_exempt(view: V) -> V:
    """Take a view out of the check: for callers that are no browsers, such as webhooks.

    Raises:
        TypeError: It takes no mark, such as a bound method.
    """
    try:
        setattr(view, _MARK, True)
    except AttributeError:
        raise TypeError(
            f"{view!r} takes no mark; decorate the function or the class itself"
        ) from None
    return view


def csrf_token(request: "Request") -> str:
    """Return the token of the visitor's session, in a new disguise each time.

    The disguise keeps it from being guessed out of the length of compressed pages.

    Raises:
        ConfigurationError: The request has no session.
    """
    session = _session_of(request)
    if session is None:
        raise ConfigurationError(
            "a CSRF token is kept in the session, and this request has none; "
            "add a session middleware before CSRFMiddleware"
        )
    secret = _secret_of(session)
    if secret is None:
        secret = token_bytes(_LENGTH)
        session[SESSION_KEY] = _text(secret)
    request.add_context("csrf_token_used", True)
    mask = token_bytes(_LENGTH)
    return _text(mask + _xor(mask, secret))


def rotate_csrf_token(request: "Request") -> None:
    """Make the tokens worthless that were given out; to be done where somebody signs in or out."""
    session = _session_of(request)
    if session is not None:
        session.pop(SESSION_KEY, None)


class CSRFMiddleware(SimpleMiddleware):
    """Refuses what another site makes a visitor's browser send: 403 for unsafe methods.

    A request with another method than GET, HEAD, OPTIONS and TRACE passes if it comes from a page
    of this origin or of `CSRF_TRUSTED_ORIGINS`, and brings the token of the session: in the
    header `X-CSRF-Token`, or in the form field `csrf_token`, which `{{ csrf_input }}` writes.

    Not asked are views marked with `csrf_exempt`, paths without a view, and requests that were
    authenticated by a token in `Authorization`, or have one and no cookie: no browser adds one by
    itself. A middleware that authenticates by such a token of its own says so with
    `request.add_context("authenticated_by", "token")`.

    Where a route wants a signed-in user and there is none, what fails the check is answered 401.

    Args:
        config: `CSRF_TRUSTED_ORIGINS` and `DEBUG`, which has the page say why, are read here.
        template_renderer: Gets `csrf_token` and `csrf_input` for its templates.
    """

    needs = ("lback.middleware.SessionMiddleware",)
    runs_after = ("BodyParsingMiddleware",)

    def __init__(
        self, config: "Config", template_renderer: "TemplateRenderer | None" = None
    ) -> None:
        self._config = config
        self._trusted = frozenset(map(origin_of, config.CSRF_TRUSTED_ORIGINS))
        if template_renderer is not None:
            template_renderer.add_request_value("csrf_token", _Token)
            template_renderer.add_request_value("csrf_input", _Input)

    def process_request(self, request: "Request") -> None:
        """Check a request with an unsafe method.

        Raises:
            Forbidden: It does not pass.
            Unauthorized: It does not pass, and the route wants a user that nobody signed in as.
            HTTPException: 413, the form that should hold the token is too large.
        """
        if request.method in _SAFE or _is_excused(request):
            return
        fault = self._fault_of_origin(request) or _fault_of_token(
            request, explain=self._config.DEBUG is True
        )
        if fault is not None:
            _require_user(request)
            logger.warning(
                "refused %s %r: %s",
                request.method, redacted_path(request), redacted_text(fault, request),
            )  # fmt: skip
            raise Forbidden(
                f"CSRF check failed: {fault}" if self._config.DEBUG is True else _REFUSED
            )

    def _fault_of_origin(self, request: "Request") -> str | None:
        """Say what is wrong with where the request comes from, or `None`."""
        environ = request.environ
        sent, site = environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE")
        # A page that sends no referrer sends no origin either; that it is ours, the browser says.
        if sent is not None and not (sent == "null" and site == "same-origin"):
            return self._fault_of(request, sent, origin_of(sent), "Origin")
        if site in ("cross-site", "same-site"):
            return f"Sec-Fetch-Site is {site}, and no Origin says which page sent it"
        referer = environ.get("HTTP_REFERER")
        if referer is not None:
            return self._fault_of(request, referer, origin_of_url(referer), "Referer")
        if request.is_secure and site is None:
            return "neither Origin nor Referer says which page sent it"
        return None

    def _fault_of(
        self, request: "Request", sent: str, origin: str | None, field: str
    ) -> str | None:
        if origin is not None and (origin in self._trusted or origin == _own_origin(request)):
            return None
        return (
            f"the {field} {origin or sent[:200]!r} is not {_own_origin(request)!r}; if it should "
            "be, add it to CSRF_TRUSTED_ORIGINS, or the proxy in front to TRUSTED_PROXIES"
        )


def _is_excused(request: "Request") -> bool:
    environ = request.environ
    if environ.get(CHECKED) is True:
        return True
    scheme = (environ.get("HTTP_AUTHORIZATION") or "").partition(" ")[0].lower()
    if scheme and scheme not in _AMBIENT and _is_by_token(request):
        return True
    router = request.router
    if router is None:
        return False
    found = router.find(request.path, request.method)
    # Its own mark: one that a class inherits was not meant for it.
    return found is None or getattr(found[0].view, "__dict__", {}).get(_MARK) is True


def _is_by_token(request: "Request") -> bool:
    if "HTTP_COOKIE" not in request.environ:
        return True
    # Asked first, for the user is found when that is read. A cookie may be a load balancer's.
    user = request.user
    return user is not None and request.get_context("authenticated_by", "session") != "session"


def _require_user(request: "Request") -> None:
    """Raise Unauthorized if the route wants a signed-in user and there is none.

    A visitor whose session has ended is then sent to sign in, instead of reading of a form.
    """
    router = request.router
    found = None if router is None else router.find(request.path, request.method)
    if found is not None and found[0].requires_auth and request.user is None:
        request.route_requires_auth = True
        raise Unauthorized


def _own_origin(request: "Request") -> str | None:
    scheme = "https" if request.is_secure else "http"
    try:
        return origin_of(f"{scheme}://{request.get_host}")
    except BadRequest:
        return None


def _fault_of_token(request: "Request", *, explain: bool) -> str | None:
    session = _session_of(request)
    secret = None if session is None else _secret_of(session)
    if session is None:
        return "the request has no session; add a session middleware before CSRFMiddleware"
    if secret is None:
        # Only for a developer is the body of a stranger read, which is refused in any case.
        if explain and _sent_token(request)[0] is None:
            return _NO_TOKEN
        return (
            "the session holds no token: it has ended, or the browser sends no cookies back; "
            "a view for programs, which have no session, is marked with csrf_exempt"
        )
    sent, place = _sent_token(request)
    if not sent:
        return _NO_TOKEN
    if not _is_token_of(sent, secret):
        return f"the token in the {place} is not that of the session; reload the page"
    return None


def _sent_token(request: "Request") -> tuple[str | None, str]:
    """Return the token that came with a request, `None` for none, and the place of it."""
    sent = request.environ.get("HTTP_X_CSRF_TOKEN")
    if sent is not None:
        return sent, f"header {HEADER}"
    return _form_field(request), f"form field {FIELD}"


def _form_field(request: "Request") -> str | None:
    kind = (request.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        return None
    try:
        form = request.parsed_body or {}
    except HTTPException as error:
        if error.status_code == 413:
            raise
        return None
    value = form.get(FIELD)
    return value if isinstance(value, str) else None


def _is_token_of(sent: str, secret: bytes) -> bool:
    data = _octets(sent, 2 * _LENGTH)
    if data is None:
        return False
    return hmac.compare_digest(_xor(data[:_LENGTH], data[_LENGTH:]), secret)


def _session_of(request: "Request") -> MutableMapping[str, Any] | None:
    session = request.session
    return session if isinstance(session, MutableMapping) else None


def _secret_of(session: MutableMapping[str, Any]) -> bytes | None:
    held = session.get(SESSION_KEY)
    return _octets(held, _LENGTH) if isinstance(held, str) else None


def _xor(mask: bytes, secret: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, secret, strict=True))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str, length: int) -> bytes | None:
    """Read base64url of exactly so many bytes; `None` for anything else."""
    if not text.isascii() or len(text) != -(-length * 4 // 3):
        return None
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return octets if len(octets) == length else None


class _Token:
    """The token in a template; made when it is written, so that other pages start no session."""

    template_attributes = ("__call__",)
    __slots__ = ("_request",)

    def __init__(self, request: "Request") -> None:
        self._request = request

    def __str__(self) -> str:
        return csrf_token(self._request)

    def __html__(self) -> str:
        return str(self)

    def __call__(self) -> "_Token":
        return self


class _Input(_Token):
    """The form field with the token."""

    __slots__ = ()

    def __str__(self) -> str:
        return f'<input type="hidden" name="{FIELD}" value="{csrf_token(self._request)}">'
