"""Models of tickets. After a change run `lback makemigrations` and `lback migrate`."""

from datetime import datetime
from enum import Enum
from typing import Any

from lback.auth import Policy, policy
from lback.database import Base, utc_now
from lback.i18n import gettext_noop as _
from lback.storage import StoredFile, mapped_file
from lback.users import User
from sqlalchemy import ForeignKey, Select, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

TITLE_LENGTH = 120

# What a user may do: see a ticket, or answer and close those of all customers.
SEE = "tickets.see"
ANSWER = "tickets.answer"


class Priority(Enum):
    """How soon a ticket wants an answer."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def label(self) -> str:
        """The text of the priority, to be translated where it is shown."""
        return self.name.capitalize()


# The labels of the members, which no other source has as texts.
PRIORITY_LABELS = (_("Low"), _("Normal"), _("High"))


class Ticket(Base):
    """A question of a customer."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    body: Mapped[str] = mapped_column(Text)
    is_open: Mapped[bool] = mapped_column(default=True)
    priority: Mapped[Priority]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("lback_users.id"), index=True)
    customer: Mapped[User | None] = relationship()
    comments: Mapped[list["Comment"]] = relationship(
        back_populates="ticket", order_by="Comment.id", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return self.title

    def allows(self, user: User, permission: str) -> bool:
        """Return True if a user may do something to this ticket."""
        if permission == SEE and self.customer_id == user.id:
            return True
        return user.has_permission(ANSWER)


@policy(Ticket)
class TicketPolicy(Policy):
    """Customers read their own tickets, support and people in the admin those of all."""

    def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
        """Return a query for the tickets that a user may read."""
        if user is None:
            return statement.where(false())
        # Users of the admin are in a table of their own, so their ids are not those of customers.
        if user.signs_in_as == "admin_user" or user.has_permission(ANSWER):
            return statement
        return statement.where(Ticket.customer_id == user.id)


class Comment(Base):
    """An answer to a ticket, or what its customer adds."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("lback_users.id"), index=True)
    body: Mapped[str] = mapped_column(Text)
    attachment: Mapped[StoredFile | None] = mapped_file(folder="comments")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ticket: Mapped[Ticket] = relationship(back_populates="comments")
    author: Mapped[User | None] = relationship()

    def __str__(self) -> str:
        return self.body[:60]
