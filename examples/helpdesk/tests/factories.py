"""Rows for tests."""

from typing import Any

from tickets.models import Priority, Ticket


def new_ticket(**values: Any) -> Ticket:
    """Return a ticket; what a test does not care about has some value."""
    usual = {"title": "The lamp is broken", "body": "It flickers.", "priority": Priority.NORMAL}
    return Ticket(**{**usual, **values})
