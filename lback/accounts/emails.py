"""The mails of the accounts: written when the answer has left, so that no answer waits for one.

Whether an address has an account is looked up there as well, and the work is the same where it
has none: neither this answer nor the next one tells, in words or in time, who has an account.
"""

import logging
from typing import TYPE_CHECKING, Any

from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.core.http.after_answer import after_answer
from lback.mail import Mail, Mailer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.database import DatabaseManager
    from lback.users import Account, AccountManager, AccountTokens

logger = logging.getLogger(__name__)


class AccountEmails:
    """Writes the mails that a request asks for.

    Args:
        request: Its host is the one that the links lead to.

    Raises:
        ConfigurationError: The application has no mailer, or no database.
    """

    def __init__(self, request: "Request") -> None:
        self._request = request
        self._mailer: Mailer = _part(request, "mailer")
        self._db_manager: DatabaseManager = _part(request, "db_manager")
        self._tokens: AccountTokens[Any] = _part(request, "account_tokens")
        self._users: AccountManager[Any] = _part(request, "user_manager")
        self._renderer: Any = _part(request, "template_renderer")
        self._router: Any = _part(request, "router")
        self._script = str(request.environ.get("SCRIPT_NAME") or "")
        # The host was checked against ALLOWED_HOSTS; asked for now, while the request lasts.
        self._host = request.get_host
        self._base = request.build_absolute_uri("/").rstrip("/")

    def sign_up(self, email: str) -> None:
        """Send a link to make an account or, where there is one, the way to it."""
        self._later(lambda session: self._sign_up(session, email))

    def reset_password(self, email: str) -> None:
        """Send a link to choose a new password, if there is an account that may."""
        self._later(lambda session: self._reset_password(session, email))

    def verify_email(self, account: "Account", email: str) -> None:
        """Send a link to an address that an account wants."""
        # Made now: a password that is set before the mail is written ends the link.
        token, username = self._tokens.for_email(account, email), account.username
        url = self._link("verify_email", token=token)
        self._later(lambda _: self._send(email, "verify_email", link=url, username=username))

    def password_changed(self, account: "Account") -> None:
        """Tell somebody that the password was changed, in case it was somebody else."""
        if account.email is not None:
            username, email = account.username, account.email
            self._later(
                lambda _: self._send(
                    email, "password_changed", username=username, link=self._link("forgot_password")
                )
            )

    def email_changed(self, before: str, username: str) -> None:
        """Tell somebody at the old address that there is a new one."""
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
        if account is None or not account.is_active:
            logger.info("a new password was asked for, and nobody may have one")
            token, to, username = self._tokens.for_nobody(), email, email
            is_sent = False
        else:
            token, to, username = self._tokens.for_reset(account), account.email, account.username
            is_sent = True
        url = self._link("reset_password", token=token)
        self._send(to, "reset_password", is_sent=is_sent, link=url, username=username)

    def _later(self, write: Any) -> None:
        def work() -> None:
            with self._db_manager.session() as session:
                write(session)

        after_answer(self._request, lambda: self._mailer.do_later(work))

    def _send(self, email: str, name: str, *, is_sent: bool = True, **context: Any) -> None:
        """Send a template whose first line is the subject, or do all but send it."""
        text = self._renderer.render_to_string(
            f"accounts/mail/{name}.txt", email=email, host=self._host, **context
        )
        subject, _, body = text.partition("\n")
        mail = Mail(email, subject.strip(), body.lstrip("\n"))
        self._mailer.send_later(mail, is_sent=is_sent)

    def _link(self, name: str, **params: Any) -> str:
        return f"{self._base}{self._script}{self._router.url_for(f'accounts.{name}', **params)}"


def count_letter(request: "Request", email: str) -> None:
    """Count a mail that a request asks for, so that no mailbox is flooded.

    It is counted by the mailbox that it goes to, by the address of the client, and by the user
    where one is signed in.

    Args:
        request: Who asks.
        email: The recipient, as it is kept.

    Raises:
        TooManyAttempts: There were too many for this mailbox, from this client or by this user.
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
    """Return the mailbox behind an address: many providers deliver `ada+x@…` to `ada@…`."""
    name, _, domain = email.rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _part(request: "Request", name: str) -> Any:
    part = request.get_context(name)
    if part is None:
        raise ConfigurationError(f"the accounts need {name!r}, which this application has not")
    return part
