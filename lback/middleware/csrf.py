"""CSRF protection: origin check and session-bound token."""

import hmac
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, MutableMapping
from secrets import token_bytes
from typing import TYPE_CHECKING, TypeVar

from lback.core.base_middleware import SimpleMiddleware
from lback.core.errors.redaction import redacted_path, redacted_text
from lback.core.exceptions import (
    ConfigurationError,
    Forbidden,
    HTTPException,
    Unauthorized,
)
from lback.core.http.app_session import CSRF_KEY as SESSION_KEY
from lback.core.http.origins import Origins, origin_of, origin_of_url, own_origin
from lback.core.settings.validation import AMBIENT_SCHEMES
from lback.translation import gettext_noop

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.templates import TemplateRenderer

logger = logging.getLogger(__name__)

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
# Set by the test client. No request can set it: header fields are under HTTP_… (PEP 3333).
CHECKED = "lback.csrf_checked"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_LENGTH = 32
_MARK = "csrf_exempt"
_REFUSED = gettext_noop(
    "This form could not be verified. Go back, reload the page and send it again."
)
_NO_TOKEN = (
    f"no token was sent; put {{{{ csrf_input }}}} into the form, or send the header {HEADER} "
    "(see docs/guides/security.md)"
)

V = TypeVar("V", bound=Callable[..., object])


def csrf_exempt(view: V) -> V:
    """Exempt a view from the CSRF check, for callers that are not browsers, such as webhooks.

    The decorator must be the outermost one, and marks a view function or class itself: a class
    does not inherit the exemption.

    Raises:
        TypeError: The view cannot be marked, such as a bound method.

    Example:
        >>> from lback.middleware import csrf_exempt
        >>> @csrf_exempt
        ... def payment_webhook(request):
        ...     return Response("ok")
    """
    try:
        setattr(view, _MARK, True)
    except AttributeError:
        raise TypeError(
            f"{view!r} cannot be marked with csrf_exempt; decorate the function or the class itself"
        ) from None
    return view


