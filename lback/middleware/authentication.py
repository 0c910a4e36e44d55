"""Who is asking: the user of a request, and the way to the login page for those who need one."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from lback.auth.bearer import CHALLENGE as BEARER_CHALLENGE
from lback.auth.sign_in import (
    ADMIN_USER,
    DEVICE_COOKIES,
    USER,
    database_session,
    signed_in_account,
)
from lback.core.base_middleware import BaseMiddleware
from lback.core.http.accept import page_weight, prefers_json
from lback.core.response import RedirectResponse

if TYPE_CHECKING:
    from lback.auth.bearer import BearerAuthentication
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users.models import Account

# A session is no scheme that IANA knows; a 401 must name one all the same (RFC 9110 §15.5.2).
CHALLENGE = 'Session realm="users"'
SIGN_IN = "accounts.sign_in"


class AuthenticationMiddleware(BaseMiddleware):
    """Brings `request.user`, found when first asked for; `None` is somebody not signed in.

    A request with a bearer token is that of its owner, whatever session it may have; a token that
    is not good is answered 401. A user of the admin is found by
    `request.get_context("admin_user")`.

    An answer 401 that names no way to authenticate gets one: a browser is sent to `LOGIN_URL`, or
    to the page of `lback.accounts` where that is included, with `next` to come back by. Any other
    client is told in `WWW-Authenticate`.

    Args:
        config: `LOGIN_URL` is read here.
    """

    sets_user = True
    needs = ("lback.middleware.SessionMiddleware",)

    def __init__(self, config: "Config") -> None:
        self._login_url = config.LOGIN_URL

    def process_request(self, request: "Request") -> None:
        """Have the user looked up when it is first read."""
        request.add_lazy_context(USER, _user)
        request.add_lazy_context(ADMIN_USER, _admin_user)

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Show the way in to somebody who was refused for not being signed in."""
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


# Users and keys are asked for here and not when the middleware is built: what no request needs is
# not even imported.


def _user(request: "Request") -> "Account | None":
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
    # What a script fetches must fail where it is asked for: a login page is no answer to it.
    accepted = request.environ.get("HTTP_ACCEPT") or ""
    return page_weight(accepted) > 0 and not prefers_json(accepted)


def _sign_in_page(request: "Request") -> str:
    """Return the address of the page of `lback.accounts`, where an application has it."""
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
        return login_url  # what was sent is lost, and its address alone may answer no GET
    query = request.environ.get("QUERY_STRING") or ""
    # As browsers wrote it, quoted: it is to pass `is_local_url`, which knows no controls.
    here = quote(_place_of(request), safe="/:@!$&'()*+,;=~")
    back = f"{here}?{query}" if query else here
    return f"{login_url}{'&' if '?' in login_url else '?'}{urlencode({'next': back})}"
