"""The form of a row: its fields in groups, its inline rows, and the state it was made from."""

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, IntegrityError

from lback.admin.autocomplete import add_autocomplete
from lback.admin.columns import Column, build_column, shown
from lback.admin.history import HIDDEN, changes_of
from lback.admin.inlines import AdminInlines
from lback.admin.locking import STATE, state_of
from lback.admin.models import Change
from lback.admin.options import Inline
from lback.admin.registered_model import RegisteredModel
from lback.admin.related import RelatedRows
from lback.core.exceptions import ValidationError
from lback.forms.bound_field import BoundField, label_from
from lback.forms.errors import NON_FIELD
from lback.forms.identity import mapper_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.forms import ModelForm


# The numbers of a failed CHECK in MariaDB and MySQL, which report it as an operational error.
_CHECK_FAILED = (4025, 3819)
# A user who may do one of these to the rows of an inline is shown them.
SEEN_BY = ("view", "add", "change", "delete")
REFUSED = "The database does not accept these values together; please check them."


def blank_row(model: type[Any]) -> Any:
    """Return a row without values, whatever its constructor asks for; it is never stored."""
    return mapper_of(model).class_manager.new_instance()


class EditForm:
    """A row as it is edited.

    Args:
        request: What was sent, if it was.
        section: Where the row belongs.
        row: The row; `None` for a new one.
        session: The database session.
        user: Who edits.
        writable: Whether the user may write anything at all.
    """

    def __init__(
        self,
        request: "Request",
        section: RegisteredModel,
        row: Any,
        session: "Session",
        user: Any,
        *,
        writable: bool = True,
    ) -> None:
        self.section = section
        self.row = row
        self.session = session
        self.is_bound = request.method == "POST"
        data: Mapping[str, Any] | None = request.POST if self.is_bound else None
        files: Mapping[str, Any] | None = request.files if self.is_bound else None
        self.form: ModelForm = section.form_class(data, files, instance=row, session=session)
        self._drop_read_only(user, writable=writable)
        section.options.prepare_form(request, self.form)
        add_autocomplete(request, self.form)
        self.user = user
        self.inlines = self._build_inlines(data, files) if writable else []
        self.sent_state = str(request.POST.get(STATE, ""))

    def _drop_read_only(self, user: Any, *, writable: bool) -> None:
        names = self.section.options.fields_read_only(user, self.row)
        for name in list(self.form.fields):
            # A field of the class that the options leave out is not shown, and so not taken.
            if name in names or not writable or name not in self.section.field_names:
                del self.form.fields[name]

    def _build_inlines(self, data: Any, files: Any) -> list[AdminInlines]:
        parent = self.row if self.row is not None else blank_row(self.section.model)
        known = [(inline, self._section_of(inline)) for inline in self.section.options.inlines]
        return [
            AdminInlines(
                self.section.inline_form(inline),
                data,
                files,
                parent=parent,
                relationship=inline.relationship,
                extra=inline.extra,
                maximum=inline.maximum,
                can_delete=inline.can_delete,
                session=self.session,
                section=section,
                user=self.user,
            )
            for inline, section in known
            if section is None
            or any(section.has_permission(self.user, action) for action in SEEN_BY)
        ]

    def _section_of(self, inline: Inline) -> RegisteredModel | None:
        relation = mapper_of(self.section.model).relationships[inline.relationship]
        return self.section.neighbours.get(relation.mapper.class_)

    # Its state.

    @property
    def state(self) -> str:
        """The state of the row and of all that is edited with it."""
        if self.row is None:
            return ""
        known = mapper_of(self.section.model)
        collections = [
            name
            for name in self.form.fields
            if name in known.relationships and known.relationships[name].uselist
        ]
        # What a form of the project begins with counts as well.
        more = [
            (name, self.form.initial_of(name))
            for name in self.form.fields
            if name not in known.attrs
        ]
        rows = [row for formset in self.inlines for row in formset.rows if row is not None]
        return state_of(self.row, collections, rows, more)

    @property
    def is_outdated(self) -> bool:
        """Whether somebody else wrote the row since the form was made."""
        return self.row is not None and self.sent_state != self.state

    # Saving.

    def is_valid(self) -> bool:
        """Tell whether nothing is wrong; all parts are asked, so that each says what is."""
        return all([self.form.is_valid(), *(formset.is_valid() for formset in self.inlines)])

    def changes(self) -> list[Change]:
        """Return what is about to change."""
        found = changes_of(self.form, self.section.is_secret)
        for formset in self.inlines:
            name = label_from(formset.relation.key)
            is_secret = partial(self.section.is_secret_of, formset.relation.mapper.class_)
            for form in formset.filled:
                held = getattr(form, "instance", None)
                prefix = f"{name}: {shown(held)}: " if held is not None else f"{name}: new: "
                found += changes_of(form, is_secret, prefix)
            found += [Change(name, shown(row), shown(None)) for row in formset.deleted()]
        return found

    def save(self) -> Any:
        """Write everything and return the row.

        Raises:
            ValidationError: Somebody else took a unique value in this moment, or the database
                has a rule that the form does not know.
        """
        try:
            row = self.form.save()
            for formset in self.inlines:
                formset.parent = row
                formset.save()
        except DBAPIError as error:
            if not _is_refusal(error):
                raise
            raise ValidationError({NON_FIELD: [REFUSED]}) from None
        return row

    def show_error(self, error: ValidationError) -> None:
        """Show an error that came when rows were written."""
        for messages in error.errors.values():
            for message in messages:
                if message not in str(self.form.errors):
                    self.form.errors.add(NON_FIELD, [message])

    # How it looks.

    @property
    def groups(self) -> list[tuple[str, list[BoundField | tuple[str, str]]]]:
        """Titles, and the fields below them; one that is read only is a label and a text."""
        groups = [
            (title, [item for name in names if (item := self._item(name)) is not None])
            for title, names in self.section.fieldsets
        ]
        added = [name for name in self.form.fields if name not in self.section.field_names]
        # Those that `prepare_form` has added.
        return [*groups, ("", [self.form[name] for name in added])] if added else groups

    def _item(self, name: str) -> BoundField | tuple[str, str] | None:
        if name in self.form.fields:
            return self.form[name]
        declared = name in self.section.options.form.declared_fields
        if self.row is None or (declared and not hasattr(self.section.model, name)):
            return None  # a field that is made for writing has no value to be shown
        column = build_column(self.section.options, name, f"{self.section.where}.fields")
        hidden = self.section.is_secret(name)
        return column.label, HIDDEN if hidden else shown(self._value(column))

    def now(self, name: str) -> str:
        """Return what a column of the row shows now."""
        return shown(self._value(build_column(self.section.options, name, self.section.where)))

    def _value(self, column: Column) -> Any:
        return RelatedRows(self.session, self.user, [column], [self.row]).value(column, self.row)

    @property
    def is_multipart(self) -> bool:
        """Whether files can be sent."""
        return self.form.is_multipart or any(formset.is_multipart for formset in self.inlines)


def _is_refusal(error: DBAPIError) -> bool:
    """Tell whether a database refuses values, and is not itself in trouble."""
    number = next(iter(getattr(error.orig, "args", ())), None)
    return isinstance(error, IntegrityError) or number in _CHECK_FAILED
