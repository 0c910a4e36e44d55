"""Deleting rows, and doing something else to several of them at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import lazyload

from lback.admin.access import (
    address,
    check_permission,
    get_object_or_404,
    get_registered_model,
    guarded,
    user_of,
)
from lback.admin.deletion import blocking, dependants
from lback.admin.deletion_rules import forbidden_rows
from lback.admin.history import record
from lback.admin.options import asks_first, label_of_action
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.exceptions import BadRequest
from lback.core.response import RedirectResponse, Response
from lback.forms.identity import identity_of, identity_text, mapper_of
from lback.forms.model_fields import any_of
from lback.sessions.messages import flash

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request


@guarded
def delete_row(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Ask whether a row is to be deleted, with all that goes with it, or delete it."""
    held = get_registered_model(request, section)
    row = get_object_or_404(request, held, key, db_session)
    return _delete(request, held, [row], db_session)


@guarded
def act(request: "Request", section: str, db_session: "Session") -> Response:
    """Do something to the rows that were chosen in a list."""
    held, user = get_registered_model(request, section), user_of(request)
    name = str(request.POST.get("action", ""))
    rows = _chosen(request, held, db_session)
    if not rows:
        flash(request, "Choose some rows first.", "warning")
        return _back(request, held)
    if name == "delete":
        return _delete(request, held, rows, db_session)
    method = held.actions.get(name)
    if method is None:
        raise BadRequest("there is no such action")
    label = label_of_action(method) or name
    for row in rows:
        check_permission(held, user, "change", row)
    if asks_first(method) and "confirmed" not in request.POST:
        return _ask(request, held, rows, label=label, action=name)
    said = method(db_session, rows)
    db_session.flush()
    for row in rows:
        record(db_session, user, label, held, row)
    flash(request, str(said or f"{label}: {_counted(held, len(rows))}."), "success")
    return _back(request, held)


def _chosen(request: "Request", section: RegisteredModel, session: "Session") -> list[Any]:
    """Return the chosen rows, locked in the order of their keys, so that no two wait in a ring."""
    sent = request.POST.get("key", [])
    texts = sent if isinstance(sent, list) else [sent]
    keys = [identity_of(section.model, str(text)) for text in texts[: section.options.page_size]]
    wanted = [key for key in keys if key is not None]
    if not wanted:
        return []
    columns = mapper_of(section.model).primary_key
    user = user_of(request)
    keys_seen = section.rows(user).where(any_of(columns, wanted)).with_only_columns(*columns)
    seen = [tuple(key) for key in session.execute(keys_seen.order_by(None))]
    if not seen:
        return []
    query = select(section.model).where(any_of(columns, seen)).order_by(*columns)
    query = query.with_for_update().options(lazyload("*"))
    # What was read before the lock, such as the user who is signed in, may be old.
    rows = session.scalars(query.execution_options(populate_existing=True)).unique().all()
    return section.visible(user, policies.readable(session, user, rows))


def _delete(
    request: "Request", section: RegisteredModel, rows: Sequence[Any], session: "Session"
) -> Response:
    user = user_of(request)
    for row in rows:
        check_permission(section, user, "delete", row)
    found = dependants(session, rows)
    forbidden = forbidden_rows(request, found)
    hindered = bool(blocking(found) or forbidden)
    confirmed = request.method == "POST" and "confirmed" in request.POST
    if hindered or not confirmed:
        status = 409 if hindered and confirmed else 200
        return _ask(
            request, section, rows, label="Delete", action="delete", status_code=status,
            found=found, forbidden=forbidden, hindered=hindered,
        )  # fmt: skip
    keys = [(row, identity_text(row)) for row in rows]
    try:
        with session.begin_nested():
            for row, key in keys:
                record(session, user, "delete", section, row, key=key)
                session.delete(row)
            session.flush()
    except IntegrityError:
        # A table that nobody mapped refers to a row, or somebody just began to.
        return _ask(
            request, section, rows, label="Delete", action="delete", status_code=409,
            found=found, forbidden=[], hindered=True,
        )  # fmt: skip
    flash(request, f"{_counted(section, len(rows))} deleted.", "success")
    return _back(request, section)


def _ask(
    request: "Request",
    section: RegisteredModel,
    rows: Sequence[Any],
    *,
    label: str,
    action: str,
    status_code: int = 200,
    **context: Any,
) -> Response:
    title = f"{label}: {_counted(section, len(rows))}"
    return page(
        request,
        "confirm.html",
        title=title,
        status_code=status_code,
        section=section,
        rows=rows,
        label=label,
        action=action,
        **context,
    )


def _counted(section: RegisteredModel, number: int) -> str:
    name = section.label if number == 1 else section.label_plural
    return f"{number} {name.lower()}"


def _back(request: "Request", section: RegisteredModel) -> Response:
    query = request.environ.get("QUERY_STRING") or ""
    url = address(request, "admin-list", section=section.slug)
    return RedirectResponse(f"{url}?{query}" if query else url, 303)
