"""A mail: to whom, about what, and its text."""

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
    """A message with its envelope, so that no header is parsed again to find out where it goes.

    Attributes:
        sender_address: The address that a server is told as that of the sender.
        recipients: The addresses that a server is told to deliver to.
    """

    sender_address: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """What is to be sent.

    Attributes:
        to: One address or a list of them, each such as `ada@example.org` or
            `Ada <ada@example.org>`.
        subject: One line.
        text: The mail as plain text.
        html: The same as HTML, for those who see it so.
        sender: Address of the sender; `None` means `MAIL_FROM`.
        reply_to: Where answers go.
    """

    to: str | Sequence[str]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    reply_to: str | None = None

    def as_email(self, sender: str) -> OutgoingMail:
        """Return the message as it is sent.

        Args:
            sender: Whose it is where the mail names no sender.

        Raises:
            ValueError: An address is not allowed, or the subject holds a line break.
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
        # RFC 3834 §5: nobody on holiday answers to it.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        if self.html is not None:
            message.add_alternative(self.html, subtype="html")
        return message

    def __repr__(self) -> str:
        return f"<Mail {self.subject!r}>"


def _mailbox(field: str, text: str) -> Address:
    """Return the address of a field, with the name beside it.

    Raises:
        ValueError: It is not one address that is allowed.
    """
    named = _NAMED.fullmatch(_one_line(field, text).strip())
    address = mailed_address(named["address"] if named else text.strip())
    if address is None:
        raise ValueError(
            f"the {field} of a mail holds {text[:100]!r}, which is not one mail address; write "
            "ada@example.org or Ada <ada@example.org>, and of several addresses a list"
        )
    name = (named["quoted"] or named["name"] or "").strip() if named else ""
    local_part, _, domain = address.rpartition("@")
    return Address(name, local_part, domain)


def _one_line(field: str, text: str) -> str:
    # The library folds what it understands; a line break is never meant.
    if "\n" in text or "\r" in text:
        raise ValueError(f"the {field} of a mail is one line")
    return text
