"""What visitors of tickets see and do.

Parameters are injected by name: `db_session` is the database session of the request. It is
committed when the view returns, and rolled back if the view raises or returns a status of 400 or
above.
"""

from lback import NotFound, Request, Response, redirect, render, reverse
from lback.auth import PermissionRequired, check_permission
from lback.i18n import gettext
from lback.mail import Mailer
from lback.realtime import publish_fragment
from lback.sessions import flash
from lback.storage import StoredFileResponse
from lback.users import User
from sqlalchemy.orm import Session

from tickets.forms import CommentForm, TicketForm
from tickets.letters import send_comment
from tickets.listing import ListForm, page_of, tickets_for
from tickets.models import ANSWER, SEE, Comment, Ticket


def show_all(request: Request, user: User, db_session: Session) -> Response:
    """List the tickets that fit the search, among those that the user may see."""
    form = ListForm(request.GET)
    form.is_valid()  # what cannot be read is not in cleaned_data
    words = form.cleaned_data.get("q", "")
    page = page_of(db_session, tickets_for(user, words), form.cleaned_data.get("page") or 1)
    return render(request, "tickets/list.html", page=page, words=words)


def show(
    request: Request, ticket_id: int, user: User, db_session: Session, mailer: Mailer
) -> Response:
    """Show one ticket, and add a comment to it."""
    ticket = find_ticket(db_session, ticket_id)
    check_permission(request, SEE, ticket)
    form = CommentForm.of(request, fixed={"ticket": ticket, "author": user})
    if form.is_valid():
        send_comment(request, form.save(), mailer)
        publish_fragment(f"ticket-{ticket_id}", "tickets/_comments.html", ticket=ticket)
        return redirect(reverse(request, "ticket", ticket_id=ticket_id), status_code=303)
    status = 422 if form.is_bound else 200
    return render(request, "tickets/ticket.html", ticket=ticket, form=form, status_code=status)


def add(request: Request, user: User) -> Response:
    """Add a ticket, or show the form again with what is wrong."""
    form = TicketForm.of(request, fixed={"customer": user})
    if form.is_valid():
        ticket = form.save()
        flash(request, gettext("Thank you. We will look into it."), "success")
        # 303: the browser fetches the page, and a reload does not send the form again.
        return redirect(reverse(request, "ticket", ticket_id=ticket.id), status_code=303)
    return render(request, "tickets/new.html", form=form, status_code=422 if form.is_bound else 200)


def attachment(request: Request, comment_id: int, db_session: Session) -> StoredFileResponse:
    """Send the file of a comment, to be saved and not to be shown."""
    comment = db_session.get(Comment, comment_id)
    if comment is None or comment.attachment is None:
        raise NotFound(gettext("Comment %(number)s has no attachment.", number=comment_id))
    check_permission(request, SEE, comment.ticket)
    return comment.attachment.response(as_attachment=True)


@PermissionRequired(ANSWER)
def close(request: Request, ticket_id: int, db_session: Session) -> Response:
    """Close a ticket."""
    find_ticket(db_session, ticket_id).is_open = False
    flash(request, gettext("The ticket is closed."), "success")
    return redirect(reverse(request, "ticket", ticket_id=ticket_id), status_code=303)


def find_ticket(session: Session, ticket_id: int) -> Ticket:
    """Return a ticket, or answer 404."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        raise NotFound(gettext("There is no ticket %(number)s.", number=ticket_id))
    return ticket
