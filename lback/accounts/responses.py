"""Responses of the account views: pages for browsers, JSON for API clients, never cached."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lback.core.errors.http_errors import wants_json
from lback.core.errors.pages import style
from lback.core.http.hosts import is_from_this_machine
from lback.core.response import JSONResponse, RedirectResponse, Response
from lback.core.urls_utils import is_local_url
from lback.mail import Mailer, MemoryBackend
from lback.middleware.csrf import CSRFMiddleware, csrf_token
from lback.sessions import flashed
from lback.shortcuts import render

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.router import Router
    from lback.users import Account

# Routes without variables that pages link to; their names begin with "accounts.".
LINKED = (
    "account",
    "change_email",
    "change_password",
    "forgot_password",
    "mail_previews",
    "mailbox",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "sign_up",
)
# URLs of these pages may contain tokens, which other sites must not get as a referrer.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def link(request: "Request", name: str, **params: object) -> str:
    """Return the path of an account page.

    Args:
        request: The request; its application has the routes.
        name: Name of the route without "accounts.".
        **params: Values of the path variables.

    Raises:
        ConfigurationError: The request belongs to no application.
    """
    router: Router = request.get_service("router")
    script = str(request.environ.get("SCRIPT_NAME") or "")
    return script + router.url_for(f"accounts.{name}", **params)


def page(
    request: "Request",
    name: str,
    *,
    status: int = 200,
    errors: Mapping[str, list[str]] | None = None,
    **context: object,
) -> Response:
    """Render the template `accounts/<name>.html`.

    Args:
        request: The request.
        name: Name of the template without directory and suffix.
        status: Status code.
        errors: Field name to messages; "form" for messages about the whole form.
        **context: Further variables of the template.
    """
    return render(
        request,
        f"accounts/{name}.html",
        status_code=status,
        headers=PRIVATE,
        page_style=style(),
        links={name: link(request, name) for name in LINKED},
        messages=flashed(request),
        errors=errors or {},
        **{"form": {}, **context},
    )


def done(request: "Request", url: str, data: object = None, *, status: int = 200) -> Response:
    """Return a redirect (303) for browsers, or JSON for API clients.

    Args:
        request: The request.
        url: Target of the redirect.
        data: JSON-serializable data for API clients.
        status: Status code for API clients.
    """
    if is_api_client(request):
        return JSONResponse(data, status, PRIVATE)
    return RedirectResponse(url, 303, PRIVATE)


def is_api_client(request: "Request") -> bool:
    """Return True for an API client: it sends JSON or prefers JSON in `Accept`."""
    kind = request.environ.get("CONTENT_TYPE") or ""
    return wants_json(request) or kind.partition(";")[0].strip().lower() == "application/json"


def is_submitted(request: "Request") -> bool:
    """Return True if the request submits a form (POST)."""
    return request.method == "POST"


def text(request: "Request", name: str) -> str:
    """Return a field of the submitted form or JSON.

    Args:
        request: The request.
        name: Name of the field.

    Returns:
        The text; "" if the field is missing or not text.
    """
    value = (request.parsed_body or {}).get(name)
    return value if isinstance(value, str) else ""


def next_url(request: "Request") -> str:
    """Return the parameter `next` if it is a URL of this host, else ""."""
    sent = request.query_params.get("next") if not is_submitted(request) else text(request, "next")
    return sent if isinstance(sent, str) and is_local_url(sent) else ""


def state(request: "Request") -> dict[str, object]:
    """Return the signed-in user and, if CSRF is checked, the CSRF token, for API clients."""
    manager = request.get_context("middleware_manager")
    checked = any(isinstance(m, CSRFMiddleware) for m in getattr(manager, "middlewares", ()))
    token = {"csrf_token": csrf_token(request)} if checked else {}
    user = request.user
    return {"user": None if user is None else as_data(user), **token}


def as_data(account: "Account") -> dict[str, object]:
    """Return an account as JSON-serializable data for its owner."""
    return {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "email_verified": account.email_verified_at is not None,
        "permissions": sorted(account.permissions),
    }


def has_mailbox(request: "Request") -> bool:
    """Return True if DEBUG is on, emails are kept in memory, and the visitor is on this machine."""
    mailer = request.get_context("mailer")
    debug = request.config is not None and request.config.DEBUG is True
    if not debug or not is_from_this_machine(request.environ):
        return False
    return isinstance(mailer, Mailer) and isinstance(mailer.backend, MemoryBackend)
