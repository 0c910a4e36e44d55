"""The task that delivers an email, so that no message is lost with the process that wrote it."""

from collections.abc import Mapping
from dataclasses import asdict
from email import message_from_bytes
from typing import TYPE_CHECKING, Any, cast

from lback.mail.files import FileToRead
from lback.mail.message import MAIL_POLICY, OutgoingMail
from lback.tasks.definitions import Enqueuing, task

if TYPE_CHECKING:
    from lback.mail.mailer import Mailer


@task(name="lback.mail.send", queue="mail", retries=8, backoff=5, time_limit=120, sensitive=True)
def send_message(
    message: bytes,
    sender: str,
    recipients: list[str],
    is_sent: bool,
    mailer: "Mailer",
    files: list[dict[str, str]] | None = None,
) -> None:
    """Deliver a message.

    Args:
        message: The message (RFC 5322). A second attempt sends the same `Message-ID`.
        sender: Envelope sender.
        recipients: Envelope recipients.
        is_sent: Whether to deliver it.
        mailer: Injected mailer.
        files: Attributes of the files that are read now; a task of an earlier version has none.
    """
    parsed = cast(OutgoingMail, message_from_bytes(message, OutgoingMail, policy=MAIL_POLICY))
    parsed.sender_address, parsed.recipients = sender, tuple(recipients)
    parsed.files = tuple(FileToRead(**file) for file in files or ())
    if is_sent:
        mailer.deliver(parsed)


def enqueue_message(services: Mapping[str, Any], message: OutgoingMail, is_sent: bool) -> None:
    """Enqueue the delivery of a message in the current transaction.

    Args:
        services: Services of the application, by name.
        message: The message.
        is_sent: Whether to deliver it.
    """
    arguments = {
        "message": message.as_bytes(),
        "sender": message.sender_address,
        "recipients": list(message.recipients),
        "is_sent": is_sent,
        "files": [asdict(file) for file in message.files],
    }
    Enqueuing(send_message).enqueue_many([arguments], services)
