"""Views to reset a forgotten password and to change a known one."""

from typing import TYPE_CHECKING, Any

from lback.accounts.emails import AccountEmails, count_email
from lback.accounts.responses import as_data, done, is_submitted, link, page, text
from lback.accounts.sign_up import address_problem, invalid, link_expired, sent
from lback.auth import TooManyAttempts, authenticate, keep_signed_in
from lback.core.exceptions import ValidationError
from lback.sessions import flash
from lback.translation import gettext
from lback.users.manager import WRONG_PASSWORD
from lback.users.models import clean_email

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users import Account, AccountTokens, UserManager


def forgot_password(request: "Request") -> "Response":
    """Ask for an address, and send a reset link to it if it has an account.

    The response is the same whether there is an account or not.

    Raises:
        ValidationError: An API client sent an invalid address.
        TooManyAttempts: Too many emails were requested.
    """
    if not is_submitted(request):
        return page(request, "forgot_password")
    email = clean_email(text(request, "email")) or ""
    problem = address_problem(email)
    if problem:
        return invalid(request, "forgot_password", {"email": [problem]}, form={"email": email})
    count_email(request, email)
    AccountEmails(request).reset_password(email)
    return sent(request, email)


def reset_password(
    request: "Request", token: str, account_tokens: "AccountTokens[Account]", config: "Config"
) -> "Response":
    """Set a new password by means of the link in an email. All sessions of the account end.

    Args:
        request: The request; the form has the field `password`.
        token: Token of the link in the email.
        account_tokens: Injected service that checks the token.
        config: Injected settings; `MIN_PASSWORD_LENGTH` is shown.

    Raises:
        ValidationError: An API client sent an invalid token or password.
    """
    session = request.db_session
    try:
        account = account_tokens.account_to_reset(session, token)
    except ValidationError as error:
        return link_expired(request, error, "forgot_password")
    context: dict[str, Any] = {
        "username": account.username,
        "min_password_length": config.MIN_PASSWORD_LENGTH,
    }
    if not is_submitted(request):
        return page(request, "reset_password", **context)
    try:
        account_tokens.reset_password(session, token, text(request, "password"))
    except ValidationError as error:
        if "token" in error.errors:
            return link_expired(request, error, "forgot_password")
        return invalid(request, "reset_password", error.errors, **context)
    AccountEmails(request).password_changed(account)
    # The link does not sign in: access to the mailbox alone must not open a session.
    flash(request, gettext("Your new password is set. Sign in with it."), "success")
    return done(request, link(request, "sign_in"), {"username": account.username})


def change_password(
    request: "Request", user_manager: "UserManager", config: "Config"
) -> "Response":
    """Change the password of the signed-in user. All other sessions end.

    Args:
        request: The request; the form has the fields `current_password` and `password`.
        user_manager: Injected manager that checks and stores the password.
        config: Injected settings; `MIN_PASSWORD_LENGTH` is shown.

    Raises:
        ValidationError: An API client sent a wrong or unsuitable password.
    """
    user = request.user
    context: dict[str, Any] = {"min_password_length": config.MIN_PASSWORD_LENGTH}
    if not is_submitted(request):
        return page(request, "change_password", **context)
    problem = current_password_problem(request)
    if problem:
        return invalid(request, "change_password", {"current_password": [problem]}, **context)
    session = request.db_session
    try:
        user_manager.replace_password(session, user, text(request, "password"))
    except ValidationError as error:
        return invalid(request, "change_password", error.errors, **context)
    keep_signed_in(request, user)
    AccountEmails(request).password_changed(user)
    flash(request, gettext("Your password is changed."), "success")
    return done(request, link(request, "account"), {"user": as_data(user)})


def current_password_problem(request: "Request") -> str | None:
    """Return an error message if the field `current_password` is wrong, else None.

    Attempts count towards the login rate limit.
    """
    user = request.user
    try:
        found = authenticate(request, user.username, text(request, "current_password"))
    except TooManyAttempts as error:
        return gettext(error.message)
    return None if found is not None and found.id == user.id else str(WRONG_PASSWORD)
