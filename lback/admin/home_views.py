"""The first page of the admin, and the pages of its history."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from lback.admin.access import (
    check_permission,
    get_object_or_404,
    get_registered_model,
    guarded,
    registry_of,
    user_of,
    visible_models,
)
from lback.admin.history import ACTIONS, of_row, recent
from lback.admin.models import AdminEntry
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.core.response import Response
from lback.forms.bound_field import label_from
from lback.forms.identity import compared, identity_of, identity_text, mapper_of
from lback.forms.model_fields import any_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from lback.core.request import Request

HISTORY_PAGE = 50


def visible_entries(
    request: "Request", session: "Session", entries: "Sequence[AdminEntry]"
) -> "list[ShownEntry]":
    """Return the entries about rows that the user may see.

    Where a section leaves rows out, only superusers are shown those of rows that are gone: it can
    no longer be said who else might have seen them.
    """
    user, found = user_of(request), set()
    for slug, section in registry_of(request).sections.items():
        keys = {entry.row_key for entry in entries if entry.section == slug}
        if keys and (section.has_scope or section.has_row_rule):
            keys = _visible_keys(section, user, keys, session)
        found |= {(slug, key) for key in keys}
    return [
        ShownEntry(request, entry) for entry in entries if (entry.section, entry.row_key) in found
    ]


class ShownEntry:
    """An entry as a user may read it: without what was done to inline rows that they may not see.

    Args:
        request: Whose user reads.
        entry: The entry.
    """

    def __init__(self, request: "Request", entry: AdminEntry) -> None:
        self._entry = entry
        section, user = registry_of(request).sections[entry.section], user_of(request)
        hidden = [label_from(name) for name in section.hidden_inlines(user)]
        self.changed = [
            change
            for change in entry.changed
            if not any(change.field == one or change.field.startswith(f"{one}: ") for one in hidden)
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


def _visible_keys(
    section: RegisteredModel, user: Any, keys: set[str], session: "Session"
) -> set[str]:
    identities = [identity_of(section.model, key) for key in keys]
    wanted = [identity for identity in identities if identity is not None]
    if not wanted:
        return set()
    same = any_of(mapper_of(section.model).primary_key, wanted)
    rows = session.scalars(section.rows(user).where(same)).unique().all()
    seen = {identity_text(row) for row in section.visible(user, rows)}
    # Of a superuser no policy leaves a row out: what was not found is gone.
    gone = keys - {identity_text(row) for row in rows} if user.is_superuser else set()
    return seen | gone


@guarded
def home(request: "Request", db_session: "Session") -> Response:
    """Show the sections, and what was done lately."""
    user, sections = user_of(request), visible_models(request)
    viewed = [section.slug for section in sections if section.has_permission(user, "view")]
    return page(
        request,
        "home.html",
        title="Administration",
        entries=visible_entries(request, db_session, recent(db_session, viewed)),
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )


@guarded
def history(request: "Request", db_session: "Session") -> Response:
    """Show all that was done, the newest first."""
    user = user_of(request)
    viewed = [one.slug for one in visible_models(request) if one.has_permission(user, "view")]
    query = select(AdminEntry).where(AdminEntry.section.in_(viewed))
    before = str(request.GET.get("before", ""))
    if before.isascii() and before.isdigit() and len(before) < 19:
        query = query.where(AdminEntry.id < compared(AdminEntry.__table__.c.id, int(before)))
    query = query.order_by(AdminEntry.id.desc()).limit(HISTORY_PAGE + 1)
    entries = list(db_session.scalars(query))
    return page(
        request,
        "history.html",
        title="History",
        entries=visible_entries(request, db_session, entries[:HISTORY_PAGE]),
        following=entries[HISTORY_PAGE - 1].id if len(entries) > HISTORY_PAGE else None,
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )


@guarded
def row_history(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show what was done to one row."""
    held = get_registered_model(request, section)
    row = get_object_or_404(request, held, key, db_session)
    check_permission(held, user_of(request), "view", row)
    return page(
        request,
        "history.html",
        title=f"History of {held.options.label_of(row)}",
        section=held,
        key=key,
        entries=[ShownEntry(request, entry) for entry in of_row(db_session, held, key)],
        following=None,
        by_slug=registry_of(request).sections,
        said=ACTIONS,
    )
