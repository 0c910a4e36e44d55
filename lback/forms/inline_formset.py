"""Inline formsets: rows of a one-to-many relationship, edited together with their parent."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import RelationshipProperty, Session, with_parent

from lback.core.exceptions import ConfigurationError, ValidationError
from lback.forms.formset import DELETE, Formset
from lback.forms.identity import identity_of, identity_text, mapper_of
from lback.forms.model_fields import any_of
from lback.forms.model_form import ModelForm
from lback.forms.text_fields import CharField
from lback.forms.widgets import HiddenInput, Values, last_of
from lback.translation import gettext
from lback.translation import gettext_lazy as _

KEY = "KEY"
GONE = _("This row was removed in the meantime. Please load the page again.")


class InlineFormset(Formset):
    """The rows of a one-to-many relationship.

    Args:
        form_class: A `ModelForm` of the rows.
        data: The submitted values; `None` for a formset that is not submitted yet.
        files: The uploads.
        parent: The row that they belong to; a new one has no rows yet.
        relationship: Name of the relationship, an attribute of the parent.
        prefix: Prefix of all control names; by default the name of the relationship.
        maximum: Maximum number of rows.
        session: The database session.
        **options: `extra`, `minimum` and `can_delete`; see `Formset`.

    Raises:
        ConfigurationError: The one-to-many relationship does not exist.
    """

    form_class: type[ModelForm]

    def __init__(
        self,
        form_class: type[ModelForm],
        data: Values | None = None,
        files: Values | None = None,
        *,
        parent: object,
        relationship: str,
        prefix: str = "",
        maximum: int = 100,
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.parent = parent
        self.relation = one_to_many(type(parent), relationship)
        self.rows: list[Any] = []
        self.problems: dict[int, str] = {}
        prefix = prefix or relationship
        if session is not None and mapper_of(type(parent)).primary_key_from_instance(parent)[0]:
            if data is None:
                self.rows = self._first_rows(session, maximum)
            else:
                self.rows = self._sent_rows(session, data, prefix, maximum)
        super().__init__(
            form_class,
            data,
            files,
            initial=[{} for _ in self.rows],
            prefix=prefix,
            maximum=maximum,
            session=session,
            **options,
        )

    def _rows_of_parent(self) -> Select[object]:
        attribute = getattr(type(self.parent), self.relation.key)
        child = self.relation.mapper
        return select(child.class_).where(with_parent(self.parent, attribute))

    def _first_rows(self, session: Session, maximum: int) -> list[object]:
        query = self._rows_of_parent().order_by(*self.relation.mapper.primary_key)
        return list(session.scalars(query.limit(maximum)).unique())

    def _sent_rows(self, session: Session, data: Values, prefix: str, maximum: int) -> list[object]:
        """Return the rows of the submitted keys; `None` for a key of no row of the parent."""
        texts = []
        for number in range(maximum):
            text = last_of(data, f"{prefix}-{number}-{KEY}")
            if not text:
                break  # new rows come last
            texts.append(str(text))
        keys = [identity_of(self.relation.mapper.class_, text) for text in texts]
        wanted = [key for key in keys if key is not None]
        by_key: dict[str, object] = {}
        if wanted:
            is_wanted = any_of(self.relation.mapper.primary_key, wanted)
            rows = session.scalars(self._rows_of_parent().where(is_wanted)).unique()
            by_key = {identity_text(row): row for row in rows}
        return [by_key.get(text) for text in texts]

    def build_form(self, number: int | str) -> ModelForm:
        """Return the form of one row, with its primary key in a hidden control.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.
        """
        form = super().build_form(number)
        assert isinstance(form, ModelForm)  # noqa: S101  for the type checker
        if not isinstance(number, int) or number >= len(self.rows):
            form.fields.pop(DELETE, None)  # a new row is left empty instead
        else:
            row = self.rows[number]
            key = None if row is None else identity_text(row)
            form.fields[KEY] = CharField(widget=HiddenInput(), required=False, initial=key)
            if row is None:
                form.full_clean = _refuse(form)  # type: ignore[method-assign]
        return form

    def options_of(self, number: int | str) -> dict[str, Any]:
        """Return the row that a form changes, or the foreign key of a new one.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.
        """
        if isinstance(number, int) and number < len(self.rows) and self.rows[number] is not None:
            return {"instance": self.rows[number]}
        return {"fixed": self.fixed_values(number)}

    def fixed_values(self, number: int | str) -> dict[str, object]:  # noqa: ARG002  for subclasses
        """Return the attributes of a new row that are not entered; a hook for subclasses.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.

        Returns:
            The columns that refer to the parent.
        """
        return self._ties()

    def _ties(self) -> dict[str, object]:
        parent, child = mapper_of(type(self.parent)), self.relation.mapper
        return {
            child.get_property_by_column(remote).key: getattr(
                self.parent, parent.get_property_by_column(local).key
            )
            for local, remote in self.relation.local_remote_pairs or ()
        }

    def save(self) -> list[Any]:
        """Write all rows: delete, change and add; the parent must have its key already.

        Returns:
            The rows that were changed or added.

        Raises:
            ValidationError: The formset is not valid.
        """
        if not self.is_valid():
            problem = gettext("Please correct the errors in these rows.")
            raise ValidationError({self.prefix: [problem]})
        session, saved = self.session, []
        for form, row in zip(self.forms, self.rows, strict=False):
            if self.is_deleted(form) and row is not None:
                session.delete(row)
        session.flush()
        filled = self.filled
        for number, form in enumerate(self.forms):
            if form in filled and isinstance(form, ModelForm) and form.has_changed():
                form.fixed = {} if form.instance is not None else self.fixed_values(number)
                saved.append(form.save())
        session.expire(self.parent, [self.relation.key])
        return saved

    def deleted(self) -> list[Any]:
        """Return the rows that are to be removed."""
        pairs = zip(self.forms, self.rows, strict=False)
        return [row for form, row in pairs if row is not None and self.is_deleted(form)]


def one_to_many(model: type[object], name: str) -> RelationshipProperty[object]:
    """Return a one-to-many relationship of a model.

    Args:
        model: A mapped class.
        name: Name of the relationship.

    Raises:
        ConfigurationError: The model has no one-to-many relationship with this name.
    """
    relation = mapper_of(model).relationships.get(name)
    if relation is None or relation.direction.name != "ONETOMANY" or relation.viewonly:
        known = [
            other.key
            for other in mapper_of(model).relationships
            if other.direction.name == "ONETOMANY"
        ]
        raise ConfigurationError(
            f"{model.__name__} has no one-to-many relationship {name!r}; "
            f"it has {', '.join(known) or 'none'}"
        )
    return relation


def _refuse(form: ModelForm) -> Callable[[], None]:
    def full_clean() -> None:
        form.cleaned_data = {}
        form.add_error(None, GONE)

    return full_clean
