"""Views that issue, refresh and revoke access and refresh tokens for API clients.

Parameters and responses follow OAuth 2.0 (RFC 6749 section 5, RFC 7009), without registered
clients.
"""

from typing import TYPE_CHECKING

from lback.accounts.responses import PRIVATE, text
from lback.accounts.sign_in import WRONG
from lback.auth import TokenManager, TokenPair, authenticate
from lback.auth.bearer import CHALLENGE
from lback.core.exceptions import Unauthorized
from lback.core.response import JSON_TYPE, Response, json_encode
from lback.core.urls_utils import path
from lback.middleware.csrf import csrf_exempt

if TYPE_CHECKING:
    from lback.core.request import Request


# CSRF-exempt: these views use credentials in the body and neither read nor set cookies.
@csrf_exempt
def issue(request: "Request", token_manager: TokenManager) -> Response:
    """Issue an access and a refresh token for `username` and `password`.

    Args:
        request: The request; a form or JSON with both fields.
        token_manager: Injected service that issues the tokens.

    Raises:
        Unauthorized: The username or password is wrong.
        TooManyAttempts: The login rate limit is exceeded.
    """
    user = authenticate(request, text(request, "username"), text(request, "password"))
    if user is None:
        raise Unauthorized(WRONG, headers={"WWW-Authenticate": CHALLENGE})
    session = request.db_session
    return _answer(token_manager.issue(session, user))


@csrf_exempt
def refresh(request: "Request", token_manager: TokenManager) -> Response:
    """Exchange a `refresh_token` for new tokens (RFC 6749 section 6).

    Args:
        request: The request; a form or JSON with the field `refresh_token`.
        token_manager: Injected service that checks and issues tokens.

    Raises:
        Unauthorized: The token is not valid, has expired, or was used already.
    """
    return _answer(token_manager.refresh(text(request, "refresh_token")))


@csrf_exempt
def revoke(request: "Request", token_manager: TokenManager) -> Response:
    """Revoke a `refresh_token` and all tokens of the same sign-in (RFC 7009).

    An unknown token is not an error (RFC 7009 section 2.2).

    Args:
        request: The request; a form or JSON with the field `refresh_token`.
        token_manager: Injected service that revokes the tokens.
    """
    session = request.db_session
    token_manager.revoke(session, text(request, "refresh_token"))
    return Response(None, 204, PRIVATE)


def _answer(pair: TokenPair) -> Response:
    return Response(json_encode(pair.as_dict()), 200, PRIVATE, JSON_TYPE)


urlpatterns = [
    path("/", issue, ["POST"], "accounts.tokens", requires_auth=False),
    path("/refresh", refresh, ["POST"], "accounts.tokens_refresh", requires_auth=False),
    path("/revoke", revoke, ["POST"], "accounts.tokens_revoke", requires_auth=False),
]
