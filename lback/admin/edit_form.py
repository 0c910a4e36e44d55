"""Edit form of a row: grouped fields, inline rows, and the state for optimistic locking."""

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError

from lback.admin.autocomplete import add_autocomplete
from lback.admin.columns import Column, build_column, shown
from lback.admin.history import HIDDEN, changes_of
from lback.admin.inlines import AdminInlines
from lback.admin.models import Change
from lback.admin.options import Inline
from lback.admin.registered_model import RegisteredModel
from lback.admin.related import RelatedRows
from lback.admin.translations import TranslatedColumns, TranslationInlines
from lback.core.exceptions import ValidationError
from lback.database.violations import violation_of
from lback.forms.bound_field import BoundField, label_from
from lback.forms.errors import NON_FIELD
from lback.forms.identity import mapper_of
from lback.forms.row_state import STATE, state_of
from lback.i18n.catalogues import language_codes
from lback.translation import SOURCE_LANGUAGE, gettext, language
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.forms import ModelForm
    from lback.forms.widgets import Values
    from lback.users import AdminUser


# An inline is shown to users with at least one of these permissions for its rows.
SEEN_BY = ("view", "add", "change", "delete")
REFUSED = _("These values cannot be saved together. Please check them.")

M = TypeVar("M")  # a model


def blank_row(model: type[M]) -> M:
    """Return an empty instance without calling the constructor; it is never stored."""
    return mapper_of(model).class_manager.new_instance()


class EditForm:
    """Form of a row and its inlines.

    Args:
        request: The request; a POST binds the form to the submitted data.
        registered: Registered model of the row.
        row: The row, or None for a new one.
        session: Database session.
        user: The admin user.
        writable: False shows all fields read-only and no inlines.
    """

    def __init__(
        self,
        request: "Request",
        registered: RegisteredModel,
        row: object,
        session: "Session",
        user: "AdminUser",
        *,
        writable: bool = True,
    ) -> None:
        self.registered = registered
        self.row = row
        self.session = session
        self.is_bound = request.method == "POST"
        data: Mapping[str, object] | None = request.POST if self.is_bound else None
        files: Mapping[str, object] | None = request.files if self.is_bound else None
        self.form: ModelForm = registered.form_class(data, files, instance=row, session=session)
        config = request.config
        self._languages: Sequence[str] = (
            [SOURCE_LANGUAGE] if config is None else language_codes(config)
        )
        self._drop_read_only(user, writable=writable)
        self.translated = [n for n in registered.options.translated if n in self.form.fields]
        for name in self.translated:
            del self.form.fields[name]
        self.translations = TranslatedColumns(
            registered.model, self.translated, data, row=row, languages=self._languages
        )
        registered.options.prepare_form(request, self.form)
        add_autocomplete(request, self.form)
        self.user = user
        self.inlines = self._build_inlines(data, files) if writable else []
        self._key = "" if request.config is None else str(request.config.SECRET_KEY)
        self.sent_state = str(request.POST.get(STATE, ""))

    def _drop_read_only(self, user: "AdminUser", *, writable: bool) -> None:
        names = self.registered.options.fields_read_only(user, self.row)
        for name in list(self.form.fields):
            # A field that the options leave out is not shown, so it must not be accepted either.
            if name in names or not writable or name not in self.registered.field_names:
                del self.form.fields[name]

    def _build_inlines(self, data: "Values | None", files: "Values | None") -> list[AdminInlines]:
        parent = self.row if self.row is not None else blank_row(self.registered.model)
        known = [
            (inline, self._registered_of(inline)) for inline in self.registered.options.inlines
        ]
        return [
            self._inlines_class(inline)(
                self.registered.inline_form(inline),
                data,
                files,
                parent=parent,
                relationship=inline.relationship,
                extra=inline.extra,
                maximum=inline.maximum,
                can_delete=inline.can_delete,
                session=self.session,
                registered=registered,
                user=self.user,
            )
            for inline, registered in known
            if registered is None
            or any(registered.has_permission(self.user, action) for action in SEEN_BY)
        ]

    def _inlines_class(self, inline: Inline) -> "Callable[..., AdminInlines]":
        if not inline.language:
            return AdminInlines
        return partial(TranslationInlines, language=inline.language, languages=self._languages)

    def _registered_of(self, inline: Inline) -> RegisteredModel | None:
        relation = mapper_of(self.registered.model).relationships[inline.relationship]
        return self.registered.by_model.get(relation.mapper.class_)

    # Its state.

    @property
    def state(self) -> str:
        """Digest of the row and of everything that is edited with it; "" for a new row."""
        if self.row is None:
            return ""
        known = mapper_of(self.registered.model)
        collections = [
            name
            for name in self.form.fields
            if name in known.relationships and known.relationships[name].uselist
        ]
        # Initial values of fields that a project's form adds.
        more = [
            (name, self.form.initial_of(name))
            for name in self.form.fields
            if name not in known.attrs
        ]
        rows = [row for formset in self.inlines for row in formset.rows if row is not None]
        return state_of(self.row, collections, rows, more, key=self._key)

    @property
    def is_outdated(self) -> bool:
        """True if the row was changed since the form was rendered."""
        return self.row is not None and self.sent_state != self.state

    # Saving.

    def is_valid(self) -> bool:
        """Return True if form and inlines are valid. All are validated, to show all errors."""
        own = [self.form.is_valid(), self.translations.is_valid()]
        return all([*own, *(formset.is_valid() for formset in self.inlines)])

    def changes(self) -> list[Change]:
        """Return the changes that saving would make, in the language of the code."""
        with language(SOURCE_LANGUAGE):
            return self._changes()

    def _changes(self) -> list[Change]:
        found = changes_of(self.form, self.registered.is_secret)
        for code, texts in self.translations.forms.items():
            found += changes_of(texts, self.registered.is_secret, f"{code}: ")
        for formset in self.inlines:
            name = label_from(formset.relation.key)
            is_secret = partial(self.registered.is_secret_of, formset.relation.mapper.class_)
            for form in formset.filled:
                prefix = f"{name}: {formset.label_of(form)}: "
                found += changes_of(form, is_secret, prefix)
            found += [
                Change(name, formset.label_of(form), shown(None))
                for form in formset.forms
                if formset.is_deleted(form) and getattr(form, "instance", None) is not None
            ]
        return found

    def save(self) -> object:
        """Save the form and its inlines, and return the row.

        Raises:
            ValidationError: The database refuses the values: a unique value was taken
                concurrently, or a constraint is violated that the form does not check.
        """
        texts = self.translations.values()
        if self.row is None:
            self.form.fixed.update(texts)
        for name, value in texts.items() if self.row is not None else ():
            setattr(self.row, name, value)
        try:
            row = self.form.save()
            for formset in self.inlines:
                formset.parent = row
                formset.save()
        except DBAPIError as error:
            if violation_of(error) is None:
                raise
            raise ValidationError({NON_FIELD: [str(REFUSED)]}) from None
        return row

    def show_error(self, error: ValidationError) -> None:
        """Add an error of `save` to the errors of the form."""
        for messages in error.errors.values():
            for message in messages:
                if message not in str(self.form.errors):
                    self.form.errors.add(NON_FIELD, [message])

    # How it looks.

    @property
    def groups(self) -> list[tuple[str, list[BoundField | tuple[str, str]]]]:
        """Titles with their fields; a read-only field is a pair of label and text."""
        groups = [
            (title, [item for name in names if (item := self._item(name)) is not None])
            for title, names in self.registered.fieldsets
        ]
        added = [name for name in self.form.fields if name not in self.registered.field_names]
        # Fields added by `prepare_form`.
        return [*groups, ("", [self.form[name] for name in added])] if added else groups

    def _item(self, name: str) -> BoundField | tuple[str, str] | None:
        if name in self.form.fields:
            return self.form[name]
        if name in self.translated:
            return None  # in the tabs
        declared = name in self.registered.options.form.declared_fields
        if self.row is None or (declared and not hasattr(self.registered.model, name)):
            return None  # a write-only field has no value to show
        column = build_column(self.registered.options, name, f"{self.registered.where}.fields")
        hidden = self.registered.is_secret(name)
        return str(column.label), gettext(HIDDEN) if hidden else shown(self._value(column))

    def now(self, name: str) -> str:
        """Return the stored value of a column as text."""
        return shown(
            self._value(build_column(self.registered.options, name, self.registered.where))
        )

    def _value(self, column: Column) -> object:
        return RelatedRows(self.session, self.user, [column], [self.row]).value(column, self.row)

    @property
    def is_multipart(self) -> bool:
        """True if the form has file fields."""
        return self.form.is_multipart or any(formset.is_multipart for formset in self.inlines)
