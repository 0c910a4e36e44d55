"""The pages of one row: adding, changing, and files kept in it."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary
from sqlalchemy.orm import object_session

from lback.admin.access import (
    address,
    check_permission,
    get_object_or_404,
    get_registered_model,
    guarded,
    user_of,
)
from lback.admin.deletion import dependants
from lback.admin.deletion_rules import forbidden_rows
from lback.admin.edit_form import EditForm
from lback.admin.history import ACTIONS, as_stored, of_row, record
from lback.admin.locking import lock
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.exceptions import Forbidden, NotFound, ValidationError
from lback.core.response import RedirectResponse, Response
from lback.forms.bound_field import as_block
from lback.forms.file_content import kind_of
from lback.forms.identity import identity_text, mapper_of
from lback.sessions.messages import flash

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request


@guarded
def add_row(request: "Request", section: str, db_session: "Session") -> Response:
    """Show an empty form, or make the row that was sent."""
    held = get_registered_model(request, section, "add")
    form = EditForm(request, held, None, db_session, user_of(request))
    if form.is_bound and form.is_valid():
        saved = _saved(request, form)
        if saved is not None:
            return saved
    status = 422 if form.is_bound else 200
    title = f"Add {held.label.lower()}"
    return _edit_page(request, held, form, title=title, status_code=status)


@guarded
def edit_row(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show the form of a row, or change it."""
    held, user = get_registered_model(request, section), user_of(request)
    row = get_object_or_404(request, held, key, db_session)
    check_permission(held, user, "view", row)
    title = held.options.label_of(row)
    if request.method == "POST":
        check_permission(held, user, "change", row)
        held.options.before_lock(request, row)
        if not lock(db_session, row):
            raise NotFound(f"This {held.label.lower()} was deleted meanwhile.")
    writable = held.has_permission(user, "change", row)
    form = EditForm(request, held, row, db_session, user, writable=writable)
    if not form.is_bound:
        return _edit_page(request, held, form, title=title)
    valid = form.is_valid()
    if form.is_outdated:
        return _conflict(request, held, form, title)
    if valid:
        saved = _saved(request, form)
        if saved is not None:
            return saved
    return _edit_page(request, held, form, title=title, status_code=422)


def _saved(request: "Request", form: EditForm) -> Response | None:
    section, is_new = form.section, form.row is None
    changes = form.changes()
    section.options.before_save(request, form.form)
    if not form.form.is_valid():
        return None
    _check_removed(request, form)
    try:
        row = form.save()
    except ValidationError as error:
        form.show_error(error)
        return None
    done = "add" if is_new else "change"
    _check_saved(section, user_of(request), done, row)
    if changes or is_new:
        record(form.session, user_of(request), done, section, row, as_stored(changes))
    section.options.after_save(request, form.form, is_new=is_new)
    form.session.flush()
    flash(request, f"{section.options.label_of(row)} was {ACTIONS[done]}.", "success")
    return RedirectResponse(_next_page(request, section, row), 303)


def _check_removed(request: "Request", form: EditForm) -> None:
    """Refuse to remove inline rows with others that depend on them and may not be written.

    Raises:
        Forbidden: Names these.
    """
    for formset in form.inlines:
        found = dependants(form.session, formset.deleted())
        names = forbidden_rows(request, found)
        if names:
            raise Forbidden(
                f"With these rows, {', '.join(names).lower()} would be changed as well."
            )


def _check_saved(section: RegisteredModel, user: Any, done: str, row: Any) -> None:
    """Refuse, and so take back, what a user may not write or has moved out of their own sight.

    Raises:
        Forbidden: The policy of the model does not allow the row as it is now.
    """
    session: Any = object_session(row)
    seen = policies.readable(session, user, [row])
    if not seen or (done == "add" and not policies.allows(user, done, row)):
        raise Forbidden(f"You may not {done} such {section.label_plural.lower()}.")


def _next_page(request: "Request", section: RegisteredModel, row: Any) -> str:
    if "_continue" in request.POST:
        return address(request, "admin-row", section=section.slug, key=identity_text(row))
    if "_another" in request.POST:
        return address(request, "admin-add", section=section.slug)
    return address(request, "admin-list", section=section.slug)


def _conflict(request: "Request", section: RegisteredModel, form: EditForm, title: str) -> Response:
    """Show what somebody else wrote beside what was entered; sending it again overwrites it."""
    now = [
        (form.form[name].label, form.now(name))
        for name in form.form.changed_data
        if name in mapper_of(section.model).attrs and not section.is_secret(name)
    ]
    entries = of_row(form.session, section, identity_text(form.row), limit=1)
    return _edit_page(request, section, form, title=title, status_code=409, now=now, by=entries[:1])


def _edit_page(
    request: "Request",
    section: RegisteredModel,
    form: EditForm,
    *,
    title: str,
    status_code: int = 200,
    **context: Any,
) -> Response:
    user, row = user_of(request), form.row
    return page(
        request,
        "edit.html",
        title=title,
        status_code=status_code,
        section=section,
        edit=form,
        block_of=as_block,
        key=None if row is None else identity_text(row),
        may_save=section.has_permission(user, "add" if row is None else "change", row),
        may_delete=row is not None and section.has_permission(user, "delete", row),
        **context,
    )


@guarded
def send_file(
    request: "Request", section: str, key: str, name: str, db_session: "Session"
) -> Response:
    """Send a file that a column keeps: as an attachment, so that no browser runs it here."""
    held = get_registered_model(request, section)
    row = get_object_or_404(request, held, key, db_session)
    check_permission(held, user_of(request), "view", row)
    prop = mapper_of(held.model).column_attrs.get(name)
    allowed = name in held.field_names and not held.is_secret(name)
    if prop is None or not allowed or not isinstance(prop.columns[0].type, LargeBinary):
        raise NotFound
    content = getattr(row, name)
    if content is None:
        raise NotFound
    kind = kind_of(content[:100])
    extension = kind.extensions[0] if kind is not None else "bin"
    headers = {
        "Content-Disposition": f'attachment; filename="{held.slug}-{name}.{extension}"',
        "Content-Security-Policy": "sandbox",
    }
    return Response(content, 200, headers, "application/octet-stream")
