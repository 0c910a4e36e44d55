"""Authentication: `request.user`, and a redirect to the login page or a challenge for a 401."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from lback.auth.bearer import CHALLENGE as BEARER_CHALLENGE
from lback.auth.environ_keys import DEVICE_COOKIES
from lback.auth.sign_in import (
    ADMIN_USER,
    USER,
    account_of_ticket,
    database_session,
    signed_in_account,
)
from lback.core.base_middleware import BaseMiddleware
from lback.core.http.accept import page_weight, prefers_json
from lback.core.response import RedirectResponse
from lback.core.routing.websocket_route import TICKET

if TYPE_CHECKING:
    from lback.auth.bearer import BearerAuthentication
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users.models import Account

# A 401 must name a scheme (RFC 9110 section 15.5.2), and IANA has registered none for sessions.
CHALLENGE = 'Session realm="users"'
SIGN_IN = "accounts.sign_in"


class AuthenticationMiddleware(BaseMiddleware):
    """Set `request.user`, loaded on first access; None for an anonymous request.

    A bearer token takes precedence over the session; an invalid token raises `Unauthorized`
    (401). The user of the admin is `request.get_context("admin_user")`.

    A 401 response without `WWW-Authenticate` is completed: browsers are redirected to `LOGIN_URL`,
    or to the sign-in page of `lback.accounts` if it is included, with the requested URL as the
    parameter `next`. Other clients get `WWW-Authenticate` (RFC 9110 section 11.6.1).

    Args:
        config: Settings; `LOGIN_URL` is read.
    """

    sets_user = True
    needs = ("lback.middleware.SessionMiddleware",)

    def __init__(self, config: "Config") -> None:
        self._login_url = config.LOGIN_URL

    def process_request(self, request: "Request") -> None:
        """Register the user and the user of the admin as lazy values."""
        request.add_lazy_context(USER, _user)
        request.add_lazy_context(ADMIN_USER, _admin_user)

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Complete a 401 response, and set cookies of trusted devices.

        Args:
            request: The request.
            response: The response. A 401 gets `WWW-Authenticate`, or is replaced by a redirect.
        """
        if DEVICE_COOKIES in request.environ:
            from lback.auth.devices import set_cookies

            set_cookies(request, response)
        if response.status_code != 401 or "WWW-Authenticate" in response.headers:
            return response
        if _is_navigation(request):
            login_url = self._login_url or _sign_in_page(request)
            if login_url and login_url not in (request.path, _place_of(request)):
                status = 302 if _is_safe(request) else 303
                return RedirectResponse(_with_next(login_url, request), status)
        response.headers["WWW-Authenticate"] = f"{BEARER_CHALLENGE}, {CHALLENGE}"
        return response


# User managers and keys are read per request, so that a process that needs none imports none.


def _user(request: "Request") -> "Account | None":
    if TICKET in request.environ:  # of a WebSocket
        return account_of_ticket(request, request.user_manager)
    if "HTTP_AUTHORIZATION" in request.environ:
        bearer: BearerAuthentication | None = request.get_context("bearer_authentication")
        credentials = None if bearer is None else bearer.credentials_of(request)
        if bearer is not None and credentials is not None:
            request.add_context("authenticated_by", "bearer")
            return bearer.account(database_session(request), credentials)
    return signed_in_account(request, USER, request.user_manager)


def _admin_user(request: "Request") -> "Account | None":
    return signed_in_account(request, ADMIN_USER, request.admin_user_manager)


def _is_navigation(request: "Request") -> bool:
    # A request of a script must fail: a redirect would give it the HTML of a login page.
    accepted = request.environ.get("HTTP_ACCEPT") or ""
    return page_weight(accepted) > 0 and not prefers_json(accepted)


def _sign_in_page(request: "Request") -> str:
    """Return the URL of the sign-in page of `lback.accounts`, or "" if it is not included."""
    router = request.router
    if router is None or router.get_route_by_name(SIGN_IN) is None:
        return ""
    return str(request.environ.get("SCRIPT_NAME") or "") + router.url_for(SIGN_IN)


def _is_safe(request: "Request") -> bool:
    return request.method in ("GET", "HEAD")


def _place_of(request: "Request") -> str:
    return str(request.environ.get("SCRIPT_NAME") or "") + request.path


def _with_next(login_url: str, request: "Request") -> str:
    if not _is_safe(request):
        return login_url  # the body is lost, and the URL may not answer GET
    query = request.environ.get("QUERY_STRING") or ""
    # Percent-encoded, because `is_local_url` refuses control characters.
    here = quote(_place_of(request), safe="/:@!$&'()*+,;=~")
    back = f"{here}?{query}" if query else here
    return f"{login_url}{'&' if '?' in login_url else '?'}{urlencode({'next': back})}"
