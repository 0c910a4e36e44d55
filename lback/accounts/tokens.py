"""Tokens for programs, over HTTP: a pair for a password, the next pair, and the end of both.

The parameters and answers are those of OAuth 2 (RFC 6749 §5, RFC 7009), without its clients.
"""

from typing import TYPE_CHECKING, Any

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


# Exempt: no browser adds by itself what lets somebody in here, and no cookie comes of it.
@csrf_exempt
def issue(request: "Request", token_manager: TokenManager) -> Response:
    """Give a pair of tokens for `username` and `password`.

    Raises:
        Unauthorized: They are not right.
        TooManyAttempts: There were too many wrong ones.
    """
    user = authenticate(request, text(request, "username"), text(request, "password"))
    if user is None:
        raise Unauthorized(WRONG, headers={"WWW-Authenticate": CHALLENGE})
    session: Any = request.db_session
    return _answer(token_manager.issue(session, user))


@csrf_exempt
def refresh(request: "Request", token_manager: TokenManager) -> Response:
    """Exchange a `refresh_token` for the next pair.

    Raises:
        Unauthorized: It is none, or has ended.
    """
    return _answer(token_manager.refresh(text(request, "refresh_token")))


@csrf_exempt
def revoke(request: "Request", token_manager: TokenManager) -> Response:
    """End what came out of the sign-in of a `refresh_token`; any other text does nothing."""
    session: Any = request.db_session
    token_manager.revoke(session, text(request, "refresh_token"))
    return Response(None, 204, PRIVATE)


def _answer(pair: TokenPair) -> Response:
    return Response(json_encode(pair.as_dict()), 200, PRIVATE, JSON_TYPE)


urlpatterns = [
    path("/", issue, ["POST"], "accounts.tokens", requires_auth=False),
    path("/refresh", refresh, ["POST"], "accounts.tokens_refresh", requires_auth=False),
    path("/revoke", revoke, ["POST"], "accounts.tokens_revoke", requires_auth=False),
]
