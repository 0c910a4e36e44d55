"""Mail backends: deliver to an SMTP server, the terminal, a directory or memory."""

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
    """Delivers email messages; thread-safe."""

    def deliver(self, message: EmailMessage) -> None:
        """Deliver a message.

        Args:
            message: The complete message.

        Raises:
            OSError: The message cannot be delivered now, such as `smtplib.SMTPException`.
        """
        ...


class SMTPBackend:
    """Delivers email to an SMTP server (RFC 5321), over TLS by default.

    Args:
        host: Host name or address of the server.
        port: Usually 587 with STARTTLS, 465 with TLS, 25 without encryption.
        user: User name for authentication; empty for none.
        password: Password for authentication.
        security: `"starttls"`, `"tls"` or `"none"`. Without `"none"` nothing is sent to a server
            that does not support TLS.
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
        """Deliver a message over a new connection.

        Args:
            message: The complete message.

        Raises:
            OSError: The server cannot be reached or rejects the message (`smtplib.SMTPException`).
            ValueError: An address of the message is not allowed, or there is no recipient.
        """
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
    """Return the addresses of sender and recipients, each validated.

    Raises:
        ValueError: An address is not allowed, or there is no recipient.
    """
    if isinstance(message, OutgoingMail):
        sender, recipients = message.sender_address, list(message.recipients)
    else:
        # Made by other code: the addresses that the email package parses must be plain ones.
        fields = [field for name in ("To", "Cc", "Bcc") for field in message.get_all(name, [])]
        recipients = [address.addr_spec for field in fields for address in field.addresses]
        sender = message["From"].addresses[0].addr_spec if message["From"] else ""
    plain = [mailed_address(address) for address in (sender, *recipients)]
    if None in plain or not recipients:
        raise ValueError(
            f"the email {message['Subject']!r} has no recipient or an address that is not valid"
        )
    return str(plain[0]), [str(address) for address in plain[1:]]


class ConsoleBackend:
    """Writes email to the terminal, for development; beware of sign-in links in shared logs."""

    def deliver(self, message: EmailMessage) -> None:
        """Write a message to the standard error stream."""
        sys.stderr.write(f"{'-' * 72}\n{message}\n{'-' * 72}\n")
        sys.stderr.flush()


class FileBackend:
    """Writes each email to a file of its own, readable by its owner only.

    Args:
        directory: The directory; created if it is missing.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def deliver(self, message: EmailMessage) -> None:
        """Write a message to a new file `….eml`, which gets that name once it is complete.

        Args:
            message: The complete message.

        Raises:
            OSError: The file cannot be written.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}.eml"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        unfinished = self._directory / f"{name}.part"
        with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(bytes(message))
        unfinished.rename(self._directory / name)


class MemoryBackend:
    """Keeps the last 200 messages in memory, for tests and the mailbox page of development servers.

    Attributes:
        outbox: The messages, the oldest first.
    """

    def __init__(self) -> None:
        self.outbox: deque[EmailMessage] = deque(maxlen=KEPT_IN_MEMORY)

    def deliver(self, message: EmailMessage) -> None:
        """Append a message to the outbox."""
        self.outbox.append(message)


class NoBackend:
    """Delivers nothing and logs an error: for public servers without mail settings."""

    def deliver(self, message: EmailMessage) -> None:
        """Log that a message was not sent, with its subject only."""
        logger.error("email not sent: set MAIL_HOST: %r", message["Subject"])


def backend_of(config: "Config") -> MailBackend:
    """Build the backend that the setting `MAIL_BACKEND` names.

    If it is empty: SMTP if `MAIL_HOST` is set, otherwise memory while DEBUG is on, and `NoBackend`
    while it is off.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: The backend is SMTP, and `MAIL_HOST` is not set.
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
        raise ConfigurationError("MAIL_BACKEND = 'smtp' needs MAIL_HOST, the host name of a server")
    return SMTPBackend(
        config.MAIL_HOST,
        config.MAIL_PORT,
        user=config.MAIL_USER,
        password=config.MAIL_PASSWORD,
        security=config.MAIL_SECURITY,
    )
