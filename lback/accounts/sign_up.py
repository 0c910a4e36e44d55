"""Signing up: an address, a mail, a password.

The account is made by who reads the mail, so that nobody can take an address that is not theirs,
nor learn whether it has an account.
"""

from typing import TYPE_CHECKING, Any

from lback.accounts.emails import AccountEmails, count_letter
from lback.accounts.responses import (
    as_data,
    done,
    has_mailbox,
    is_submitted,
    link,
    page,
    reads_data,
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
    from lback.users import AccountTokens


def sign_up(request: "Request") -> Response:
    """Ask for an address, and send a link to it."""
    if not is_submitted(request):
        return page(request, "sign_up")
    email = clean_email(text(request, "email")) or ""
    problem = address_problem(email)
    if problem:
        return invalid(request, "sign_up", {"email": [problem]}, form={"email": email})
    count_letter(request, email)
    AccountEmails(request).sign_up(email)
    return sent(request, email)


def sign_up_finish(
    request: "Request",
    token: str,
    account_tokens: "AccountTokens[Any]",
    config: "Config",
) -> Response:
    """Ask who reads the mail for a password, make the account, and sign them in."""
    session: Any = request.db_session
    try:
        email = account_tokens.email_to_sign_up(session, token)
    except ValidationError as error:
        return spent(request, error, "sign_up")
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
    """Say what is wrong with an address that may become a username as well, or `None`."""
    return (
        EMAIL_RULE if "@" not in email or username_problem(email, email) else email_problem(email)
    )


def sent(request: "Request", email: str) -> Response:
    """Return what everybody is told who asked for a mail, whether there will be one or not."""
    if reads_data(request):
        return JSONResponse({"email": email}, 202, {"Cache-Control": "no-store"})
    return page(request, "sent", status=202, email=email, mailbox=has_mailbox(request))


def invalid(
    request: "Request", name: str, errors: dict[str, list[str]], **context: Any
) -> Response:
    """Return a form with what is wrong in it, for a program as an error.

    Raises:
        ValidationError: The client is a program.
    """
    if reads_data(request):
        raise ValidationError(errors)
    return page(request, name, status=422, errors=errors, **context)


def spent(request: "Request", error: ValidationError, again: str) -> Response:
    """Return what a link leads to that has ended.

    Raises:
        ValidationError: The client is a program.
    """
    if reads_data(request):
        raise error
    return page(request, "spent", status=410, again=link(request, again))
