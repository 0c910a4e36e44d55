"""Bearer authentication: from the `Authorization` header to an account (RFC 6750)."""

from typing import TYPE_CHECKING

from lback.core.exceptions import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from lback.auth.api_keys import ApiKeyManager
    from lback.auth.refresh_tokens import TokenManager
    from lback.core.request import Request
    from lback.users import Account

CHALLENGE = 'Bearer realm="users"'
INVALID = f'{CHALLENGE}, error="invalid_token"'


class BearerAuthentication:
    """Authenticates requests by API key, and by access token where these are configured.

    Args:
        api_key_manager: Looks up the owners of API keys.
        token_manager: Looks up the owners of access tokens; `None` where there are none.
        schemes: Names of the authentication schemes that carry credentials, in any case.
    """

    def __init__(
        self,
        api_key_manager: "ApiKeyManager",
        token_manager: "TokenManager | None" = None,
        schemes: "Iterable[str]" = ("Bearer",),
    ) -> None:
        self._keys = api_key_manager
        self._tokens = token_manager
        self._schemes = frozenset(scheme.lower() for scheme in schemes)

    def credentials_of(self, request: "Request") -> str | None:
        """Return the API key or access token that a request carries.

        Args:
            request: The current request; its `Authorization` header is read.

        Returns:
            The credentials, not validated; `None` if there are none that Lback could have issued.
        """
        field = request.environ.get("HTTP_AUTHORIZATION")
        if field is None:
            return None
        scheme, _, credentials = field.partition(" ")
        if scheme.lower() not in self._schemes:
            return None
        credentials = credentials.strip()
        return credentials if self._keys.is_key(credentials) or self._tokens is not None else None

    def account(self, session: "Session", credentials: str) -> "Account":
        """Return the owner of an API key or access token.

        Args:
            session: Database session for the look-up.
            credentials: The key or token, as returned by `credentials_of`.

        Raises:
            Unauthorized: The key or token is not valid; the response has `error="invalid_token"` in
                `WWW-Authenticate` (RFC 6750 section 3.1).
        """
        account: Account | None = None
        if self._keys.is_key(credentials):
            account = self._keys.account(session, credentials)
        elif self._tokens is not None:
            account = self._tokens.account(session, credentials)
        if account is None:
            raise Unauthorized(headers={"WWW-Authenticate": INVALID})
        return account
