"""Signing in and out."""

from typing import TYPE_CHECKING

from lback.accounts.responses import (
    PRIVATE,
    as_data,
    done,
    is_submitted,
    next_url,
    page,
    reads_data,
    state,
    text,
)
from lback.auth import TooManyAttempts, authenticate, login, logout, logout_everywhere
from lback.core.exceptions import Unauthorized
from lback.core.response import JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

# One text for a name that nobody has and for a wrong password.
WRONG = "The name or the password is not right."


def sign_in(request: "Request", config: "Config") -> Response:
    """Show the form, or sign somebody in and lead them on to `next`."""
    back = next_url(request)
    if not is_submitted(request):
        if reads_data(request):
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
    if reads_data(request):
        raise error
    # 401 would send a browser to this very page.
    status = 422 if isinstance(error, Unauthorized) else error.status_code
    form = {"username": username}
    response = page(
        request, "sign_in", status=status, errors={"form": [error.message]}, form=form, next=back
    )
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def sign_out(request: "Request", config: "Config") -> Response:
    """Show a button, for a link must not sign anybody out, or sign out."""
    if not is_submitted(request):
        return page(request, "sign_out")
    logout(request)
    return done(request, config.LOGOUT_REDIRECT_URL, {"user": None})


def sign_out_everywhere(request: "Request", config: "Config") -> Response:
    """End all sessions and tokens of the user, wherever they are."""
    logout_everywhere(request, request.user)
    return done(request, config.LOGOUT_REDIRECT_URL, {"user": None})
