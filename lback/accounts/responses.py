"""Answers of the accounts: a page for people, JSON for programs, and neither for any cache."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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

# Routes without variables, which pages link to; each is named "accounts." and this.
LINKED = (
    "account",
    "change_email",
    "change_password",
    "forgot_password",
    "mailbox",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "sign_up",
)
# A link of these pages holds what lets somebody in: no page that it leads to is to see it.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def link(request: "Request", name: str, **params: Any) -> str:
    """Return the path of a page of the accounts, for a link on a page.

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
    **context: Any,
) -> Response:
    """Return a page, made of the template `accounts/<name>.html`."""
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


def done(request: "Request", url: str, data: Any = None, *, status: int = 200) -> Response:
    """Return what follows a success: another page, or data for a program."""
    if reads_data(request):
        return JSONResponse(data, status, PRIVATE)
    return RedirectResponse(url, 303, PRIVATE)


def reads_data(request: "Request") -> bool:
    """Tell whether a client is a program: it sends JSON, or asks for it."""
    kind = request.environ.get("CONTENT_TYPE") or ""
    return wants_json(request) or kind.partition(";")[0].strip().lower() == "application/json"


def is_submitted(request: "Request") -> bool:
    """Tell whether a form was sent, rather than asked for."""
    return request.method == "POST"


def text(request: "Request", name: str) -> str:
    """Return a field of what was sent; empty where it is missing, or no text."""
    value = (request.parsed_body or {}).get(name)
    return value if isinstance(value, str) else ""


def next_url(request: "Request") -> str:
    """Return where somebody wants to go on: a path of this host, or nothing."""
    sent = request.query_params.get("next") if not is_submitted(request) else text(request, "next")
    return sent if isinstance(sent, str) and is_local_url(sent) else ""


def state(request: "Request") -> dict[str, Any]:
    """Return who is signed in and, where forms are checked, the token for the next request."""
    manager = request.get_context("middleware_manager")
    checked = any(isinstance(m, CSRFMiddleware) for m in getattr(manager, "middlewares", ()))
    token = {"csrf_token": csrf_token(request)} if checked else {}
    user = request.user
    return {"user": None if user is None else as_data(user), **token}


def as_data(account: "Account") -> dict[str, Any]:
    """Return what an account is told of itself."""
    return {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "email_verified": account.email_verified_at is not None,
        "permissions": sorted(account.permissions),
    }


def has_mailbox(request: "Request") -> bool:
    """Return True if DEBUG is on, mail stays in memory, and the visitor is on this machine."""
    mailer = request.get_context("mailer")
    debug = request.config is not None and request.config.DEBUG is True
    if not debug or not is_from_this_machine(request.environ):
        return False
    return isinstance(mailer, Mailer) and isinstance(mailer.backend, MemoryBackend)
