"""The mails of the accounts: written beside the requests, so that no answer waits for one.

Whether an address has an account is looked up there as well: the answer to a request is the
same, in words and in time, whoever asks for whom.
"""

import logging
from typing import TYPE_CHECKING, Any

from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.mail import Mail, Mailer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.database import DatabaseManager
    from lback.users import Account, AccountManager, AccountTokens

logger = logging.getLogger(__name__)


class Letters:
    """Writes the mails that a request asks for.

    Args:
        request: Its host is the one that the links lead to.

    Raises:
        ConfigurationError: The application has no mailer, or no database.
    """

    def __init__(self, request: "Request") -> None:
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

    def verify_email(self, account_id: int, email: str) -> None:
        """Send a link to an address that an account wants."""
        self._later(lambda session: self._verify_email(session, account_id, email))

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
            return
        url = self._link("reset_password", token=self._tokens.for_reset(account))
        self._send(account.email, "reset_password", link=url, username=account.username)

    def _verify_email(self, session: "Session", account_id: int, email: str) -> None:
        account = self._users.get(session, account_id)
        if account is not None:
            url = self._link("verify_email", token=self._tokens.for_email(account, email))
            self._send(email, "verify_email", link=url, username=account.username)

    def _later(self, write: Any) -> None:
        def work() -> None:
            with self._db_manager.session() as session:
                write(session)

        self._mailer.do_later(work)

    def _send(self, email: str, name: str, **context: Any) -> None:
        """Send a template whose first line is the subject."""
        text = self._renderer.render_to_string(
            f"accounts/mail/{name}.txt", email=email, host=self._host, **context
        )
        subject, _, body = text.partition("\n")
        self._mailer.send_later(Mail(email, subject.strip(), body.lstrip("\n")))

    def _link(self, name: str, **params: Any) -> str:
        return f"{self._base}{self._script}{self._router.url_for(f'accounts.{name}', **params)}"


def count_letter(request: "Request", email: str) -> None:
    """Count a mail that a stranger asks for, so that nobody's mailbox is flooded.

    Raises:
        TooManyAttempts: There were too many for this address, or from this one.
    """
    throttle = request.get_context("login_throttle")
    if isinstance(throttle, LoginThrottle):
        throttle.begin(f"mail:{email}", address_of(request))
        throttle.failed(address_of(request))


def _part(request: "Request", name: str) -> Any:
    part = request.get_context(name)
    if part is None:
        raise ConfigurationError(f"the accounts need {name!r}, which this application has not")
    return part
