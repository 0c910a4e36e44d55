"""Email messages: recipients, subject and text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lback.core.http.mail_address import mailed_address

# "ada@example.org", "Ada <ada@example.org>" or "\"Lovelace, Ada\" <ada@example.org>".
_NAMED = re.compile(r'(?:"(?P<quoted>[^"]*)"|(?P<name>[^"<>,;]*))\s*<(?P<address>[^<>]*)>')


class OutgoingMail(EmailMessage):
    """A message with its envelope addresses, so that no header has to be parsed to deliver it.

    Attributes:
        sender_address: Envelope sender (`MAIL FROM`).
        recipients: Envelope recipients (`RCPT TO`).
    """

    sender_address: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """An email to be sent.

    Attributes:
        to: One address or a list of them, such as `ada@example.org` or `Ada <ada@example.org>`.
        subject: One line of text.
        text: The message as plain text.
        html: The same message as HTML; `None` for plain text only.
        sender: Address of the sender; `None` means `MAIL_FROM`.
        reply_to: Address for replies; `None` means the sender.

    Example:
        >>> mail = Mail("Ada <ada@example.org>", "Welcome", "Hello Ada!")
        >>> mail.as_email("shop@example.org").recipients
        ('ada@example.org',)
    """

    to: str | Sequence[str]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    reply_to: str | None = None

    def as_email(self, sender: str) -> OutgoingMail:
        """Return the message as it is sent (RFC 5322).

        Args:
            sender: Address of the sender if the mail names none.

        Raises:
            ValueError: An address is not valid, or the subject has a line break.
        """
        message = OutgoingMail()
        to = [self.to] if isinstance(self.to, str) else list(self.to)
        sent_by, recipients = (
            _mailbox("From", self.sender or sender),
            [_mailbox("To", t) for t in to],
        )
        message.sender_address = sent_by.addr_spec
        message.recipients = tuple(recipient.addr_spec for recipient in recipients)
        message["From"], message["To"] = sent_by, recipients
        message["Subject"] = _one_line("Subject", self.subject)
        if self.reply_to is not None:
            message["Reply-To"] = _mailbox("Reply-To", self.reply_to)
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain=sent_by.domain)
        # RFC 3834 §5: no automatic replies to this message.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        if self.html is not None:
            message.add_alternative(self.html, subtype="html")
        return message

    def __repr__(self) -> str:
        return f"<Mail {self.subject!r}>"


def _mailbox(field: str, text: str) -> Address:
    """Return the address of a header field, with its display name.

    Raises:
        ValueError: The text is not exactly one valid address.
    """
    named = _NAMED.fullmatch(_one_line(field, text).strip())
    address = mailed_address(named["address"] if named else text.strip())
    if address is None:
        raise ValueError(
            f"the {field} of an email is {text[:100]!r}, which is not one email address; write "
            "ada@example.org or Ada <ada@example.org>, and a list for several addresses"
        )
    name = (named["quoted"] or named["name"] or "").strip() if named else ""
    local_part, _, domain = address.rpartition("@")
    return Address(name, local_part, domain)


def _one_line(field: str, text: str) -> str:
    # A line break would start another header field.
    if "\n" in text or "\r" in text:
        raise ValueError(f"the {field} of an email must not contain a line break")
    return text
