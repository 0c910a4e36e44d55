"""A model registered with the admin and its options, checked at start-up."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Select, select
from sqlalchemy.orm import object_session
from sqlalchemy.sql.base import ExecutableOption

from lback.admin.columns import (
    Column,
    attribute_of,
    build_column,
    first_columns,
    key_columns,
)
from lback.admin.filters import Filter, build_filter
from lback.admin.options import Inline, ModelAdmin, label_of_action
from lback.admin.search import SearchTerm, build_search
from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.core.settings.secret_names import is_secret
from lback.forms import ForeignKeyField, ModelForm, model_form
from lback.forms.identity import mapper_of, model_name, plural_of
from lback.forms.inline_formset import one_to_many
from lback.forms.model_columns import form_attributes
from lback.forms.model_form import unique_columns
from lback.translation import gettext_lazy

if TYPE_CHECKING:
    from sqlalchemy.orm import RelationshipProperty

    from lback.users import AdminUser

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
# Used by other paths of the admin.
_TAKEN = frozenset({"sign-in", "sign-out", "static", "history", "password"})

R = TypeVar("R")  # a row of a model


class RegisteredModel:
    """A model registered with the admin.

    Args:
        model: A mapped class.
        options: A `ModelAdmin` subclass. None uses `ModelAdmin` itself.

    Raises:
        ConfigurationError: The options are not a `ModelAdmin` class, have an unknown attribute,
            or the slug is not valid.

    Attributes:
        slug: Name in URLs and permissions.
        label: Singular name.
        label_plural: Plural name.
        by_model: All registered models of the registry by model class.
    """

    def __init__(self, model: type[object], options: object = None) -> None:
        kind = ModelAdmin if options is None else options
        if not isinstance(kind, type) or not issubclass(kind, ModelAdmin):
            raise ConfigurationError(
                f"{model.__name__} is registered with the options {options!r}; "
                "pass a class that inherits from lback.admin.ModelAdmin"
            )
        self.model = model
        self.options = kind(model)
        self.where = f"{kind.__module__}.{kind.__qualname__} of {model.__name__}"
        _refuse_unknown(kind, self.where)
        name = model_name(model)
        self.slug = kind.slug or name.replace(" ", "-")
        self.options.slug = self.slug  # `allows` builds the name of permissions from it
        # Set by the registry.
        self.by_model: Mapping[type[object], RegisteredModel] = {}
        self.label = kind.label or gettext_lazy(name.capitalize())
        self.label_plural = kind.label_plural or gettext_lazy(plural_of(name).capitalize())
        if not _SLUG.fullmatch(self.slug) or self.slug in _TAKEN:
            raise ConfigurationError(
                f"{self.where} has the slug {self.slug!r}; use letters a to z, digits, - and _, "
                f"and none of {', '.join(sorted(_TAKEN))}"
            )

    def check(self) -> None:
        """Check all options at start-up, so that mistakes do not surface in a request.

        Raises:
            ConfigurationError: An option is not valid. The message names class and option.
        """
        self._check_lists()
        for name in (
            "columns",
            "links",
            "loads",
            "search",
            "filters",
            "ordering",
            "export_columns",
            "actions",
        ):
            getattr(self, name)
        self.form_class.base_fields()
        self._check_translated()
        for inline in self.options.inlines:
            self.inline_form(inline).base_fields()
        if self.options.date_hierarchy:
            date = self.column(self.options.date_hierarchy, "date_hierarchy")
            if date.kind != "when" or date.path:
                raise ConfigurationError(
                    f"{self.where}.date_hierarchy names {date.name!r}, which is not a date column"
                )
        if not 1 <= self.options.page_size <= 500:
            raise ConfigurationError(
                f"{self.where}.page_size is {self.options.page_size}; use 1 to 500"
            )

    def _check_lists(self) -> None:
        for option in _LISTS:
            value = getattr(self.options, option)
            if isinstance(value, str) and not (option == "export_columns" and not value):
                raise ConfigurationError(
                    f"{self.where}.{option} is the text {value!r}; write ({value!r},)"
                )

    def _check_translated(self) -> None:
        columns = mapper_of(self.model).columns
        for name in self.options.translated:
            if name not in self.field_names:
                raise ConfigurationError(
                    f"{self.where}.translated names {name!r}, which is not a field of the form"
                )
            if name not in columns or not isinstance(columns[name].type, JSON):
                raise ConfigurationError(
                    f"{self.where}.translated names {name!r}, which is not a column of JSON; use "
                    'an Inline with language="…" for a table of translations'
                )

    # The list.

    def column(self, name: str, option: str) -> Column:
        """Return the column that a name in an option refers to.

        Args:
            name: Name of the column.
            option: Name of the option, for error messages.

        Raises:
            ConfigurationError: The column does not exist.
        """
        return build_column(self.options, name, f"{self.where}.{option}")

    @cached_property
    def columns(self) -> list[Column]:
        """Columns of the list."""
        names = self.options.list_columns or first_columns(mapper_of(self.model))
        return [self.column(name, "list_columns") for name in names]

    @cached_property
    def links(self) -> frozenset[str]:
        """Names of the columns that link to the row."""
        known = [column.name for column in self.columns]
        for name in self.options.list_links:
            if name not in known:
                raise ConfigurationError(
                    f"{self.where}.list_links names {name!r}, which is not in list_columns"
                )
        return frozenset(self.options.list_links or known[:1])

    @cached_property
    def loads(self) -> list[ExecutableOption]:
        """Loader options of the list, which avoid a query per row."""
        related = [self.column(name, "related") for name in self.options.related]
        return [option for column in (*self.columns, *related) for option in column.loads]

    @cached_property
    def export_columns(self) -> list[Column]:
        """Columns of exports; empty if exports are disabled."""
        names = self.options.export_columns
        if names is None:
            return self.columns
        return [self.column(name, "export_columns") for name in names]

    @cached_property
    def sorts(self) -> dict[str, Column]:
        """Name to column of the columns that clients may sort by."""
        found = {column.name: column for column in self.columns if column.sort is not None}
        for name in self.options.ordering:
            column = self.column(name.removeprefix("-"), "ordering")
            if column.sort is None:
                raise ConfigurationError(
                    f"{self.where}.ordering names {name!r}, which is not a column that can be "
                    "sorted by"
                )
            found[column.name] = column
        return found

    @cached_property
    def ordering(self) -> tuple[str, ...]:
        """Names of the columns to sort by if the client chooses none."""
        assert self.sorts is not None  # noqa: S101  it checks the names
        return tuple(self.options.ordering)

    @cached_property
    def search(self) -> list[SearchTerm]:
        """Search terms of `search_columns`."""
        where = f"{self.where}.search_columns"
        return [build_search(self.options, name, where) for name in self.options.search_columns]

    @cached_property
    def filters(self) -> Mapping[str, Filter]:
        """Name to filter."""
        where = f"{self.where}.filters"
        return {name: build_filter(self.model, name, where) for name in self.options.filters}

    @cached_property
    def actions(self) -> dict[str, Callable[..., object]]:
        """Name to method of the actions."""
        found = {}
        for name in self.options.actions:
            method = getattr(self.options, name, None)
            if method is None or label_of_action(method) is None:
                raise ConfigurationError(
                    f"{self.where}.actions names {name!r}, which is not an action; write "
                    f'@action("…") above def {name}(self, session, rows)'
                )
            found[name] = method
        return found

    # The form.

    @cached_property
    def fieldsets(self) -> list[tuple[str, list[str]]]:
        """Titles with the names of their fields."""
        if self.options.fieldsets:
            return [(title, list(names)) for title, names in self.options.fieldsets]
        names = self.options.fields
        if names is None:
            names = list(form_attributes(mapper_of(self.model)))
            declared = self.options.form.declared_fields
            names = [*names, *(name for name in declared if name not in names)]
            # Secrets such as password hashes are editable only if `fields` lists them.
            names = [name for name in names if name in declared or not is_secret(name)]
        left_out = set(self.options.exclude)
        return [("", [name for name in names if name not in left_out])]

    @cached_property
    def field_names(self) -> list[str]:
        """Names of the form fields, including read-only ones."""
        return [name for _, names in self.fieldsets for name in names]

    @cached_property
    def form_class(self) -> type[ModelForm]:
        """Form class of a row."""
        mapper = mapper_of(self.model)
        declared = self.options.form.declared_fields
        names = []
        for name in self.field_names:
            if name not in declared:
                attribute_of(self.model, name, f"{self.where}.fields")
            # Properties and columns of related rows can only be shown.
            if name in declared or name in mapper.attrs:
                names.append(name)
            elif name not in self.options.read_only:
                raise ConfigurationError(
                    f"{self.where}.fields names {name!r}, which is not stored; "
                    "put it into read_only as well"
                )
        writable = [name for name in names if not self._is_shown_only(name)]
        return model_form(self.model, fields=writable, base=self.options.form)

    def _is_shown_only(self, name: str) -> bool:
        always = type(self.options).fields_read_only is ModelAdmin.fields_read_only
        return always and name in self.options.read_only

    def inline_form(self, inline: Inline) -> type[ModelForm]:
        """Return the form class of the rows of an inline.

        Raises:
            ConfigurationError: Its relationship is not one-to-many.
        """
        relation = one_to_many(self.model, inline.relationship)
        child = relation.mapper
        names = inline.fields
        if names is None:
            back = {*relation.remote_side}
            ties = {other.key for other in child.relationships if back & set(other.local_columns)}
            ties |= {child.get_property_by_column(column).key for column in back}
            names = [name for name in form_attributes(child) if name not in ties]
            # Secrets are editable only if `fields` lists them.
            names = [name for name in names if not self.is_secret_of(child.class_, name)]
        if inline.language:
            self._check_language(inline, relation)
        # The tab of a translation decides its language.
        return model_form(child.class_, fields=[n for n in names if n != inline.language])

    def _check_language(self, inline: Inline, relation: "RelationshipProperty[object]") -> None:
        child, where = relation.mapper, f"{self.where}.inlines: {inline.relationship!r}"
        if inline.language not in child.column_attrs:
            raise ConfigurationError(
                f"{where} has language={inline.language!r}, which is not a column of "
                f"{child.class_.__name__}"
            )
        tied = {*relation.remote_side, *child.column_attrs[inline.language].columns}
        if not any(tied >= set(columns) for columns in unique_columns(child)):
            names = ", ".join(repr(column.key) for column in child.local_table.c if column in tied)
            raise ConfigurationError(
                f"{where} may have several rows for one language; add "
                f"UniqueConstraint({names}) to the table of {child.class_.__name__}"
            )

    def pickers(self) -> Iterator[tuple[str, ForeignKeyField]]:
        """Yield name and field of the foreign keys of the form."""
        for name, field in self.form_class.base_fields().items():
            if isinstance(field, ForeignKeyField):
                yield name, field

    @property
    def key(self) -> Sequence[ColumnElement[object]]:
        """Primary key columns."""
        return key_columns(self.model)

    def has_permission(self, user: "AdminUser", action: str, row: object = None) -> bool:
        """Return True if a user has a permission, by the options and by the policy of the model.

        Args:
            user: The admin user, or None.
            action: "view", "add", "change" or "delete".
            row: Row to check. None checks the model as a whole.
        """
        active = user is not None and getattr(user, "is_active", False)
        if not active or not self.options.allows(user, action, row):
            return False
        if (
            row is not None
            and action != "view"
            and not self.options.allows_write(user, action, row)
        ):
            return False
        session = None if row is None else object_session(row)
        if session is None:
            return True
        if action == "view":
            return bool(policies.readable(session, user, [row]))
        return policies.allows(user, action, row)

    def rows(self, user: "AdminUser") -> Select[Any]:
        """Return the query for the rows that the policy lets a user read; see also `visible`."""
        return policies.scoped(user, select(self.model))

    @property
    def has_scope(self) -> bool:
        """True if the model has a policy, which may hide rows."""
        return policies.policy_of(self.model) is not None

    @cached_property
    def has_row_rule(self) -> bool:
        """True if the options override `allows`, which may hide rows."""
        return type(self.options).allows is not ModelAdmin.allows

    def hidden_inlines(self, user: "AdminUser") -> list[str]:
        """Return the relationships of inlines with rows that a user may not view."""
        found = []
        for inline in self.options.inlines:
            relation = mapper_of(self.model).relationships[inline.relationship]
            registered = self.by_model.get(relation.mapper.class_)
            if registered is not None and not registered._shows_all(user):
                found.append(inline.relationship)
        return found

    def _shows_all(self, user: "AdminUser") -> bool:
        ruled = (self.has_scope or self.has_row_rule) and not user.is_superuser
        return self.has_permission(user, "view") and not ruled

    def visible(self, user: "AdminUser", rows: Sequence[R]) -> list[R]:
        """Return the rows that the options let a user view.

        Args:
            user: The admin user.
            rows: Rows that the policy of the model lets the user read.
        """
        if not self.has_row_rule:
            return list(rows)
        return [row for row in rows if self.options.allows(user, "view", row)]

    def is_secret(self, name: str) -> bool:
        """Return True if history and exports must not show a field; also for a path of names."""
        if name in self.options.secret or is_secret(name):
            return True
        *steps, last = name.split(".")
        model: type[object] = self.model
        for step in steps:
            relation = mapper_of(model).relationships.get(step)
            if relation is None:
                return False
            model = relation.mapper.class_
        return bool(steps) and self.is_secret_of(model, last)

    def is_secret_of(self, model: type[object], name: str) -> bool:
        """Return True if history and exports must not show a field of another model.

        Args:
            model: The other model.
            name: Name of its field.
        """
        registered = self.by_model.get(model)
        return is_secret(name) if registered is None else registered.is_secret(name)

    def __repr__(self) -> str:
        return f"<RegisteredModel {self.slug}>"


_LISTS = (
    "list_columns",
    "list_links",
    "search_columns",
    "filters",
    "ordering",
    "related",
    "exclude",
    "read_only",
    "translated",
    "actions",
    "export_columns",
)


def _refuse_unknown(kind: type[ModelAdmin], where: str) -> None:
    known = set(vars(ModelAdmin))
    for base in kind.__mro__[: kind.__mro__.index(ModelAdmin)]:
        for name, value in vars(base).items():
            plain = not callable(value) and not name.startswith("_")
            if plain and name not in known and not isinstance(value, (property, staticmethod)):
                raise ConfigurationError(
                    f"{where} sets {name!r}, which is not an option; "
                    f"options are {', '.join(sorted(vars(ModelAdmin)['__annotations__']))}"
                )
