"""Email messages: recipients, subject, text and files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate, make_msgid
from typing import Any

from lback.core.http.mail_address import mailed_address
from lback.mail.files import Attachment, FileToRead, files_of, with_content_ids

# "ada@example.org", "Ada <ada@example.org>" or "\"Lovelace, Ada\" <ada@example.org>".
_NAMED = re.compile(r'(?:"(?P<quoted>[^"]*)"|(?P<name>[^"<>,;]*))\s*<(?P<address>[^<>]*)>')
# Visible ASCII without what ends the address in a header field. Mail programs send the request by
# themselves, so that it must be encrypted (RFC 8058 section 3.1); a development server is not.
_UNSUBSCRIBE = re.compile(
    r"(?:https://|http://(?:localhost|127\.0\.0\.1)(?=[:/]))[^\s<>\"\\\x00-\x20\x7f-\U0010ffff]+"
)
_LONGEST_ADDRESS = 900  # a line of a message has at most 998 characters (RFC 5322 section 2.1.1)


class _AddressHeader(UniqueUnstructuredHeader):
    """A header field with an address, which must neither be folded nor encoded."""

    def fold(self, *, policy: Any) -> str:
        """Return the field on one line.

        Args:
            policy: Policy of the message; its line separator is used.
        """
        field: Any = self
        return f"{field.name}: {field}{policy.linesep}"


def _policy() -> "EmailPolicy[EmailMessage]":
    registry = HeaderRegistry()
    for name in ("List-Unsubscribe", "Content-ID"):
        registry.map_to_type(name, _AddressHeader)  # type: ignore[arg-type]  # a mixin, as all
    return EmailPolicy(header_factory=registry)


MAIL_POLICY = _policy()


class OutgoingMail(EmailMessage):
    """A message with its envelope addresses, so that no header has to be parsed to deliver it.

    Args:
        policy: Policy of the email package; None for the one of emails that are sent.

    Attributes:
        sender_address: Envelope sender (`MAIL FROM`).
        recipients: Envelope recipients (`RCPT TO`).
        files: Files that are added when the message is delivered.
    """

    sender_address: str = ""
    recipients: tuple[str, ...] = ()
    files: tuple[FileToRead, ...] = ()

    def __init__(self, policy: "EmailPolicy[EmailMessage] | None" = None) -> None:
        super().__init__(policy or MAIL_POLICY)


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
        attachments: Stored files, which are read when the email is sent.
        images: Stored images that the HTML shows: `{"logo": Attachment("brand/logo.png")}` is shown
            by `<img src="{{ cid('logo') }}">`.
        unsubscribe: URL for one-click unsubscription (RFC 8058), as `unsubscribe_url` returns it;
            `None` for none.
        envelope_sender: Address to which mail servers return what they cannot deliver; `None` means
            `MAIL_ENVELOPE_SENDER`.

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
    attachments: Sequence[Attachment] = ()
    images: Mapping[str, Attachment] | None = None
    unsubscribe: str | None = None
    envelope_sender: str | None = None

    def as_email(self, sender: str, envelope_sender: str = "") -> OutgoingMail:
        """Return the message as it is sent (RFC 5322), to which its files are still to be added.

        Args:
            sender: Address of the sender if the mail names none.
            envelope_sender: Envelope sender if the mail names none; empty for the sender.

        Raises:
            ValueError: An address or a file name is not valid, the subject has a line break, or the
                HTML does not show exactly the images.
        """
        message = OutgoingMail()
        to = [self.to] if isinstance(self.to, str) else list(self.to)
        sent_by, recipients = (
            _mailbox("From", self.sender or sender),
            [_mailbox("To", t) for t in to],
        )
        bounces = self.envelope_sender or envelope_sender
        message.sender_address = _envelope_address(bounces) if bounces else sent_by.addr_spec
        message.recipients = tuple(recipient.addr_spec for recipient in recipients)
        message["From"], message["To"] = sent_by, recipients
        message["Subject"] = _one_line("Subject", self.subject)
        if self.reply_to is not None:
            message["Reply-To"] = _mailbox("Reply-To", self.reply_to)
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain=sent_by.domain)
        # RFC 3834 §5: no automatic replies to this message.
        message["Auto-Submitted"] = "auto-generated"
        if self.unsubscribe is not None:
            message["List-Unsubscribe"] = f"<{_checked_address(self.unsubscribe)}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        self._add_content(message)
        return message

    def _add_content(self, message: OutgoingMail) -> None:
        images = self.images or {}
        # No other message has the same addresses of images (RFC 2392).
        content_ids = str(message["Message-ID"]).strip("<>")
        message.files = files_of(tuple(self.attachments), images, content_ids)
        message.set_content(self.text)
        if self.html is not None:
            html = with_content_ids(self.html, images, content_ids)
            message.add_alternative(html, subtype="html")
        elif images:
            raise ValueError(
                f"the email has the images {sorted(images)} and no HTML that shows them; "
                "pass html=…, or attach them"
            )

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
    if any(character < " " or character == "\x7f" for character in text.replace("\t", " ")):
        raise ValueError(f"the {field} of an email must not contain control characters")
    return text


def _envelope_address(text: str) -> str:
    address = mailed_address(text)
    if address is None:
        raise ValueError(
            f"the envelope sender of an email is {text[:100]!r}, which is not an address; write "
            "bounces@example.org, without a name"
        )
    return address


def _checked_address(url: str) -> str:
    if len(url) > _LONGEST_ADDRESS or not _UNSUBSCRIBE.fullmatch(url):
        raise ValueError(
            f"the address to unsubscribe is {url[:200]!r}; it must begin with https://, have at "
            f"most {_LONGEST_ADDRESS} ASCII characters and none of space, quote, < and >"
        )
    return url
