"""Views to sign up: enter an address, follow the link in the email, choose a password.

The account is created after the link was followed, so that visitors can neither claim an address
of another person nor find out whether it has an account.
"""

from typing import TYPE_CHECKING, Any

from lback.accounts.emails import AccountEmails, count_email
from lback.accounts.responses import (
    as_data,
    done,
    has_mailbox,
    is_api_client,
    is_submitted,
    link,
    page,
    text,
)
from lback.auth import login
from lback.core.exceptions import ValidationError
from lback.core.response import JSONResponse, Response
from lback.users.account_rules import EMAIL_RULE, email_problem, username_problem
from lback.users.models import clean_email

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.users import Account, AccountTokens


def sign_up(request: "Request") -> Response:
    """Ask for an address, and send a sign-up link to it.

    Raises:
        ValidationError: An API client sent an invalid address.
        TooManyAttempts: Too many emails were requested.
    """
    if not is_submitted(request):
        return page(request, "sign_up")
    email = clean_email(text(request, "email")) or ""
    problem = address_problem(email)
    if problem:
        return invalid(request, "sign_up", {"email": [problem]}, form={"email": email})
    count_email(request, email)
    AccountEmails(request).sign_up(email)
    return sent(request, email)


def sign_up_finish(
    request: "Request",
    token: str,
    account_tokens: "AccountTokens[Account]",
    config: "Config",
) -> Response:
    """Create the account with a chosen password, and sign in.

    Args:
        request: The request; the form has the field `password`.
        token: Token of the link in the email.
        account_tokens: Injected service that checks the token and creates the account.
        config: Injected settings; `LOGIN_REDIRECT_URL` and `MIN_PASSWORD_LENGTH` are used.

    Raises:
        ValidationError: An API client sent an invalid token or password.
    """
    session = request.db_session
    try:
        email = account_tokens.email_to_sign_up(session, token)
    except ValidationError as error:
        return link_expired(request, error, "sign_up")
    context: dict[str, Any] = {"email": email, "min_password_length": config.MIN_PASSWORD_LENGTH}
    if not is_submitted(request):
        return page(request, "sign_up_finish", **context)
    try:
        user = account_tokens.sign_up(session, token, text(request, "password"))
    except ValidationError as error:
        return invalid(request, "sign_up_finish", error.errors, **context)
    login(request, user)
    return done(request, config.LOGIN_REDIRECT_URL, {"user": as_data(user)}, status=201)


def address_problem(email: str) -> str | None:
    """Return an error message for an address that is not valid, also as a username, or None."""
    if "@" not in email or username_problem(email, email):
        return str(EMAIL_RULE)
    return email_problem(email)


def sent(request: "Request", email: str) -> Response:
    """Return the response to a requested email; the same whether one is sent or not.

    Args:
        request: The request.
        email: Address that was entered.
    """
    if is_api_client(request):
        return JSONResponse({"email": email}, 202, {"Cache-Control": "no-store"})
    return page(request, "sent", status=202, email=email, mailbox=has_mailbox(request))


def invalid(
    request: "Request", name: str, errors: dict[str, list[str]], **context: object
) -> Response:
    """Return the form with error messages (422).

    Args:
        request: The request.
        name: Name of the template without directory and suffix.
        errors: Field name to messages.
        **context: Further variables of the template.

    Raises:
        ValidationError: For API clients, who get the errors as JSON.
    """
    if is_api_client(request):
        raise ValidationError(errors)
    return page(request, name, status=422, errors=errors, **context)


def link_expired(request: "Request", error: ValidationError, again: str) -> Response:
    """Return the page of an expired link (410).

    Args:
        request: The request.
        error: Error of the token.
        again: Name of the route where a new link can be requested, without "accounts.".

    Raises:
        ValidationError: For API clients, who get the error as JSON.
    """
    if is_api_client(request):
        raise error
    return page(request, "spent", status=410, again=link(request, again))
