"""The task that writes and delivers an account email."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lback.accounts.emails import EmailWriter
from lback.tasks.definitions import Enqueuing, task

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.application import Application
    from lback.mail import Mail


@task(name="lback.accounts.email", queue="mail", retries=8, backoff=5, sensitive=True)
def write_account_email(
    kind: str,
    email: str,
    values: dict[str, str],
    place: dict[str, str],
    app: "Application",
    db_session: "Session",
) -> None:
    """Write an account email and deliver it; nothing is delivered to an unknown address.

    Args:
        kind: Which email.
        email: Recipient.
        values: Values for its template.
        place: Where its links lead to.
        app: Injected application.
        db_session: Injected database session.
    """

    def deliver(mail: "Mail", is_sent: bool) -> None:
        # Not as another task: its arguments would hold the link until it is sent.
        if is_sent:
            app.mailer.send(mail)

    EmailWriter(app.dependencies, place, deliver).write(db_session, kind, email, values)


def enqueue_account_email(services: Mapping[str, Any], arguments: Mapping[str, object]) -> None:
    """Enqueue an account email in the current transaction.

    Args:
        services: Services of the application, by name.
        arguments: Arguments of the task, by name.
    """
    Enqueuing(write_account_email).enqueue_many([arguments], services)
