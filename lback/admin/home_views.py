"""The first page of the admin, and the pages of its history."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from lback.admin.access import guarded, registry_of, row_of, section_of, user_of, visible_sections
from lback.admin.history import ACTIONS, of_row, recent
from lback.admin.models import AdminEntry
from lback.admin.page import page
from lback.core.response import Response

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request

HISTORY_PAGE = 50


@guarded
def home(request: "Request", db_session: "Session") -> Response:
    """Show the sections, and what was done lately."""
    user, sections = user_of(request), visible_sections(request)
    viewed = [section.slug for section in sections if section.may(user, "view")]
    return page(
        request,
        "home.html",
        title="Administration",
        entries=recent(db_session, viewed),
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )


@guarded
def history(request: "Request", db_session: "Session") -> Response:
    """Show all that was done, the newest first."""
    user = user_of(request)
    viewed = [one.slug for one in visible_sections(request) if one.may(user, "view")]
    query = select(AdminEntry).where(AdminEntry.section.in_(viewed))
    before = str(request.GET.get("before", ""))
    if before.isascii() and before.isdigit() and len(before) < 19:
        query = query.where(AdminEntry.id < int(before))
    query = query.order_by(AdminEntry.id.desc()).limit(HISTORY_PAGE + 1)
    entries = list(db_session.scalars(query))
    return page(
        request,
        "history.html",
        title="History",
        entries=entries[:HISTORY_PAGE],
        following=entries[HISTORY_PAGE - 1].id if len(entries) > HISTORY_PAGE else None,
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )


@guarded
def row_history(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show what was done to one row."""
    held = section_of(request, section)
    row = row_of(held, key, db_session)
    return page(
        request,
        "history.html",
        title=f"History of {held.options.label_of(row)}",
        section=held,
        key=key,
        entries=of_row(db_session, held, key),
        following=None,
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )
