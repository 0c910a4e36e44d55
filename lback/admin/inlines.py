"""Inline rows, checked against the permissions of their own registered model."""

from typing import TYPE_CHECKING, Any

from lback.admin.autocomplete import narrow_rows
from lback.admin.columns import shown
from lback.auth import policies
from lback.core.exceptions import Forbidden
from lback.forms import InlineFormset, ModelForm
from lback.forms.formset import DELETE
from lback.forms.identity import mapper_of
from lback.forms.inline_formset import KEY
from lback.translation import gettext
from lback.translation import gettext_lazy as _
from lback.users import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from lback.admin.registered_model import RegisteredModel
    from lback.forms.form import Form
    from lback.forms.widgets import Values
    from lback.users import AdminUser

# Attributes of accounts, which only their own page changes: it checks passwords, rights and
# addresses, and ends sessions.
ACCOUNT_FIELDS = frozenset({*Account.__annotations__, "roles", "is_superuser"})
NO_ADDING = _("You do not have permission to add rows here.")


class AdminInlines(InlineFormset):
    """Formset of the inline rows that a user may view and edit.

    If the model of the rows is not registered, a user who may change the parent may edit the
    rows, as far as their row policy allows. Fields that are read-only on the page of a row are left
    out. Accounts are not added here, and their names, addresses, roles and passwords not changed.

    Args:
        form_class: `ModelForm` class of the rows.
        data: Submitted data, or None for an unbound formset.
        files: Uploaded files, or None.
        registered: Registered model of the rows, or None.
        user: The admin user.
        **options: See `InlineFormset`.
    """

    def __init__(
        self,
        form_class: type[ModelForm],
        data: "Values | None" = None,
        files: "Values | None" = None,
        *,
        registered: "RegisteredModel | None",
        user: "AdminUser",
        **options: Any,
    ) -> None:
        self._registered = registered
        self._user = user
        relations = mapper_of(type(options["parent"])).relationships
        model = relations[options["relationship"]].mapper.class_
        self._is_of_accounts = issubclass(model, Account)
        self.can_add = not self._is_of_accounts and (
            registered is None or registered.has_permission(user, "add")
        )
        if not self.can_add:
            options["extra"] = 0
        super().__init__(form_class, data, files, **options)

    def _may(self, action: str, row: object) -> bool:
        if self._registered is not None:
            return self._registered.has_permission(self._user, action, row)
        return policies.allows(self._user, action, row)

    def _rows_of_parent(self) -> "Select[object]":
        return policies.scoped(self._user, super()._rows_of_parent())

    def _first_rows(self, session: "Session", maximum: int) -> list[object]:
        return self._visible(super()._first_rows(session, maximum))

    def _sent_rows(
        self, session: "Session", data: "Values", prefix: str, maximum: int
    ) -> list[object]:
        rows = super()._sent_rows(session, data, prefix, maximum)
        seen = self._visible([row for row in rows if row is not None])
        return [row if row in seen else None for row in rows]

    def _visible(self, rows: list[object]) -> list[object]:
        registered = self._registered
        if registered is None:
            return rows
        return (
            registered.visible(self._user, rows)
            if registered.has_permission(self._user, "view")
            else []
        )

    def build_form(self, number: int | str) -> ModelForm:
        """Return the form of one row with only the fields that the user may change."""
        form = super().build_form(number)
        self._drop_read_only(form)
        narrow_rows(form, self._user)
        if not isinstance(number, int) or number >= len(self.rows):
            if not self.can_add:
                form.full_clean = _refuse(form)  # type: ignore[method-assign]
            return form
        row = self.rows[number]
        if row is not None and not self._may("change", row):
            self._keep_fields(form, (KEY, DELETE))
        if row is not None and not self._may("delete", row):
            form.fields.pop(DELETE, None)
        return form

    def _drop_read_only(self, form: ModelForm) -> None:
        fixed = set(ACCOUNT_FIELDS) if self._is_of_accounts else set()
        if self._registered is not None:
            fixed |= set(self._registered.options.fields_read_only(self._user, form.instance))
        self._keep_fields(form, [name for name in form.fields if name not in fixed])

    def _keep_fields(self, form: ModelForm, names: "Iterable[str]") -> None:
        for name in [name for name in form.fields if name not in names]:
            del form.fields[name]

    def save(self) -> list[object]:
        """Save all rows; see `InlineFormset.save`.

        Raises:
            ValidationError: A row is not valid.
            Forbidden: The user may not add a row, or could not read a row afterwards.
        """
        saved = super().save()
        if not all(self._is_existing(row) or self._may("add", row) for row in saved):
            raise Forbidden(gettext("You do not have permission to add these rows."))
        if len(policies.readable(self.session, self._user, saved)) != len(saved):
            raise Forbidden(
                gettext(
                    "You cannot save these rows, because you would not be able to view them any "
                    "more."
                )
            )
        return saved

    def label_of(self, form: "Form") -> str:
        """Return the name of a row in the history.

        Args:
            form: The form of the row.
        """
        row = getattr(form, "instance", None)
        return "new" if row is None else shown(row)

    def _is_existing(self, row: object) -> bool:
        return any(row is existing for existing in self.rows)


def _refuse(form: ModelForm) -> "Callable[[], None]":
    def full_clean() -> None:
        form.cleaned_data = {}
        form.add_error(None, NO_ADDING)

    return full_clean
