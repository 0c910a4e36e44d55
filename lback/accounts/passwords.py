"""Passwords: a forgotten one is replaced by mail, a known one by who knows it."""

from typing import TYPE_CHECKING, Any

from lback.accounts.emails import AccountEmails, count_letter
from lback.accounts.responses import as_data, done, is_submitted, link, page, text
from lback.accounts.sign_up import address_problem, invalid, sent, spent
from lback.auth import TooManyAttempts, authenticate, keep_signed_in
from lback.core.exceptions import ValidationError
from lback.sessions import flash
from lback.users.manager import WRONG_PASSWORD
from lback.users.models import clean_email

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users import AccountTokens, UserManager


def forgot_password(request: "Request") -> "Response":
    """Ask for an address, and send a link to it if there is an account."""
    if not is_submitted(request):
        return page(request, "forgot_password")
    email = clean_email(text(request, "email")) or ""
    problem = address_problem(email)
    if problem:
        return invalid(request, "forgot_password", {"email": [problem]}, form={"email": email})
    count_letter(request, email)
    AccountEmails(request).reset_password(email)
    return sent(request, email)


def reset_password(
    request: "Request", token: str, account_tokens: "AccountTokens[Any]", config: "Config"
) -> "Response":
    """Ask who reads the mail for a new password; all sessions end."""
    session: Any = request.db_session
    try:
        account = account_tokens.account_to_reset(session, token)
    except ValidationError as error:
        return spent(request, error, "forgot_password")
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
            return spent(request, error, "forgot_password")
        return invalid(request, "reset_password", error.errors, **context)
    AccountEmails(request).password_changed(account)
    # Not signed in by it: whoever holds the mail has not shown that they can do without it.
    flash(request, "Your new password is set. Sign in with it.", "success")
    return done(request, link(request, "sign_in"), {"username": account.username})


def change_password(
    request: "Request", user_manager: "UserManager", config: "Config"
) -> "Response":
    """Replace the password for who knows it; all other sessions end."""
    user: Any = request.user
    context: dict[str, Any] = {"min_password_length": config.MIN_PASSWORD_LENGTH}
    if not is_submitted(request):
        return page(request, "change_password", **context)
    problem = current_password_problem(request)
    if problem:
        return invalid(request, "change_password", {"current_password": [problem]}, **context)
    session: Any = request.db_session
    try:
        user_manager.replace_password(session, user, text(request, "password"))
    except ValidationError as error:
        return invalid(request, "change_password", error.errors, **context)
    keep_signed_in(request, user)
    AccountEmails(request).password_changed(user)
    flash(request, "Your password is changed.", "success")
    return done(request, link(request, "account"), {"user": as_data(user)})


def current_password_problem(request: "Request") -> str | None:
    """Ask the user for the password once more; wrong ones are counted as at the door."""
    user: Any = request.user
    try:
        found = authenticate(request, user.username, text(request, "current_password"))
    except TooManyAttempts as error:
        return error.message
    return None if found is not None and found.id == user.id else WRONG_PASSWORD
