"""Security schemes: how clients prove who they are, as OpenAPI describes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lback.auth.guards import who_is_let_in
from lback.auth.route_access import SAFE, checks_csrf, is_csrf_exempt, permission_names

if TYPE_CHECKING:
    from lback.api.descriptions import Operation
    from lback.core.config import Config

SESSION = "session"
CSRF = "csrfToken"
API_KEY = "apiKey"
ACCESS_TOKEN = "accessToken"  # noqa: S105  the name of a scheme

# Names of security schemes, each with the permissions that it needs; all of one are needed.
Requirement = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SecuritySchemes:
    """The security schemes of an application.

    Args:
        cookie: Name of the session cookie; empty if users do not sign in with a session.
        has_csrf: Whether a middleware checks a CSRF token.
        has_api_keys: Whether users are authenticated by API keys.
        has_access_tokens: Whether users are authenticated by access tokens.
    """

    cookie: str = ""
    has_csrf: bool = False
    has_api_keys: bool = False
    has_access_tokens: bool = False

    @classmethod
    def of(
        cls,
        config: "Config",
        middlewares: Iterable[object],
        dependencies: Mapping[str, object],
    ) -> "SecuritySchemes":
        """Return the schemes that an application accepts.

        Args:
            config: Its settings.
            middlewares: Its middlewares.
            dependencies: Its services by name.
        """
        middlewares = list(middlewares)
        names = {kind.__name__ for item in middlewares for kind in type(item).__mro__}
        authenticates = "AuthenticationMiddleware" in names
        return cls(
            config.SESSION_COOKIE_NAME if authenticates and "SessionMiddleware" in names else "",
            checks_csrf(middlewares),
            authenticates and "api_key_manager" in dependencies,
            authenticates and "token_manager" in dependencies,
        )

    def components(self) -> dict[str, dict[str, str]]:
        """Return the `securitySchemes` of the document."""
        schemes = {}
        if self.cookie:
            schemes[SESSION] = {
                "type": "apiKey",
                "in": "cookie",
                "name": self.cookie,
                "description": "The session of a signed-in user.",
            }
        if self.cookie and self.has_csrf:
            schemes[CSRF] = {
                "type": "apiKey",
                "in": "header",
                "name": "X-CSRF-Token",
                "description": "The CSRF token of the session.",
            }
        if self.has_api_keys:
            schemes[API_KEY] = {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "API key",
                "description": "An API key of a user.",
            }
        if self.has_access_tokens:
            schemes[ACCESS_TOKEN] = {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token of a user.",
            }
        return schemes

    def requirements(self, operation: "Operation") -> list[Requirement]:
        """Return the `security` of an operation: alternatives, one of which a client needs.

        Args:
            operation: The operation.

        Returns:
            An empty list if no credentials are needed. If only browsers need a CSRF token, the last
            alternative is empty.
        """
        permissions = permissions_of(operation)
        csrf = self._needs_csrf(operation)
        if not csrf and not needs_user(operation):
            return []
        found: list[Requirement] = []
        if self.cookie:
            found.append({SESSION: permissions, **({CSRF: []} if csrf else {})})
        if self.has_api_keys:
            found.append({API_KEY: permissions})
        if self.has_access_tokens:
            found.append({ACCESS_TOKEN: permissions})
        # Without a user, the token is needed by browsers alone, which send cookies.
        return found if needs_user(operation) else [*found, {}]

    def _needs_csrf(self, operation: "Operation") -> bool:
        view = operation.route.view
        return self.has_csrf and operation.method not in SAFE and not is_csrf_exempt(view)


def permissions_of(operation: "Operation") -> list[str]:
    """Return the names of the permissions that an operation requires."""
    return permission_names(operation.route.view, operation.view)


def needs_user(operation: "Operation") -> bool:
    """Return True if only signed-in users may call an operation."""
    route = operation.route
    return bool(
        route.requires_auth
        or permissions_of(operation)
        or who_is_let_in(route.view)
        or getattr(operation.view, "lets_in", "")
    )
