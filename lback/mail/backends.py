"""Where mail goes: to a server, a terminal, a directory, or into the memory of this process."""

import logging
import os
import secrets
import smtplib
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lback.core.exceptions import ConfigurationError
from lback.core.http.mail_address import mailed_address
from lback.mail.message import OutgoingMail

if TYPE_CHECKING:
    from lback.core.config import Config

logger = logging.getLogger(__name__)

SECONDS_TO_WAIT = 10.0
KEPT_IN_MEMORY = 200


class MailBackend(Protocol):
    """Delivers mail; safe to use from any thread."""

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message over.

        Raises:
            OSError: It cannot be delivered now (`smtplib.SMTPException` is one).
        """
        ...


class SMTPBackend:
    """Hands mail to a server (RFC 5321), over TLS unless told otherwise.

    Args:
        host: Name or address.
        port: Usually 587 with STARTTLS, 465 with TLS, 25 without.
        user: To sign in with; empty: without signing in.
        password: Of that user.
        security: `"starttls"`, `"tls"` or `"none"`; a server without TLS gets nothing unless it
            is `"none"`.
    """

    def __init__(
        self,
        host: str,
        port: int = 587,
        *,
        user: str = "",
        password: str = "",
        security: str = "starttls",
    ) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._security = security

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message over."""
        with self._connect() as server:
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message, *_envelope(message))

    def _connect(self) -> smtplib.SMTP:
        if self._security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=SECONDS_TO_WAIT, context=context
            )
        return smtplib.SMTP(self._host, self._port, timeout=SECONDS_TO_WAIT)

    def __repr__(self) -> str:
        return f"<SMTPBackend {self._host}:{self._port}>"


def _envelope(message: EmailMessage) -> tuple[str, list[str]]:
    """Return the addresses of sender and recipients, each checked against the list of letters.

    Raises:
        ValueError: One of them is not allowed, or there is no recipient.
    """
    if isinstance(message, OutgoingMail):
        sender, recipients = message.sender_address, list(message.recipients)
    else:
        # Made by other code: what the library reads in the header fields must be plain addresses.
        fields = [field for name in ("To", "Cc", "Bcc") for field in message.get_all(name, [])]
        recipients = [one.addr_spec for field in fields for one in field.addresses]
        sender = message["From"].addresses[0].addr_spec if message["From"] else ""
    plain = [mailed_address(address) for address in (sender, *recipients)]
    if None in plain or not recipients:
        raise ValueError(f"the mail {message['Subject']!r} has an address that is not allowed")
    return str(plain[0]), [str(address) for address in plain[1:]]


class ConsoleBackend:
    """Writes mail to the terminal, for development; it holds links that let somebody in."""

    def deliver(self, message: EmailMessage) -> None:
        """Write a message to the standard error stream."""
        sys.stderr.write(f"{'-' * 72}\n{message}\n{'-' * 72}\n")
        sys.stderr.flush()


class FileBackend:
    """Writes each mail to a file of its own, which only its owner may read.

    Args:
        directory: Made when it is missing.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def deliver(self, message: EmailMessage) -> None:
        """Write a message to a new file `….eml`, which has that name once it is complete."""
        self._directory.mkdir(parents=True, exist_ok=True)
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}.eml"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        unfinished = self._directory / f"{name}.part"
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(bytes(message))
        unfinished.rename(self._directory / name)


class MemoryBackend:
    """Keeps the last mails in this process: for tests, and for the mailbox of development.

    Attributes:
        outbox: The messages, the oldest first.
    """

    def __init__(self) -> None:
        self.outbox: deque[EmailMessage] = deque(maxlen=KEPT_IN_MEMORY)

    def deliver(self, message: EmailMessage) -> None:
        """Keep a message."""
        self.outbox.append(message)


class NoBackend:
    """Delivers nothing and says so: a public server whose mail nobody has set up."""

    def deliver(self, message: EmailMessage) -> None:
        """Log that a message was not sent; not what it says."""
        logger.error("the mail %r was not sent: set MAIL_HOST", message["Subject"])


def backend_of(config: "Config") -> MailBackend:
    """Build the backend that `MAIL_BACKEND` names.

    Where it names none, it is SMTP if `MAIL_HOST` is set, else the memory while DEBUG is on.

    Raises:
        ConfigurationError: SMTP without `MAIL_HOST`.
    """
    name = config.MAIL_BACKEND
    if not name:
        fallback = "memory" if config.DEBUG is True else "none"
        name = "smtp" if config.MAIL_HOST else fallback
    if name == "smtp":
        return _smtp(config)
    if name == "file":
        return FileBackend(Path(config.PROJECT_ROOT or os.curdir) / config.MAIL_DIRECTORY)
    return _SIMPLE[name]()


_SIMPLE: dict[str, Callable[[], MailBackend]] = {
    "console": ConsoleBackend,
    "memory": MemoryBackend,
    "none": NoBackend,
}


def _smtp(config: "Config") -> SMTPBackend:
    if not config.MAIL_HOST:
        raise ConfigurationError("MAIL_BACKEND = 'smtp' needs MAIL_HOST, the name of the server")
    return SMTPBackend(
        config.MAIL_HOST,
        config.MAIL_PORT,
        user=config.MAIL_USER,
        password=config.MAIL_PASSWORD,
        security=config.MAIL_SECURITY,
    )
