"""Views to delete rows and to run actions on selected rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
from lback.admin.deletion_rules import forbidden_rows
from lback.admin.history import record, source_text
from lback.admin.options import label_of_action, needs_confirmation
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.auth.dependants import blocking, dependants
from lback.core.exceptions import BadRequest
from lback.core.response import RedirectResponse, Response
from lback.forms.identity import identity_of, identity_text, mapper_of
from lback.forms.labels import in_sentence
from lback.forms.model_fields import any_of
from lback.sessions.messages import flash
from lback.translation import gettext

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request


@guarded
def delete_row(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show what deleting a row would delete as well, or delete it.

    Args:
        request: The request; a POST with `confirmed` deletes.
        section: Slug of the registered model.
        key: Primary key of the row as text.
        db_session: Injected database session.

    Raises:
        NotFound: The model or the row does not exist, or the user may not view it.
        Forbidden: The user may not delete the row.
    """
    registered = get_registered_model(request, section)
    row = get_object_or_404(request, registered, key, db_session)
    return _delete(request, registered, [row], db_session)


@guarded
def act(request: "Request", section: str, db_session: "Session") -> Response:
    """Run an action on the rows selected in a list.

    Args:
        request: The submitted form with `action` and `key`.
        section: Slug of the registered model.
        db_session: Injected database session.

    Raises:
        NotFound: The model does not exist, or the user may not view it.
        Forbidden: The user may not change or delete one of the rows.
        BadRequest: The action does not exist.
    """
    registered, user = get_registered_model(request, section), user_of(request)
    name = str(request.POST.get("action", ""))
    rows = _chosen(request, registered, db_session)
    if not rows:
        flash(request, gettext("Select at least one row first."), "warning")
        return _back(request, registered)
    if name == "delete":
        return _delete(request, registered, rows, db_session)
    method = registered.actions.get(name)
    if method is None:
        raise BadRequest(gettext("unknown action"))
    label = label_of_action(method) or name
    shown = gettext(source_text(label))
    for row in rows:
        check_permission(registered, user, "change", row)
    if needs_confirmation(method) and "confirmed" not in request.POST:
        return _ask(request, registered, rows, label=shown, action=name)
    said = method(db_session, rows)
    db_session.flush()
    for row in rows:
        record(db_session, user, source_text(label), registered, row)
    text = gettext("%(action)s: %(rows)s.", action=shown, rows=_counted(registered, len(rows)))
    flash(request, str(said or text), "success")
    return _back(request, registered)


def _chosen(request: "Request", registered: RegisteredModel, session: "Session") -> list[object]:
    """Return the selected rows, locked in the order of their keys to avoid deadlocks."""
    sent = request.POST.get("key", [])
    texts = sent if isinstance(sent, list) else [sent]
    keys = [
        identity_of(registered.model, str(text)) for text in texts[: registered.options.page_size]
    ]
    wanted = [key for key in keys if key is not None]
    if not wanted:
        return []
    columns = mapper_of(registered.model).primary_key
    user = user_of(request)
    keys_seen = registered.rows(user).where(any_of(columns, wanted)).with_only_columns(*columns)
    seen = [tuple(key) for key in session.execute(keys_seen.order_by(None))]
    if not seen:
        return []
    query = select(registered.model).where(any_of(columns, seen)).order_by(*columns)
    query = query.with_for_update().options(lazyload("*"))
    # Rows loaded before the lock, such as the signed-in user, may be outdated.
    rows = session.scalars(query.execution_options(populate_existing=True)).unique().all()
    return registered.visible(user, policies.readable(session, user, rows))


def _delete(
    request: "Request", registered: RegisteredModel, rows: Sequence[object], session: "Session"
) -> Response:
    user = user_of(request)
    for row in rows:
        check_permission(registered, user, "delete", row)
    found = dependants(session, rows)
    forbidden = forbidden_rows(request, found)
    is_blocked = bool(blocking(found) or forbidden)
    confirmed = request.method == "POST" and "confirmed" in request.POST
    if is_blocked or not confirmed:
        status = 409 if is_blocked and confirmed else 200
        return _ask(
            request, registered, rows, label=gettext("Delete"), action="delete", status_code=status,
            found=found, forbidden=forbidden, is_blocked=is_blocked,
        )  # fmt: skip
    keys = [(row, identity_text(row)) for row in rows]
    try:
        with session.begin_nested():
            for row, key in keys:
                record(session, user, "delete", registered, row, key=key)
                session.delete(row)
            session.flush()
    except IntegrityError:
        # A table without a model refers to a row, or a reference was added concurrently.
        return _ask(
            request, registered, rows, label=gettext("Delete"), action="delete", status_code=409,
            found=found, forbidden=[], is_blocked=True,
        )  # fmt: skip
    text = gettext("%(rows)s deleted.", rows=_counted(registered, len(rows)))
    flash(request, text, "success")
    return _back(request, registered)


def _ask(
    request: "Request",
    registered: RegisteredModel,
    rows: Sequence[object],
    *,
    label: str,
    action: str,
    status_code: int = 200,
    **context: object,
) -> Response:
    title = gettext("%(action)s: %(rows)s", action=label, rows=_counted(registered, len(rows)))
    return page(
        request,
        "confirm.html",
        title=title,
        status_code=status_code,
        section=registered,
        rows=rows,
        label=label,
        action=action,
        **context,
    )


def _counted(registered: RegisteredModel, number: int) -> str:
    name = registered.label if number == 1 else registered.label_plural
    # Translators: a number of rows, such as "3 books".
    return gettext("%(number)s %(names)s", number=number, names=in_sentence(name))


def _back(request: "Request", registered: RegisteredModel) -> Response:
    query = request.environ.get("QUERY_STRING") or ""
    url = address(request, "admin-list", section=registered.slug)
    return RedirectResponse(f"{url}?{query}" if query else url, 303)
