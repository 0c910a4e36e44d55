"""Views of the signed-in user's account and of its email address."""

from typing import TYPE_CHECKING

from lback.accounts.emails import AccountEmails, count_email
from lback.accounts.passwords import current_password_problem
from lback.accounts.responses import (
    PRIVATE,
    as_data,
    done,
    is_api_client,
    is_submitted,
    link,
    page,
    state,
    text,
)
from lback.accounts.sign_up import address_problem, invalid, link_expired, sent
from lback.core.exceptions import ValidationError
from lback.core.response import JSONResponse, Response
from lback.sessions import flash
from lback.translation import gettext
from lback.users.models import clean_email

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.users import Account, AccountTokens


def account(request: "Request") -> Response:
    """Show the account of the signed-in user; JSON for API clients."""
    if is_api_client(request):
        return JSONResponse(state(request), headers=PRIVATE)
    return page(request, "account")


def change_email(request: "Request") -> Response:
    """Send a verification link to a new address; the address changes once it is verified.

    The form has the fields `email` and `current_password`.

    Raises:
        ValidationError: An API client sent an invalid address or a wrong password.
        TooManyAttempts: Too many emails were requested.
    """
    user = request.user
    if not is_submitted(request):
        return page(request, "change_email", form={"email": user.email or ""})
    email = clean_email(text(request, "email")) or ""
    form = {"email": email}
    problem = address_problem(email)
    if problem:
        return invalid(request, "change_email", {"email": [problem]}, form=form)
    problem = current_password_problem(request)
    if problem:
        return invalid(request, "change_email", {"current_password": [problem]}, form=form)
    count_email(request, email)
    AccountEmails(request).verify_email(user, email)
    return sent(request, email)


def verify_email(
    request: "Request", token: str, account_tokens: "AccountTokens[Account]"
) -> Response:
    """Verify the address of an account after a click on a button.

    A GET does not verify, because mail scanners follow links.

    Args:
        request: The request.
        token: Token of the link in the email.
        account_tokens: Injected service that checks the token.

    Raises:
        ValidationError: An API client sent an invalid or expired token.
    """
    if not is_submitted(request):
        return page(request, "verify_email")
    session = request.db_session
    try:
        before = account_tokens.account_to_verify(session, token)[0].email
        verified = account_tokens.verify_email(session, token)
    except ValidationError as error:
        return link_expired(request, error, "change_email")
    if before is not None and before != verified.email:
        AccountEmails(request).email_changed(before, verified.username)
    flash(request, gettext("Your email address is verified."), "success")
    return done(request, link(request, "account"), {"user": as_data(verified)})
