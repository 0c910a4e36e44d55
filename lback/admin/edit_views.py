"""Views to add and change a row, and to download a file stored in it."""

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
from lback.admin.deletion_rules import forbidden_rows
from lback.admin.edit_form import EditForm
from lback.admin.history import as_stored, of_row, record
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.auth.dependants import dependants
from lback.core.exceptions import Forbidden, NotFound, ValidationError
from lback.core.response import RedirectResponse, Response
from lback.database.row_lock import lock
from lback.forms.bound_field import as_block
from lback.forms.file_content import kind_of
from lback.forms.identity import identity_text, mapper_of
from lback.forms.labels import in_sentence
from lback.forms.model_columns import stores_upload
from lback.sessions.messages import flash
from lback.translation import gettext
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.users import AdminUser


@guarded
def add_row(request: "Request", section: str, db_session: "Session") -> Response:
    """Show an empty form, or create a row.

    Args:
        request: The request; a POST creates the row.
        section: Slug of the registered model.
        db_session: Injected database session.

    Raises:
        NotFound: The model does not exist, or the user may not view it.
        Forbidden: The user may not add rows, or not this one.
    """
    registered = get_registered_model(request, section, "add")
    form = EditForm(request, registered, None, db_session, user_of(request))
    if form.is_bound and form.is_valid():
        saved = _saved(request, form)
        if saved is not None:
            return saved
    status = 422 if form.is_bound else 200
    title = gettext("Add %(name)s", name=in_sentence(registered.label))
    return _edit_page(request, registered, form, title=title, status_code=status)


@guarded
def edit_row(request: "Request", section: str, key: str, db_session: "Session") -> Response:
    """Show the form of a row, or save it.

    Args:
        request: The request; a POST saves the row.
        section: Slug of the registered model.
        key: Primary key of the row as text.
        db_session: Injected database session.

    Returns:
        The page; 409 if the row was changed by another user since the form was rendered, 422 for
        invalid values. A redirect after saving.

    Raises:
        NotFound: The model or the row does not exist, or the user may not view it.
        Forbidden: The user may not change the row.
    """
    registered, user = get_registered_model(request, section), user_of(request)
    row = get_object_or_404(request, registered, key, db_session)
    check_permission(registered, user, "view", row)
    title = registered.options.label_of(row)
    if request.method == "POST":
        check_permission(registered, user, "change", row)
        registered.options.before_lock(request, row)
        if not lock(db_session, row):
            name = in_sentence(registered.label)
            raise NotFound(gettext("This %(name)s has been deleted in the meantime.", name=name))
    writable = registered.has_permission(user, "change", row)
    form = EditForm(request, registered, row, db_session, user, writable=writable)
    if not form.is_bound:
        return _edit_page(request, registered, form, title=title)
    valid = form.is_valid()
    if form.is_outdated:
        return _conflict(request, registered, form, title)
    if valid:
        saved = _saved(request, form)
        if saved is not None:
            return saved
    return _edit_page(request, registered, form, title=title, status_code=422)


def _saved(request: "Request", form: EditForm) -> Response | None:
    registered, is_new = form.registered, form.row is None
    changes = form.changes()
    registered.options.before_save(request, form.form)
    if not form.form.is_valid():
        return None
    _check_removed(request, form)
    try:
        row = form.save()
    except ValidationError as error:
        form.show_error(error)
        return None
    done = "add" if is_new else "change"
    _check_saved(registered, user_of(request), done, row)
    if changes or is_new:
        record(form.session, user_of(request), done, registered, row, as_stored(changes))
    registered.options.after_save(request, form.form, is_new=is_new)
    form.session.flush()
    text = _("%(row)s was added.") if is_new else _("%(row)s was changed.")
    flash(request, text % {"row": registered.options.label_of(row)}, "success")
    return RedirectResponse(_next_page(request, registered, row), 303)


