"""The list of tickets: what is searched, and one page of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lback.auth import scoped
from lback.forms import CharField, Form, IntegerField
from lback.users import User
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from tickets.models import Ticket

PAGE_SIZE = 10


class ListForm(Form):
    """What the address of a list may say."""

    q = CharField(required=False, max_length=100)
    page = IntegerField(required=False, min_value=1, max_value=10_000)


@dataclass(frozen=True)
class Page:
    """Some of the tickets that were found."""

    tickets: Sequence[Ticket]
    number: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // PAGE_SIZE))


def tickets_for(user: User, words: str) -> Select[Any]:
    """Return a query for the tickets that a user may see and that contain a text, newest first."""
    # selectinload: the customers of a page come with one query, and not with one for each ticket.
    query = select(Ticket).options(selectinload(Ticket.customer)).order_by(Ticket.id.desc())
    return containing(scoped(user, query), words)


def containing(query: Select[Any], words: str) -> Select[Any]:
    """Return a query for those of the tickets that contain a text."""
    # autoescape: a % in the text is a percent sign and not "anything".
    return query.where(
        or_(
            Ticket.title.icontains(words, autoescape=True),
            Ticket.body.icontains(words, autoescape=True),
        )
    )


def page_of(session: Session, query: Select[Any], number: int) -> Page:
    """Return one page of what a query finds."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(rows, number, total)
