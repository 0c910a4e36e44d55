"""Email: messages, and the backends that deliver them."""

from lback.mail.backends import (
    ConsoleBackend,
    FileBackend,
    MailBackend,
    MemoryBackend,
    SMTPBackend,
)
from lback.mail.files import Attachment, MissingAttachment
from lback.mail.mailer import Mailer
from lback.mail.message import Mail
from lback.mail.unsubscribing import unsubscribe_path, unsubscribe_url

__all__ = [
    "Attachment",
    "ConsoleBackend",
    "FileBackend",
    "Mail",
    "MailBackend",
    "Mailer",
    "MemoryBackend",
    "MissingAttachment",
    "SMTPBackend",
    "unsubscribe_path",
    "unsubscribe_url",
]
