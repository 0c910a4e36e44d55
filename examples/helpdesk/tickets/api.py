"""Tickets for programs, as JSON."""

from typing import Annotated, Any

from lback.api import SIGNED_IN, Equal, Filter, FullText, ModelStruct, Ordering, Resource
from msgspec import Meta

from tickets.listing import containing
from tickets.models import ANSWER, TITLE_LENGTH, Comment, Priority, Ticket


class CommentOut(ModelStruct, model=Comment, include=["id", "body", "created_at"]):
    """A comment below a ticket."""


class TicketOut(ModelStruct, model=Ticket):
    """A ticket with its comments."""

    id: int
    comments: list[CommentOut]


class TicketIn(ModelStruct, model=Ticket, for_create=True, include=["title", "body", "priority"]):
    """A new ticket."""

    title: Annotated[str, Meta(min_length=5, max_length=TITLE_LENGTH)]
    priority: Priority = Priority.NORMAL


class TicketChanges(ModelStruct, model=Ticket, partial=True, include=["is_open"]):
    """What support changes."""


class TicketFilter(Filter, model=Ticket):
    """What a list of tickets may be asked for."""

    is_open = Equal()
    q = FullText(containing)
    ordering = Ordering("-created_at", "title")


class Tickets(Resource):
    """The tickets that a user may read; customers add some, support closes them."""

    model = Ticket
    read = TicketOut
    create = TicketIn
    patch = TicketChanges
    filter = TicketFilter
    actions = ("list", "read", "create", "patch")
    access = {"view": SIGNED_IN, "add": SIGNED_IN, "change": ANSWER}

    def new_row(self, values: dict[str, Any]) -> Ticket:
        """Return a new ticket of the user."""
        ticket: Ticket = super().new_row({**values, "customer": self.user})
        return ticket


urlpatterns = Tickets.routes("/tickets")
