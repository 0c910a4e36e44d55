"""Model forms: fields from a model, and its rows created or changed by submitted values."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Unpack

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    UniqueConstraint,
    and_,
    inspect,
    literal,
    not_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import ColumnProperty, Mapper, RelationshipProperty

from lback.core.exceptions import ConfigurationError, ValidationError
from lback.core.http.uploaded_file import UploadedFile
from lback.forms.errors import NON_FIELD
from lback.forms.field import Field
from lback.forms.form import Form, FormOptions
from lback.forms.identity import mapper_of
from lback.forms.labels import in_sentence, listed_labels
from lback.forms.model_columns import field_for, form_attributes, is_required, stores_upload
from lback.forms.widgets import Values
from lback.translation import gettext
from lback.translation import gettext_lazy as _

ALL = "__all__"
TAKEN = _("This value is already in use. Please choose another one.")
TAKEN_TOGETHER = _("There is already an entry with the same {names}. Please change one of them.")
_META = frozenset({"model", "fields", "exclude", "labels", "help_texts", "widgets"})


class ModelForm(Form):
    """A form whose fields come from a model.

    Its inner class `Meta` has the `model` and either `fields`, a list or `"__all__"`, or `exclude`;
    no other attributes are written. `labels`, `help_texts` and `widgets` are mappings by field. A
    field that is declared in the class replaces that of the model.

    Args:
        data: See `Form`.
        files: See `Form`.
        instance: The row to be changed; `None` creates a new one.
        fixed: Attributes of a new row that are not entered, such as its owner.
        **options: `initial`, `prefix` and `session`; see `Form`.

    Raises:
        ConfigurationError: `Meta` is not valid; raised when the class is made, or when it is first
            used if that needs the finished models.
    """

    class Meta:
        """Overridden by each form."""

    _fields_of_class: ClassVar[tuple[type[Form], dict[str, Field]] | None] = None

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls.Meta, "model"):
            _check_meta(cls)

    def __init__(
        self,
        data: Values | None = None,
        files: Values | None = None,
        *,
        instance: Any = None,
        fixed: Mapping[str, object] | None = None,
        **options: Unpack[FormOptions],
    ) -> None:
        self.instance = instance
        self.fixed = dict(fixed or {})
        super().__init__(data, files, **options)

    @classmethod
    def base_fields(cls) -> Mapping[str, Field]:
        """Return the fields of the model and those declared in the class, by name."""
        built = cls._fields_of_class
        if built is None or built[0] is not cls:
            built = cls._fields_of_class = (cls, _build_fields(cls))
        return built[1]

    @classmethod
    def _meta(cls) -> Any:
        return cls.Meta

    @property
    def model(self) -> type[Any]:
        """The mapped class."""
        model: type[object] = self._meta().model
        return model

    @property
    def mapper(self) -> Mapper[object]:
        """The mapper of the model."""
        return mapper_of(self.model)

    def initial_of(self, name: str) -> Any:
        """Return the initial value of a field, usually that of the row."""
        if name in self.initial or self.instance is None or name not in self.mapper.attrs:
            return super().initial_of(name)
        return getattr(self.instance, name)

    def full_clean(self) -> None:
        """Validate all fields, and then unique constraints if there is a session."""
        super().full_clean()
        if self.session is not None:
            self.validate_unique()

    # Unique constraints.

    def validate_unique(self) -> None:
        """Add an error for each unique value that another row has."""
        for columns in unique_columns(self.mapper):
            names = [self._field_of(column) for column in columns]
            if not any(name in self.cleaned_data for name in names):
                continue  # none of them was entered, or they have errors already
            try:
                values = [self._value_of(column) for column in columns]
            except LookupError:
                continue
            if None not in values and self._is_taken(columns, values):
                self._add_taken_error([name for name in names if name in self.fields])

    def _field_of(self, column: Column[object]) -> str:
        relation = self._relation_of(column)
        return self.mapper.get_property_by_column(column).key if relation is None else relation.key

    def _relation_of(self, column: Column[object]) -> RelationshipProperty[object] | None:
        for relation in self.mapper.relationships:
            known = relation.key in self.fields or relation.key in self.fixed
            if known and column in relation.local_columns and relation.secondary is None:
                return relation
        return None

    def _value_of(self, column: Column[object]) -> object:
        relation, key = self._relation_of(column), self.mapper.get_property_by_column(column).key
        if relation is not None:
            row = {**self.fixed, **self.cleaned_data}.get(relation.key)
            remote = dict(relation.local_remote_pairs or ())[column]
            return None if row is None else getattr(row, _key_of(row, remote))
        for values in (self.cleaned_data, self.fixed):
            if key in values:
                return values[key]
        if self.instance is None:
            raise LookupError(key)
        return getattr(self.instance, key)

    def _is_taken(self, columns: Sequence[Column[object]], values: Sequence[object]) -> bool:
        same = [column == value for column, value in zip(columns, values, strict=True)]
        query = select(literal(1)).select_from(self.mapper.local_table).where(*same).limit(1)
        if self.instance is not None and inspect(self.instance).identity is not None:
            key = zip(self.mapper.primary_key, inspect(self.instance).identity, strict=True)
            query = query.where(not_(and_(*(column == value for column, value in key))))
        with self.session.no_autoflush:
            return self.session.execute(query).first() is not None

    def _add_taken_error(self, names: list[str]) -> None:
        if len(names) == 1:
            self.add_error(names[0], TAKEN)
        else:
            labels = [in_sentence(self[name].label) for name in names]
            together = listed_labels(labels) if labels else gettext("values")
            self.add_error(None, TAKEN_TOGETHER.format(names=together))

    # Saving.

    def save(self) -> Any:
        """Create or change the row, and return it; with a session it has its key.

        Only changed fields are written, so that a value that a browser cannot show in full stays as
        it is. The commit is left to the owner of the session.

        Raises:
            ValidationError: The form is not valid, or a concurrent request has taken a unique
                value.
        """
        if not self.is_valid():
            nothing = {NON_FIELD: [gettext("Nothing was submitted.")]}
            raise ValidationError(self.errors.as_dict() or nothing)
        session = self.session
        if session is None:
            return self._written()
        try:
            # A savepoint keeps the rest of the transaction if the database refuses the row.
            with session.begin_nested():
                row = self._written()
                session.add(row)
                session.flush()
        except IntegrityError:
            self.validate_unique()
            if self.errors:
                raise ValidationError(self.errors.as_dict()) from None
            raise
        self.instance = row
        return row

    def _written(self) -> object:
        row = self.instance
        if row is None:
            return self.model(**{**self.fixed, **dict(self._new_values())})
        for name in self.changed_data:
            if name in self.mapper.attrs and name in self.cleaned_data:
                setattr(row, name, self._kept(name))
        return row

    def _new_values(self) -> Iterator[tuple[str, object]]:
        for name, value in self.cleaned_data.items():
            if name not in self.mapper.attrs or name in self.fixed:
                continue
            if value is None and self._has_default(name):
                continue  # left empty: the column has a default
            yield name, self._kept(name)

    def _has_default(self, name: str) -> bool:
        columns = getattr(self.mapper.attrs[name], "columns", ())
        return any(not c.nullable and not is_required(c) for c in columns if isinstance(c, Column))

    def _kept(self, name: str) -> object:
        value = self.cleaned_data[name]
        prop = self.mapper.attrs[name]
        if isinstance(value, UploadedFile):
            value.seek(0)
            if isinstance(prop, ColumnProperty) and stores_upload(prop.columns[0].type):
                return value
            return value.read()
        if isinstance(prop, RelationshipProperty) and prop.uselist:
            factory = prop.collection_class
            of_set = isinstance(factory, type) and issubclass(factory, set)
            return set(value) if of_set else list(value)
        return None if value is False and self.fields[name].widget.needs_multipart else value


def model_form(
    model: type[object],
    *,
    fields: Sequence[str] | str | None = None,
    exclude: Sequence[str] = (),
    base: type[ModelForm] = ModelForm,
    **meta: object,
) -> type[ModelForm]:
    """Return a form class for a model.

    Args:
        model: A mapped class.
        fields: A list of names, or `"__all__"`.
        exclude: Names to leave out.
        base: Base class of the form.
        **meta: `labels`, `help_texts` and `widgets`; see `ModelForm`.
    """
    values = {"model": model, "fields": fields, "exclude": exclude, **meta}
    return type(f"{model.__name__}Form", (base,), {"Meta": type("Meta", (), values)})


def _check_meta(form: type[ModelForm]) -> None:
    meta = form._meta()
    where = f"{form.__module__}.{form.__qualname__}.Meta"
    unknown = {name for name in vars(meta) if not name.startswith("_")} - _META
    if unknown:
        raise ConfigurationError(
            f"{where} sets {', '.join(map(repr, sorted(unknown)))}; "
            f"it may set {', '.join(sorted(_META))}"
        )
    model = meta.model
    if not isinstance(inspect(model, raiseerr=False), Mapper):
        raise ConfigurationError(f"{where}.model is {model!r}, which is not a mapped class")
    fields, exclude = getattr(meta, "fields", None), getattr(meta, "exclude", ())
    if fields is None and not exclude:
        raise ConfigurationError(
            f'{where} names no fields; write fields = "__all__", a list of names, or exclude'
        )
    for name in [*(() if fields in (None, ALL) else fields), *exclude]:
        if not hasattr(model, name) and name not in form.declared_fields:
            known = [key for key in vars(model) if not key.startswith("_")]
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}"
            raise ConfigurationError(
                f"{where} names {name!r}, which {model.__name__} does not have; {hint}"
            )


def _build_fields(form: type[ModelForm]) -> dict[str, Field]:
    meta = form._meta()
    mapper, declared = mapper_of(meta.model), form.declared_fields
    wanted = getattr(meta, "fields", None)
    names = list(form_attributes(mapper)) if wanted in (None, ALL) else list(wanted)
    left_out = set(getattr(meta, "exclude", ()))
    built: dict[str, Field] = {}
    for name in names:
        if name in declared:
            built[name] = declared[name]
        elif name not in left_out:
            built[name] = field_for(mapper.attrs[name], **_options(meta, name))
    return {**built, **{name: field for name, field in declared.items() if name not in built}}


def _options(meta: object, name: str) -> dict[str, object]:
    options = {}
    for option, table in (("label", "labels"), ("help_text", "help_texts"), ("widget", "widgets")):
        if name in getattr(meta, table, {}):
            options[option] = getattr(meta, table)[name]
    return options


def unique_columns(mapper: Mapper[object]) -> list[tuple[Column[object], ...]]:
    """Return the sets of columns in which no two rows may have the same values.

    Args:
        mapper: Mapper of the model.
    """
    table: Any = mapper.local_table
    unique = [tuple(c.columns) for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique += [
        tuple(index.columns)
        for index in table.indexes
        if isinstance(index, Index) and index.unique and not _is_partial(index)
    ]
    return [tuple(table.primary_key.columns), *unique]


def _is_partial(index: Index) -> bool:
    return any(
        name.endswith("_where") and value is not None
        for name, value in index.dialect_kwargs.items()
    )


def _key_of(row: object, column: ColumnElement[object]) -> str:
    return mapper_of(type(row)).get_property_by_column(column).key
