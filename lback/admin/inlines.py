"""Inline rows in the admin: each asks what its own section permits, not that of the parent."""

from typing import TYPE_CHECKING, Any

from lback.admin.autocomplete import narrow_rows
from lback.auth import policies
from lback.core.exceptions import Forbidden
from lback.forms import InlineFormset, ModelForm
from lback.forms.formset import DELETE
from lback.forms.inline_formset import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from lback.admin.registered_model import RegisteredModel

NO_ADDING = "You may not add rows here."


class AdminInlines(InlineFormset):
    """The rows of an inline, as far as a user may see and write them.

    A model that has no section of its own belongs to its parent: a user who may change the parent
    may write its rows, where the policy of the rows allows it.

    Args:
        form_class: A `ModelForm` of the rows.
        data: What was sent.
        files: The uploads.
        section: The section of the rows, or `None`.
        user: Who edits.
        **options: See `InlineFormset`.
    """

    def __init__(
        self,
        form_class: type[ModelForm],
        data: Any = None,
        files: Any = None,
        *,
        section: "RegisteredModel | None",
        user: Any,
        **options: Any,
    ) -> None:
        self._section = section
        self._user = user
        self.can_add = section is None or section.has_permission(user, "add")
        if not self.can_add:
            options["extra"] = 0
        super().__init__(form_class, data, files, **options)

    def _may(self, action: str, row: Any) -> bool:
        if self._section is not None:
            return self._section.has_permission(self._user, action, row)
        return policies.allows(self._user, action, row)

    def _rows_of_parent(self) -> Any:
        return policies.scoped(self._user, super()._rows_of_parent())

    def _first_rows(self, session: "Session", maximum: int) -> list[Any]:
        return self._visible(super()._first_rows(session, maximum))

    def _sent_rows(self, session: "Session", data: Any, prefix: str, maximum: int) -> list[Any]:
        rows = super()._sent_rows(session, data, prefix, maximum)
        seen = self._visible([row for row in rows if row is not None])
        return [row if row in seen else None for row in rows]

    def _visible(self, rows: list[Any]) -> list[Any]:
        section = self._section
        if section is None:
            return rows
        return (
            section.visible(self._user, rows) if section.has_permission(self._user, "view") else []
        )

    def build_form(self, number: int | str) -> ModelForm:
        """Return the form of one row, with the fields that the user may write."""
        form = super().build_form(number)
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

    def _keep_fields(self, form: ModelForm, names: "Iterable[str]") -> None:
        for name in [name for name in form.fields if name not in names]:
            del form.fields[name]

    def save(self) -> list[Any]:
        """Write all rows; see `InlineFormset.save`.

        Raises:
            ValidationError: Something is wrong.
            Forbidden: A row would be written that the user may not add, or not see afterwards.
        """
        saved = super().save()
        if not all(self._is_held(row) or self._may("add", row) for row in saved):
            raise Forbidden("You may not write these rows.")
        if len(policies.readable(self.session, self._user, saved)) != len(saved):
            raise Forbidden("You may not move rows to where you do not see them.")
        return saved

    def _is_held(self, row: Any) -> bool:
        return any(row is held for held in self.rows)


def _refuse(form: ModelForm) -> Any:
    def full_clean() -> None:
        form.cleaned_data = {}
        form.add_error(None, NO_ADDING)

    return full_clean