def _check_removed(request: "Request", form: EditForm) -> None:
    """Check that the user may change everything that depends on removed inline rows.

    Raises:
        Forbidden: The user may not; the message names the dependent models.
    """
    for formset in form.inlines:
        found = dependants(form.session, formset.deleted())
        names = forbidden_rows(request, found)
        if names:
            raise Forbidden(
                gettext(
                    "You cannot remove these rows, because you do not have permission to change "
                    "the %(names)s that depend on them.",
                    names=in_sentence(", ".join(names)),
                )
            )


def _check_saved(registered: RegisteredModel, user: "AdminUser", done: str, row: object) -> None:
    """Check the policy of the model for the saved row; a refusal rolls the transaction back.

    Raises:
        Forbidden: The user may not add this row, or could not read it any more.
    """
    session: Any = object_session(row)
    seen = policies.readable(session, user, [row])
    if not seen or (done == "add" and not policies.allows(user, done, row)):
        message = (
            _("You do not have permission to add %(names)s with these values.")
            if done == "add"
            else _("You do not have permission to change %(names)s with these values.")
        )
        raise Forbidden(message % {"names": in_sentence(registered.label_plural)})


def _next_page(request: "Request", registered: RegisteredModel, row: object) -> str:
    if "_continue" in request.POST:
        return address(request, "admin-row", section=registered.slug, key=identity_text(row))
    if "_another" in request.POST:
        return address(request, "admin-add", section=registered.slug)
    return address(request, "admin-list", section=registered.slug)


def _conflict(
    request: "Request", registered: RegisteredModel, form: EditForm, title: str
) -> Response:
    """Show the stored values next to the entered ones; submitting again overwrites them."""
    now = [
        (form.form[name].label, form.now(name))
        for name in form.form.changed_data
        if name in mapper_of(registered.model).attrs and not registered.is_secret(name)
    ]
    now += [
        (f"{code}: {texts[name].label}", texts.initial_of(name))
        for code, texts in form.translations.forms.items()
        for name in texts.changed_data
        if not registered.is_secret(name)
    ]
    entries = of_row(form.session, registered, identity_text(form.row), limit=1)
    return _edit_page(
        request, registered, form, title=title, status_code=409, now=now, by=entries[:1]
    )


def _edit_page(
    request: "Request",
    registered: RegisteredModel,
    form: EditForm,
    *,
    title: str,
    status_code: int = 200,
    **context: object,
) -> Response:
    user, row = user_of(request), form.row
    return page(
        request,
        "edit.html",
        title=title,
        status_code=status_code,
        section=registered,
        edit=form,
        block_of=as_block,
        key=None if row is None else identity_text(row),
        may_save=registered.has_permission(user, "add" if row is None else "change", row),
        may_delete=row is not None and registered.has_permission(user, "delete", row),
        **context,
    )


@guarded
def send_file(
    request: "Request", section: str, key: str, name: str, db_session: "Session"
) -> Response:
    """Send the file of a row, or the content of a binary column, so that browsers do not run it.

    A stored image is shown, and everything else is saved by the browser.

    Args:
        request: The request.
        section: Slug of the registered model.
        key: Primary key of the row as text.
        name: Name of the column.
        db_session: Injected database session.

    Raises:
        NotFound: The model, the row, the column or the file does not exist, or is not shown.
        Forbidden: The user may not view the row.
    """
    registered = get_registered_model(request, section)
    row = get_object_or_404(request, registered, key, db_session)
    check_permission(registered, user_of(request), "view", row)
    prop = mapper_of(registered.model).column_attrs.get(name)
    allowed = name in registered.field_names and not registered.is_secret(name)
    kind_of_column = None if prop is None or not allowed else prop.columns[0].type
    is_stored = stores_upload(kind_of_column)
    if not (is_stored or isinstance(kind_of_column, LargeBinary)):
        raise NotFound
    content = getattr(row, name)
    if content is None:
        raise NotFound
    if is_stored:
        sent: Response = content.response(as_attachment=not content.is_image)
        return sent
    return _attachment(content, f"{registered.slug}-{name}")


def _attachment(content: bytes, name: str) -> Response:
    kind = kind_of(content[:100])
    extension = kind.extensions[0] if kind is not None else "bin"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{extension}"',
        "Content-Security-Policy": "sandbox",
    }
    return Response(content, 200, headers, "application/octet-stream")
