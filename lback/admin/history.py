"""Admin history: record changes of rows, and read the entries."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from lback.admin.columns import shown_with_zone
from lback.admin.models import LONGEST_LABEL, AdminEntry, Change
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.http.uploaded_file import UploadedFile
from lback.forms import Field, Form, ModelForm
from lback.forms.choice_fields import listed
from lback.forms.formset import DELETE
from lback.forms.identity import identity_text
from lback.forms.inline_formset import KEY
from lback.translation import SOURCE_LANGUAGE, gettext, gettext_noop, language, pgettext_lazy

LONGEST_VALUE = 300
_BETWEEN = ": "
HIDDEN = gettext_noop("(not shown)")


@dataclass(frozen=True, slots=True)
class FieldChange(Change):
    """A change that a form is going to make.

    Attributes:
        form: The form.
        name: Name of the form field.
    """

    form: Form
    name: str


def changes_of(form: Form, is_secret: Callable[[str], bool], prefix: str = "") -> list[Change]:
    """Return the changes that a valid form is going to make. Call it before saving.

    Args:
        form: The valid form.
        is_secret: Returns True for the name of a field whose values must not be shown.
        prefix: Prefix of the field labels.
    """
    found = []
    for name in form.changed_data:
        if name in (KEY, DELETE) or name not in form.cleaned_data:
            continue
        label = f"{prefix}{form[name].label}"
        if is_secret(name):
            found.append(Change(label, HIDDEN, HIDDEN))
        else:
            field = form.fields[name]
            before, after = (
                _text(field, form.initial_of(name)),
                _text(field, form.cleaned_data[name]),
            )
            found.append(FieldChange(label, _cut(before), _cut(after), form, name))
    return found


def as_stored(changes: Sequence[Change]) -> list[Change]:
    """Return changes with the values as stored, including defaults of the database.

    Changes that had no effect are left out.

    Args:
        changes: Result of `changes_of` before the forms were saved.
    """
    with language(SOURCE_LANGUAGE):
        return _as_stored(changes)


def _as_stored(changes: Sequence[Change]) -> list[Change]:
    found = []
    for change in changes:
        if not isinstance(change, FieldChange):
            found.append(change)
        elif (stored := _stored(change)) != change.before:
            found.append(Change(change.field, change.before, stored))
    return found


def _stored(change: FieldChange) -> str:
    if not isinstance(change.form, ModelForm):
        return change.after
    row = change.form.instance
    is_column = row is not None and change.name in inspect(type(row)).column_attrs
    if not is_column or isinstance(change.form.cleaned_data[change.name], UploadedFile):
        return change.after
    return _cut(shown_with_zone(getattr(row, change.name)))


def _text(field: Field, value: object) -> str:
    """Return a value as text; only the keys of related rows if their model has a policy."""
    model = getattr(field, "model", None)
    if model is None or policies.policy_of(model) is None:
        return shown_with_zone(value)
    return shown_with_zone([str(key) for key in listed(field.prepare(value)) if key is not None])


def record(
    session: Session,
    user: object,
    action: str,
    registered: RegisteredModel,
    row: object,
    changes: Sequence[Change] = (),
    *,
    key: str | None = None,
) -> AdminEntry:
    """Add an entry to the history, in the transaction of the change.

    Args:
        session: Database session of the change.
        user: The admin user.
        action: "add", "change", "delete", or the label of an action.
        registered: Registered model of the row.
        row: The row.
        changes: Changed fields.
        key: Primary key as text, for a row that is deleted already.

    Returns:
        The new entry.
    """
    entry = AdminEntry(
        user_id=getattr(user, "id", None),
        user_name=_cut(str(getattr(user, "username", "")), LONGEST_LABEL),
        action=action[:LONGEST_LABEL],
        section=registered.slug,
        row_key=identity_text(row) if key is None else key,
        row_label=_cut(registered.options.label_of(row), LONGEST_LABEL),
        changes=json.dumps([[c.field, c.before, c.after] for c in changes], ensure_ascii=False),
    )
    session.add(entry)
    return entry


def recent(session: Session, slugs: Sequence[str], limit: int = 10) -> list[AdminEntry]:
    """Return the latest entries of some registered models, newest first.

    Args:
        session: Database session.
        slugs: Slugs of the registered models.
        limit: Maximum number of entries.
    """
    query = select(AdminEntry).where(AdminEntry.section.in_(slugs))
    return list(session.scalars(query.order_by(AdminEntry.id.desc()).limit(limit)))


def last_deletions(session: Session, slug: str, keys: Iterable[str]) -> dict[str, int]:
    """Return the id of the last deletion of each row that was deleted, by its key.

    Entries up to it are about another row, whose id the database has given to the present one.

    Args:
        session: Database session.
        slug: Slug of the registered model.
        keys: Primary keys as text.
    """
    query = select(AdminEntry.row_key, func.max(AdminEntry.id)).where(
        AdminEntry.section == slug, AdminEntry.row_key.in_(keys), AdminEntry.action == "delete"
    )
    rows = session.execute(query.group_by(AdminEntry.row_key))
    return {row[0]: row[1] for row in rows}


def of_row(
    session: Session, registered: RegisteredModel, key: str, limit: int = 200
) -> list[AdminEntry]:
    """Return the latest entries of one row, newest first, without those of a deleted one.

    Args:
        session: Database session.
        registered: Registered model of the row.
        key: Primary key of the row as text.
        limit: Maximum number of entries.
    """
    query = select(AdminEntry).where(
        AdminEntry.section == registered.slug,
        AdminEntry.row_key == key,
        AdminEntry.id > last_deletions(session, registered.slug, [key]).get(key, 0),
    )
    return list(session.scalars(query.order_by(AdminEntry.id.desc()).limit(limit)))


def _cut(text: str, length: int = LONGEST_VALUE) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


# What users did, between the name of the user and that of the row.
ACTIONS: Mapping[str, str] = {
    "add": pgettext_lazy("history", "added"),
    "change": pgettext_lazy("history", "changed"),
    "delete": pgettext_lazy("history", "deleted"),
}


def said(action: str) -> str:
    """Return what a user did, for a page: a verb, or the label of an action and a colon.

    Args:
        action: The action of an entry.
    """
    verb = ACTIONS.get(action)
    return f"{gettext(action)}:" if verb is None else str(verb)


def source_text(text: str) -> str:
    """Return text in the language of the code, as the history stores it."""
    return str.__str__(text)


def translated_change(change: Change) -> Change:
    """Return a change with its labels in the current language; values stay as they were stored.

    Args:
        change: A change of an entry, whose field is a label, or labels and a row with colons
            between them.
    """
    inline, *row, label = ["", *change.field.split(_BETWEEN)]
    if row:
        inline, *row = row
        row = [gettext("new")] if row == ["new"] else row
    field = _BETWEEN.join([*filter(None, [inline and gettext(inline)]), *row, gettext(label)])
    return Change(field, _hidden(change.before), _hidden(change.after))


def _hidden(value: str) -> str:
    return gettext(HIDDEN) if value == HIDDEN else value
