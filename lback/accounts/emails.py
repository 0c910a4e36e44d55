"""Account emails, rendered and sent after the response.

Whether an address has an account is looked up after the response as well, and the same work is
done if it has none, so that neither texts nor response times reveal who has an account.
"""

import logging
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.core.http.after_answer import after_answer
from lback.core.settings.defaults import TASKS_IN_DATABASE
from lback.mail import Mail, Mailer
from lback.translation import CURRENT, find_translations, get_language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.core.router import Router
    from lback.core.templates import TemplateRenderer
    from lback.users import Account, AccountManager, AccountTokens

    Deliver = Callable[[Mail, bool], None]

logger = logging.getLogger(__name__)

# Seconds between a response and the work for its email, chosen at random, where anybody may ask:
# the delivery takes time for known addresses only, and must not delay the next request of a client.
DELAYS = (0.5, 3.0)
DELAYED = ("sign_up", "reset_password")
_random = SystemRandom()

SERVICES = ("mailer", "db_manager", "account_tokens", "user_manager", "template_renderer", "router")


class AccountEmails:
    """Send account emails on behalf of a request.

    With `TASKS = "database"`, each is a task that is stored with the changes of the request: the
    same for every address. Otherwise it waits in memory until the response has been sent.

    Args:
        request: The request; links in the emails lead to its host.

    Raises:
        ConfigurationError: The application has no mailer or no database.
    """

    def __init__(self, request: "Request") -> None:
        self._request = request
        for name in SERVICES:
            _service(request, name)
        self._tokens: AccountTokens[Account] = _service(request, "account_tokens")
        script = str(request.environ.get("SCRIPT_NAME") or "")
        # Read now, while the request exists. The host was checked against ALLOWED_HOSTS.
        base = request.build_absolute_uri("/").rstrip("/")
        self._place = {"base": f"{base}{script}", "host": request.get_host}

    def sign_up(self, email: str) -> None:
        """Send a link to create an account or, if the address has one, a link to sign in."""
        self._later("sign_up", email)

    def reset_password(self, email: str) -> None:
        """Send a link to set a new password, if the address has an active account."""
        self._later("reset_password", email)

    def verify_email(self, account: "Account", email: str) -> None:
        """Send a verification link to a new address of an account.

        Args:
            account: Account whose address is to change.
            email: New address, normalized; the email is sent to it.
        """
        # Created now, so that a password change before the email is rendered invalidates it.
        token = self._tokens.for_email(account, email)
        self._later("verify_email", email, token=token, username=account.username)

    def password_changed(self, account: "Account") -> None:
        """Notify the owner of an account that its password was changed."""
        if account.email is not None:
            self._later("password_changed", account.email, username=account.username)

    def email_changed(self, before: str, username: str) -> None:
        """Notify the old address of an account that the address was changed.

        Args:
            before: Old address; the email is sent to it.
            username: Username of the account.
        """
        self._later("email_changed", before, username=username)

    def _later(self, kind: str, email: str, **values: str) -> None:
        services = self._request.app.dependencies
        if services["config"].TASKS in TASKS_IN_DATABASE:
            from lback.accounts.email_tasks import enqueue_account_email  # imports the tasks

            arguments = {"kind": kind, "email": email, "values": values, "place": self._place}
            enqueue_account_email(services, arguments)
            return
        mailer: Mailer = services["mailer"]
        writer = EmailWriter(services, self._place, _later_by(mailer))

        translations = find_translations(get_language())

        def work() -> None:
            # The thread of the mailer writes in the language of the request.
            before = CURRENT.set(translations)
            try:
                with services["db_manager"].session() as session:
                    writer.write(session, kind, email, values)
            finally:
                CURRENT.reset(before)

        delay = _random.uniform(*DELAYS) if kind in DELAYED else 0.0
        after_answer(self._request, lambda: mailer.do_later(work, delay=delay))


def _later_by(mailer: Mailer) -> "Deliver":
    return lambda mail, is_sent: mailer.send_later(mail, is_sent=is_sent)


class EmailWriter:
    """Writes account emails, and does the same work for every address.

    Args:
        services: Services of the application, by name.
        place: "base", the address that links begin with, and "host".
        deliver: Called with the message, and whether there is a recipient.
    """

    def __init__(
        self, services: "Mapping[str, Any]", place: "Mapping[str, str]", deliver: "Deliver"
    ) -> None:
        self._tokens: AccountTokens[Account] = services["account_tokens"]
        self._users: AccountManager[Account] = services["user_manager"]
        self._renderer: TemplateRenderer = services["template_renderer"]
        self._router: Router = services["router"]
        self._place = place
        self._deliver = deliver

    def write(self, session: "Session", kind: str, email: str, values: "Mapping[str, str]") -> None:
        """Write an email and deliver it.

        Args:
            session: Database session, to look up the address.
            kind: "sign_up", "reset_password", "verify_email", "password_changed" or
                "email_changed".
            email: Recipient, normalized.
            values: Values for its template.
        """
        if kind == "sign_up":
            self._sign_up(session, email)
        elif kind == "reset_password":
            self._reset_password(session, email)
        elif kind == "verify_email":
            link = self._link("verify_email", token=values["token"])
            self._send(email, kind, link=link, username=values["username"])
        else:
            page = {"password_changed": "forgot_password", "email_changed": "account"}[kind]
            self._send(email, kind, link=self._link(page), username=values["username"])

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

    def _send(self, email: str, name: str, *, is_sent: bool = True, **context: object) -> None:
        """Render a template, whose first line is the subject, and send it if `is_sent`."""
        text = self._renderer.render_to_string(
            f"accounts/mail/{name}.txt", email=email, host=self._place["host"], **context
        )
        subject, _, body = text.partition("\n")
        self._deliver(Mail(email, subject.strip(), body.lstrip("\n")), is_sent)

    def _link(self, name: str, **params: object) -> str:
        return f"{self._place['base']}{self._router.url_for(f'accounts.{name}', **params)}"


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
