"""A mail: to whom, about what, and its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid


@dataclass(frozen=True, slots=True)
class Mail:
    """What is to be sent.

    Attributes:
        to: One address or several.
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

    def as_email(self, sender: str) -> EmailMessage:
        """Return the message as it is sent.

        Args:
            sender: Whose it is where the mail names nobody.

        Raises:
            ValueError: An address or the subject holds a line break.
        """
        message = EmailMessage()
        recipients = [self.to] if isinstance(self.to, str) else list(self.to)
        fields = {
            "From": self.sender or sender,
            "To": ", ".join(recipients),
            "Subject": self.subject,
            "Reply-To": self.reply_to,
        }
        for name, value in fields.items():
            if value is not None:
                # The library folds what it understands; a line break is never meant.
                if "\n" in value or "\r" in value:
                    raise ValueError(f"the {name} of a mail is one line")
                message[name] = value
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(
            domain=(self.sender or sender).rpartition("@")[2] or None
        )
        # RFC 3834 §5: nobody on holiday answers to it.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        if self.html is not None:
            message.add_alternative(self.html, subtype="html")
        return message

    def __repr__(self) -> str:
        return f"<Mail {self.subject!r}>"