def csrf_token(request: "Request") -> str:
    """Return the CSRF token of the session; creates one if the session has none.

    The token is masked with random bytes, so that each call returns another text and the length
    of compressed pages does not reveal it (BREACH attack). All of these texts are valid until
    `rotate_csrf_token` is called or the session ends.

    Raises:
        ConfigurationError: The request has no session.
    """
    session = _session_of(request)
    if session is None:
        raise ConfigurationError(
            "CSRF: the token is stored in the session, and this request has no session; "
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
    """Invalidate all CSRF tokens of the session. Call it when a user signs in or out."""
    session = _session_of(request)
    if session is not None:
        session.pop(SESSION_KEY, None)


class CSRFMiddleware(SimpleMiddleware):
    """Refuse cross-site requests with unsafe methods (403).

    A request with a method other than GET, HEAD, OPTIONS and TRACE (RFC 9110 section 9.2.1) must
    come from a page of this origin or of `CSRF_TRUSTED_ORIGINS`, and must send the token of the
    session: in the header `X-CSRF-Token`, or in the form field `csrf_token`, which
    `{{ csrf_input }}` renders.

    Not checked are views decorated with `csrf_exempt`, paths without a view, and requests that
    are authenticated by a token in `Authorization`, or have one and no cookie, because browsers
    do not add such a token by themselves. A middleware that authenticates by a token of its own
    sets `request.add_context("authenticated_by", "token")`.

    If the route requires a signed-in user and there is none, a refused request gets 401, so that
    a visitor whose session has expired is sent to sign in.

    Args:
        config: Settings; `CSRF_TRUSTED_ORIGINS` is read at start-up. With `DEBUG` on, the error
            page contains the reason.
        template_renderer: Renderer that gets `csrf_token` and `csrf_input`. None adds neither.
    """

    needs = ("lback.middleware.SessionMiddleware",)
    runs_after = ("BodyParsingMiddleware",)

    def __init__(
        self, config: "Config", template_renderer: "TemplateRenderer | None" = None
    ) -> None:
        self._config = config
        self._trusted = Origins(config.CSRF_TRUSTED_ORIGINS)
        if template_renderer is not None:
            template_renderer.add_request_value("csrf_token", _Token)
            template_renderer.add_request_value("csrf_input", _Input)

    def process_request(self, request: "Request") -> None:
        """Check a request with an unsafe method.

        Raises:
            Forbidden: The origin or the token is not valid.
            Unauthorized: As before, and the route requires a signed-in user and there is none.
            HTTPException: 413, the form that should contain the token is too large.
        """
        if request.method in _SAFE or _is_exempt(request):
            return
        problem = self._origin_problem(request) or _token_problem(
            request, explain=self._config.DEBUG is True
        )
        if problem is not None:
            _require_user(request)
            logger.warning(
                "CSRF: %s %r refused: %s",
                request.method, redacted_path(request), redacted_text(problem, request),
            )  # fmt: skip
            raise Forbidden(f"CSRF: {problem}" if self._config.DEBUG is True else _REFUSED)

    def _origin_problem(self, request: "Request") -> str | None:
        """Return why the origin of a request is not trusted, or None if it is."""
        environ = request.environ
        sent, site = environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE")
        # A page with "Referrer-Policy: no-referrer" sends "Origin: null", also to its own site.
        if sent is not None and not (sent == "null" and site == "same-origin"):
            return self._problem_of(request, sent, origin_of(sent), "Origin")
        if site in ("cross-site", "same-site"):
            return f"Sec-Fetch-Site is {site} and there is no Origin"
        referer = environ.get("HTTP_REFERER")
        if referer is not None:
            return self._problem_of(request, referer, origin_of_url(referer), "Referer")
        if request.is_secure and site is None:
            return "the request has neither Origin nor Referer"
        return None

    def _problem_of(
        self, request: "Request", sent: str, origin: str | None, field: str
    ) -> str | None:
        if origin is not None and (origin in self._trusted or origin == own_origin(request)):
            return None
        return (
            f"the {field} {origin or sent[:200]!r} is not {own_origin(request)!r}; if it is to be "
            "trusted, add it to CSRF_TRUSTED_ORIGINS; behind a proxy, set TRUSTED_PROXIES"
        )


def _is_exempt(request: "Request") -> bool:
    environ = request.environ
    if environ.get(CHECKED) is True:
        return True
    scheme = (environ.get("HTTP_AUTHORIZATION") or "").partition(" ")[0].lower()
    if scheme and scheme not in AMBIENT_SCHEMES and _is_by_token(request):
        return True
    router = request.router
    if router is None:
        return False
    found = router.find(request.path, request.method)
    # Only a mark of its own: a subclass does not inherit the exemption.
    return found is None or getattr(found[0].view, "__dict__", {}).get(_MARK) is True


def _is_by_token(request: "Request") -> bool:
    if "HTTP_COOKIE" not in request.environ:
        return True
    # Read first, because loading the user sets "authenticated_by". The cookie may be one of a
    # load balancer.
    user = request.user
    return user is not None and request.get_context("authenticated_by", "session") != "session"


def _require_user(request: "Request") -> None:
    """Raise Unauthorized if the route requires a signed-in user and there is none.

    A visitor whose session has expired is then sent to sign in instead of getting a 403.
    """
    router = request.router
    found = None if router is None else router.find(request.path, request.method)
    if found is not None and found[0].requires_auth and request.user is None:
        request.route_requires_auth = True
        raise Unauthorized


def _token_problem(request: "Request", *, explain: bool) -> str | None:
    session = _session_of(request)
    secret = None if session is None else _secret_of(session)
    if session is None:
        return "the request has no session; add a session middleware before CSRFMiddleware"
    if secret is None:
        # The request is refused in any case; its body is parsed only to explain that in DEBUG.
        if explain and not _sent_tokens(request)[0]:
            return _NO_TOKEN
        return (
            "the session has no token: it has expired, or the browser sends no cookies; "
            "decorate a view for programs, which have no session, with csrf_exempt"
        )
    sent, place = _sent_tokens(request)
    if not sent:
        return _NO_TOKEN
    if not all(_is_token_of(token, secret) for token in sent):
        return f"the token in the {place} does not belong to the session; reload the page"
    return None


def _sent_tokens(request: "Request") -> tuple[list[str], str]:
    """Return the tokens of a request and where they were sent.

    There are several if a form contains `{{ csrf_input }}` more than once.
    """
    sent = request.environ.get("HTTP_X_CSRF_TOKEN")
    if sent:  # scripts send an empty field if the page has no token for them
        return [sent], f"header {HEADER}"
    return _form_fields(request), f"form field {FIELD}"


def _form_fields(request: "Request") -> list[str]:
    kind = (request.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        return []
    try:
        form = request.parsed_body or {}
    except HTTPException as error:
        if error.status_code == 413:
            raise
        return []
    value = form.get(FIELD) or []
    return value if isinstance(value, list) else [value]


def _is_token_of(sent: str, secret: bytes) -> bool:
    data = _octets(sent, 2 * _LENGTH)
    if data is None:
        return False
    return hmac.compare_digest(_xor(data[:_LENGTH], data[_LENGTH:]), secret)


def _session_of(request: "Request") -> MutableMapping[str, object] | None:
    session = request.session
    return session if isinstance(session, MutableMapping) else None


def _secret_of(session: MutableMapping[str, object]) -> bytes | None:
    stored = session.get(SESSION_KEY)
    return _octets(stored, _LENGTH) if isinstance(stored, str) else None


def _xor(mask: bytes, secret: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, secret, strict=True))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str, length: int) -> bytes | None:
    """Decode base64url of exactly `length` bytes; return None for anything else."""
    if not text.isascii() or len(text) != -(-length * 4 // 3):
        return None
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return octets if len(octets) == length else None


class _Token:
    """The token in a template; created when rendered, so that other pages start no session."""

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
    """The hidden form field with the token."""

    __slots__ = ()

    def __str__(self) -> str:
        return f'<input type="hidden" name="{FIELD}" value="{csrf_token(self._request)}">'
