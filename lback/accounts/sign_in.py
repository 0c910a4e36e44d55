"""Views to sign in and out."""

from typing import TYPE_CHECKING

from lback.accounts.responses import (
    PRIVATE,
    as_data,
    done,
    is_api_client,
    is_submitted,
    next_url,
    page,
    state,
    text,
)
from lback.auth import TooManyAttempts, authenticate, login, logout, logout_everywhere
from lback.core.exceptions import Unauthorized
from lback.core.response import JSONResponse, RedirectResponse, Response
from lback.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

# The same for an unknown name and a wrong password, so that it does not reveal accounts.
WRONG = gettext_noop("The username or password is wrong. Please try again.")


def sign_in(request: "Request", config: "Config") -> Response:
    """Show the sign-in form, or sign in and redirect to `next`.

    Args:
        request: The request; the form has the fields `username`, `password` and `next`.
        config: Injected settings; `LOGIN_REDIRECT_URL` is used if there is no `next`.

    Raises:
        Unauthorized: An API client sent a wrong username or password.
        TooManyAttempts: An API client made too many attempts.
    """
    back = next_url(request)
    if not is_submitted(request):
        if is_api_client(request):
            return JSONResponse(state(request), headers=PRIVATE)
        if request.user is not None:
            return RedirectResponse(back or config.LOGIN_REDIRECT_URL, headers=PRIVATE)
        return page(request, "sign_in", next=back)
    username = text(request, "username")
    try:
        user = authenticate(request, username, text(request, "password"))
    except TooManyAttempts as error:
        return _refused(request, error, username, back)
    if user is None:
        return _refused(request, Unauthorized(WRONG), username, back)
    login(request, user)
    return done(request, back or config.LOGIN_REDIRECT_URL, {"user": as_data(user)})


def _refused(
    request: "Request", error: TooManyAttempts | Unauthorized, username: str, back: str
) -> Response:
    if is_api_client(request):
        raise error
    # A 401 would be turned into a redirect to this page.
    status = 422 if isinstance(error, Unauthorized) else error.status_code
    form = {"username": username}
    response = page(
        request,
        "sign_in",
        status=status,
        errors={"form": [gettext(error.message)]},
        form=form,
        next=back,
    )
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def sign_out(request: "Request", config: "Config") -> Response:
    """Show a button, or sign out. A GET does not sign out.

    Args:
        request: The request.
        config: Injected settings; `LOGOUT_REDIRECT_URL` is the target of the redirect.
    """
    if not is_submitted(request):
        return page(request, "sign_out")
    logout(request)
    return done(request, config.LOGOUT_REDIRECT_URL, {"user": None})


def sign_out_everywhere(request: "Request", config: "Config") -> Response:
    """End all sessions and revoke all tokens of the signed-in user.

    Args:
        request: The request.
        config: Injected settings; `LOGOUT_REDIRECT_URL` is the target of the redirect.
    """
    logout_everywhere(request, request.user)
    return done(request, config.LOGOUT_REDIRECT_URL, {"user": None})
