"""Views of the admin home page and of the history."""

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
from lback.admin.history import last_deletions, of_row, recent, said, translated_change
from lback.admin.models import AdminEntry
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.core.response import Response
from lback.database.column_values import compared
from lback.forms.bound_field import label_from
from lback.forms.identity import identity_of, identity_text, mapper_of
from lback.forms.model_fields import any_of
from lback.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.users import AdminUser

HISTORY_PAGE = 50


def visible_entries(
    request: "Request", session: "Session", entries: "Sequence[AdminEntry]"
) -> "list[ShownEntry]":
    """Return the history entries about rows that the user may view.

    For models whose rows are restricted by a policy or by the options, entries about deleted rows
    are shown only to superusers, because permissions for these rows can no longer be checked.

    Args:
        request: The request; its admin user is checked.
        session: Database session.
        entries: Entries to filter.
    """
    user, found, earlier = user_of(request), set(), set()
    for slug, registered in registry_of(request).registered_models.items():
        keys = {entry.row_key for entry in entries if entry.section == slug}
        if keys and (registered.has_scope or registered.has_row_rule):
            last = {} if user.is_superuser else last_deletions(session, slug, keys)
            earlier |= {
                e.id for e in entries if e.section == slug and e.id <= last.get(e.row_key, 0)
            }
            keys = _visible_keys(registered, user, keys, session)
        found |= {(slug, key) for key in keys}
    return [
        ShownEntry(request, entry)
        for entry in entries
        if (entry.section, entry.row_key) in found and entry.id not in earlier
    ]


class ShownEntry:
    """A history entry without changes of inline rows that the user may not view.

    Other attributes are those of the entry.

    Args:
        request: The request; its admin user is checked.
        entry: The entry.
    """

    def __init__(self, request: "Request", entry: AdminEntry) -> None:
        self._entry = entry
        registered, user = registry_of(request).registered_models[entry.section], user_of(request)
        hidden = [label_from(name) for name in registered.hidden_inlines(user)]
        self.changed = [
            translated_change(change)
            for change in entry.changed
            if not any(
                change.field == label or change.field.startswith(f"{label}: ") for label in hidden
            )
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


def _visible_keys(
    registered: RegisteredModel, user: "AdminUser", keys: set[str], session: "Session"
) -> set[str]:
    identities = [identity_of(registered.model, key) for key in keys]
    wanted = [identity for identity in identities if identity is not None]
    if not wanted:
        return set()
    same = any_of(mapper_of(registered.model).primary_key, wanted)
    rows = session.scalars(registered.rows(user).where(same)).unique().all()
    seen = {identity_text(row) for row in registered.visible(user, rows)}
    # Policies do not restrict superusers, so that rows not found were deleted.
    gone = keys - {identity_text(row) for row in rows} if user.is_superuser else set()
    return seen | gone


@guarded
def home(request: "Request", db_session: "Session") -> Response:
    """Show the registered models and recent changes.

    Args:
        request: The request.
        db_session: Injected database session.
    """
    user, registered_models = user_of(request), visible_models(request)
    viewed = [
        registered.slug
        for registered in registered_models
        if registered.has_permission(user, "view")
    ]
    return page(
        request,
        "home.html",
        title=gettext("Administration"),
        entries=visible_entries(request, db_session, recent(db_session, viewed)),
        by_slug=registry_of(request).registered_models,
        said=said,
    )


@guarded
def history(request: "Request", db_session: "Session") -> Response:
    """Show the history of all registered models, newest first.

    Args:
        request: The request; the parameter `before` is the id of the last entry shown.
        db_session: Injected database session.
    """
    user = user_of(request)
    viewed = [
        registered.slug
        for registered in visible_models(request)
        if registered.has_permission(user, "view")
    ]
    query = select(AdminEntry).where(AdminEntry.section.in_(viewed))
    before = str(request.GET.get("before", ""))
    if before.isascii() and before.isdigit() and len(before) < 19:
        query = query.where(AdminEntry.id < compared(AdminEntry.__table__.c.id, int(before)))
    query = query.order_by(AdminEntry.id.desc()).limit(HISTORY_PAGE + 1)
    entries = list(db_session.scalars(query))
    return page(
        request,
        "history.html",
        title=gettext("History"),
        is_history=True,
        entries=visible_entries(request, db_session, entries[:HISTORY_PAGE]),
        following=entries[HISTORY_PAGE - 1].id if len(entries) > HISTORY_PAGE else None,
        by_slug=registry_of(request).registered_models,
        said=said,
    )


@guarded
def row_history(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show the history of one row.

    Args:
        request: The request.
        section: Slug of the registered model.
        key: Primary key of the row as text.
        db_session: Injected database session.

    Raises:
        NotFound: The model or the row does not exist, or the user may not view it.
        Forbidden: The user may not view the row.
    """
    registered = get_registered_model(request, section)
    row = get_object_or_404(request, registered, key, db_session)
    check_permission(registered, user_of(request), "view", row)
    label = registered.options.label_of(row)
    return page(
        request,
        "history.html",
        title=gettext("History of %(row)s", row=label),
        row_label=label,
        section=registered,
        key=key,
        entries=[ShownEntry(request, entry) for entry in of_row(db_session, registered, key)],
        following=None,
        by_slug=registry_of(request).registered_models,
        said=said,
    )
