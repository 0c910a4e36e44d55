"""tickets in the admin, at /admin/, for people who look after the rows."""

from collections.abc import Sequence

from lback import admin
from sqlalchemy.orm import Session

from tickets.models import Ticket


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    """What the list shows, what is searched, and what is done to many at once."""

    list_columns = ("title", "customer.username", "priority", "is_open", "created_at")
    search_columns = ("title", "customer.username")
    filters = ("is_open", "priority")
    ordering = ("-created_at",)
    read_only = ("created_at",)
    inlines = (admin.Inline("comments", fields=("author", "body")),)
    actions = ("close",)

    @admin.action("Close", confirm=True)
    def close(self, session: Session, rows: Sequence[Ticket]) -> str:
        """Close the tickets that were chosen."""
        for ticket in rows:
            ticket.is_open = False
        return f"{len(rows)} tickets are closed."
