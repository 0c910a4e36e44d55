"""The mails that tickets send."""

from lback import Request, reverse
from lback.mail import Mail, Mailer

from tickets.models import Comment

TEXT = """\
{author} answered your ticket "{title}":

{body}

Read it, and write back: {link}
"""


def send_comment(request: Request, comment: Comment, mailer: Mailer) -> None:
    """Mail a comment to the customer of its ticket, once it is kept."""
    ticket = comment.ticket
    customer, author = ticket.customer, comment.author
    if customer is None or customer.email is None or author is None or author.id == customer.id:
        return
    title = " ".join(ticket.title.split())  # a subject is one line
    link = request.build_absolute_uri(reverse(request, "ticket", ticket_id=ticket.id))
    text = TEXT.format(author=author.username, title=title, body=comment.body, link=link)
    mailer.send_later(Mail(customer.email, f"Re: {title}", text))
