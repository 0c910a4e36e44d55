"""Tickets for programs, as JSON."""

from typing import Any

from lback import Request, ValidationError, path
from lback.auth import check_permission
from lback.users import User
from sqlalchemy.orm import Session

from tickets.forms import TicketForm
from tickets.listing import ListForm, page_of, tickets_for
from tickets.models import SEE, Ticket
from tickets.views import find_ticket


def show_all(request: Request, user: User, db_session: Session) -> dict[str, Any]:
    """Give one page of the tickets."""
    form = ListForm(request.GET)
    if not form.is_valid():
        raise ValidationError(form.errors.as_dict())
    number = form.cleaned_data["page"] or 1
    page = page_of(db_session, tickets_for(user, form.cleaned_data["q"]), number)
    return {
        "tickets": [as_json(ticket) for ticket in page.tickets],
        "page": page.number,
        "pages": page.last,
        "total": page.total,
    }


def show(request: Request, ticket_id: int, db_session: Session) -> dict[str, Any]:
    """Give one ticket with its comments."""
    ticket = find_ticket(db_session, ticket_id)
    check_permission(request, SEE, ticket)
    comments = [
        {"body": comment.body, "created_at": comment.created_at.isoformat()}
        for comment in ticket.comments
    ]
    return {**as_json(ticket), "comments": comments}


def add(request: Request, user: User) -> tuple[dict[str, Any], int]:
    """Add a ticket."""
    form = TicketForm.of(request, fixed={"customer": user})
    if not form.is_valid():
        raise ValidationError(form.errors.as_dict())
    return as_json(form.save()), 201


def as_json(ticket: Ticket) -> dict[str, Any]:
    """Return what programs are told of a ticket."""
    return {
        "id": ticket.id,
        "title": ticket.title,
        "body": ticket.body,
        "is_open": ticket.is_open,
        "priority": ticket.priority.name,
        "created_at": ticket.created_at.isoformat(),
    }


urlpatterns = [
    path("/", show_all, ["GET"], "api_tickets"),
    path("/", add, ["POST"], "api_ticket_add"),
    path("/{ticket_id:int}", show, ["GET"], "api_ticket"),
]
