"""Account emails, rendered and sent after the response.

Whether an address has an account is looked up after the response as well, and the same work is
done if it has none, so that neither texts nor response times reveal who has an account.
"""

import logging
from typing import TYPE_CHECKING, Any

from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.core.http.after_answer import after_answer
from lback.mail import Mail, Mailer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.core.router import Router
    from lback.core.templates import TemplateRenderer
    from lback.database import DatabaseManager
    from lback.users import Account, AccountManager, AccountTokens

logger = logging.getLogger(__name__)


class AccountEmails:
    """Send account emails on behalf of a request.

    Args:
        request: The request; links in the emails lead to its host.

    Raises:
        ConfigurationError: The application has no mailer or no database.
    """

    def __init__(self, request: "Request") -> None:
        self._request = request
        self._mailer: Mailer = _service(request, "mailer")
        self._db_manager: DatabaseManager = _service(request, "db_manager")
        self._tokens: AccountTokens[Account] = _service(request, "account_tokens")
        self._users: AccountManager[Account] = _service(request, "user_manager")
        self._renderer: TemplateRenderer = _service(request, "template_renderer")
        self._router: Router = _service(request, "router")
        self._script = str(request.environ.get("SCRIPT_NAME") or "")
        # Read now, while the request exists. The host was checked against ALLOWED_HOSTS.
        self._host = request.get_host
        self._base = request.build_absolute_uri("/").rstrip("/")

    def sign_up(self, email: str) -> None:
        """Send a link to create an account or, if the address has one, a link to sign in."""
        self._later(lambda session: self._sign_up(session, email))

    def reset_password(self, email: str) -> None:
        """Send a link to set a new password, if the address has an active account."""
        self._later(lambda session: self._reset_password(session, email))

    def verify_email(self, account: "Account", email: str) -> None:
        """Send a verification link to a new address of an account.

        Args:
            account: Account whose address is to change.
            email: New address, normalized; the email is sent to it.
        """
        # Created now, so that a password change before the email is rendered invalidates it.
        token, username = self._tokens.for_email(account, email), account.username
        url = self._link("verify_email", token=token)
        self._later(lambda _: self._send(email, "verify_email", link=url, username=username))

    def password_changed(self, account: "Account") -> None:
        """Notify the owner of an account that its password was changed."""
        if account.email is not None:
            username, email = account.username, account.email
            self._later(
                lambda _: self._send(
                    email, "password_changed", username=username, link=self._link("forgot_password")
                )
            )

    def email_changed(self, before: str, username: str) -> None:
        """Notify the old address of an account that the address was changed.

        Args:
            before: Old address; the email is sent to it.
            username: Username of the account.
        """
        self._later(
            lambda _: self._send(
                before, "email_changed", username=username, link=self._link("account")
            )
        )

    def _sign_up(self, session: "Session", email: str) -> None:
        if self._users.get_by_email(session, email) is not None:
            forgot = self._link("forgot_password")
            self._send(email, "has_account", link=self._link("sign_in"), forgot_link=forgot)
            return
        token = self._tokens.for_sign_up(email)
        self._send(email, "sign_up", link=self._link("sign_up_finish", token=token))

    def _reset_password(self, session: "Session", email: str) -> None:
        account = self._users.get_by_email(session, email)
        if account is None or account.email is None or not account.is_active:
            logger.info("password reset not sent: no active account has this address")
            token, to, username = self._tokens.for_nobody(), email, email
            is_sent = False
        else:
            token, to, username = self._tokens.for_reset(account), account.email, account.username
            is_sent = True
        url = self._link("reset_password", token=token)
        self._send(to, "reset_password", is_sent=is_sent, link=url, username=username)

    def _later(self, write: "Callable[[Session], None]") -> None:
        def work() -> None:
            with self._db_manager.session() as session:
                write(session)

        after_answer(self._request, lambda: self._mailer.do_later(work))

    def _send(self, email: str, name: str, *, is_sent: bool = True, **context: object) -> None:
        """Render a template, whose first line is the subject, and send it if `is_sent`."""
        text = self._renderer.render_to_string(
            f"accounts/mail/{name}.txt", email=email, host=self._host, **context
        )
        subject, _, body = text.partition("\n")
        mail = Mail(email, subject.strip(), body.lstrip("\n"))
        self._mailer.send_later(mail, is_sent=is_sent)

    def _link(self, name: str, **params: object) -> str:
        return f"{self._base}{self._script}{self._router.url_for(f'accounts.{name}', **params)}"


def count_email(request: "Request", email: str) -> None:
    """Count an email that a request causes, so that no mailbox is flooded.

    It is counted per recipient mailbox, per client address and, if there is one, per signed-in
    user.

    Args:
        request: The request.
        email: Recipient, normalized.

    Raises:
        TooManyAttempts: Too many emails to this mailbox, from this client or by this user.
    """
    throttle = request.get_context("login_throttle")
    if not isinstance(throttle, LoginThrottle):
        return
    address, user = address_of(request), request.user
    if user is not None:
        throttle.begin(f"mail by:{user.id}", address)
    throttle.begin(f"mail:{mailbox_of(email)}", address)
    throttle.failed(address)


def mailbox_of(email: str) -> str:
    """Return an address without its subaddress (RFC 5233): `ada+x@…` becomes `ada@…`.

    Example:
        >>> from lback.accounts.emails import mailbox_of
        >>> mailbox_of("ada+news@example.com")
        'ada@example.com'
    """
    name, _, domain = email.rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _service(request: "Request", name: str) -> Any:
    service = request.get_context(name)
    if service is None:
        raise ConfigurationError(
            f"lback.accounts needs the service {name!r}, which this application does not have"
        )
    return service
