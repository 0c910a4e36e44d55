"""Mailbox of the development server: sent emails, shown in the browser."""

from email.message import EmailMessage
from typing import TYPE_CHECKING

from lback.accounts.responses import has_mailbox, page
from lback.core.exceptions import NotFound

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.mail import Mailer


def mailbox(request: "Request", mailer: "Mailer") -> "Response":
    """Show the emails of the in-memory mail backend, newest first.

    Args:
        request: The request.
        mailer: Injected mailer whose outbox is shown.

    Raises:
        NotFound: DEBUG is off, another mail backend is configured, or the visitor is on another
            machine.
    """
    if not has_mailbox(request):
        raise NotFound
    return page(request, "mailbox", mails=[_shown(mail) for mail in reversed(mailer.outbox)])


def _shown(message: EmailMessage) -> dict[str, object]:
    body = message.get_body(("plain",))
    return {
        "subject": message["Subject"],
        "to": message["To"],
        "lines": [] if body is None else str(body.get_content()).splitlines(),
    }
