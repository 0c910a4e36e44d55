"""Email: messages, and the backends that deliver them."""

from lback.mail.backends import (
    ConsoleBackend,
    FileBackend,
    MailBackend,
    MemoryBackend,
    SMTPBackend,
)
from lback.mail.mailer import Mailer
from lback.mail.message import Mail

__all__ = [
    "ConsoleBackend",
    "FileBackend",
    "Mail",
    "MailBackend",
    "Mailer",
    "MemoryBackend",
    "SMTPBackend",
]
