"""Form fields for the columns and relationships of a model."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from sqlalchemy import JSON, Column, String, Text, types
from sqlalchemy.orm import (
    ColumnProperty,
    Mapper,
    MapperProperty,
    RelationshipDirection,
    RelationshipProperty,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from lback.core.exceptions import ConfigurationError
from lback.database import UTCDateTime
from lback.forms.choice_fields import ChoiceField
from lback.forms.field import Field
from lback.forms.file_fields import FileField, ImageField
from lback.forms.model_fields import ForeignKeyField, ManyToManyField
from lback.forms.number_fields import (
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    NullBooleanField,
)
from lback.forms.text_fields import CharField, JSONField, TextField, UUIDField
from lback.forms.time_fields import DateField, DateTimeField, DurationField, TimeField

Options: TypeAlias = dict[str, Any]
FieldMaker: TypeAlias = Callable[[TypeEngine[Any], Options], Field]

# Text columns of at least this length get a control of several lines.
LONG_TEXT = 300


def form_attributes(mapper: Mapper[object]) -> Iterator[str]:
    """Yield the names of all fields that a form of a model has, in the order of the model.

    Left out are keys that the database generates, version columns, read-only attributes, and
    relationships to the rows that refer to the model. A foreign key has the name of its
    relationship if there is one.

    Args:
        mapper: The mapper of the model.
    """
    by_column = {
        column: relation.key
        for relation in mapper.relationships
        if relation.direction is RelationshipDirection.MANYTOONE and not relation.viewonly
        for column in relation.local_columns
    }
    seen: set[str] = set()
    for prop in mapper.column_attrs:
        column = prop.columns[0]
        if not isinstance(column, Column) or _is_automatic(mapper, column):
            continue
        name = by_column.get(column, prop.key)
        if name not in seen:
            seen.add(name)
            yield name
    for relation in mapper.relationships:
        if relation.direction is RelationshipDirection.MANYTOMANY and not relation.viewonly:
            yield relation.key


def _is_automatic(mapper: Mapper[object], column: Column[object]) -> bool:
    given = column is column.table._autoincrement_column or column.computed is not None
    return bool(given or column is mapper.version_id_col)


def field_for(prop: MapperProperty[object], **options: object) -> Field:
    """Return the form field for a column or a relationship.

    Args:
        prop: An attribute of a mapper.
        **options: Arguments of the field, which take precedence over those of the column.

    Raises:
        ConfigurationError: There is no field for its type.
    """
    if isinstance(prop, RelationshipProperty):
        return _relation_field(prop, options)
    if isinstance(prop, ColumnProperty) and isinstance(prop.columns[0], Column):
        return column_field(prop.columns[0], prop.parent, options)
    raise ConfigurationError(
        f"{prop} is neither a column nor a relationship that a form can write; "
        "leave it out with exclude"
    )


def _relation_field(prop: RelationshipProperty[object], options: Options) -> Field:
    target = prop.mapper.class_
    if prop.direction is RelationshipDirection.MANYTOMANY:
        return ManyToManyField(target, **{"required": False, **options})
    if prop.direction is RelationshipDirection.MANYTOONE:
        needed = not any(column.nullable for column in prop.local_columns)
        return ForeignKeyField(target, **{"required": needed, **options})
    raise ConfigurationError(
        f"{prop} is a one-to-many relationship, which a field cannot write; "
        "use an InlineFormset for it"
    )


def column_field(column: Column[object], mapper: Mapper[object], given: Options) -> Field:
    """Return the form field for a column.

    Args:
        column: The column.
        mapper: The mapper of its model.
        given: Arguments of the field, which take precedence over those of the column.

    Raises:
        ConfigurationError: There is no field for its type.
    """
    options: Options = {"required": is_required(column), **given}
    default = column.default
    if default is not None and default.is_scalar:
        options.setdefault("initial", getattr(default, "arg", None))
    if column.foreign_keys:
        target = _target_of(column, mapper)
        if target is not None:
            return ForeignKeyField(target, key_only=True, **options)
    kind, make = _maker_of(column.type)
    if make is not None:
        return make(kind, {**options, **_nullable(column, kind)})
    raise ConfigurationError(
        f"{column} has the type {column.type!r}, for which there is no field; "
        "declare one in the form, or leave it out with exclude"
    )


def is_required(column: Column[object]) -> bool:
    """Return True if a row cannot be inserted without a value for a column."""
    has_default = column.default is not None or column.server_default is not None
    return not column.nullable and not has_default


def _maker_of(kind: TypeEngine[Any]) -> tuple[TypeEngine[Any], FieldMaker | None]:
    """Return how a type, or the one that it decorates, becomes a field."""
    if stores_upload(kind):
        return kind, _stored_file
    for sql_type, make in MAKERS.items():
        if isinstance(kind, sql_type):
            return kind, make
    if isinstance(kind, TypeDecorator) and not isinstance(kind, types.PickleType):
        return _maker_of(kind.impl_instance)
    return kind, None


def stores_upload(kind: object) -> bool:
    """Return True if a column stores an uploaded file elsewhere; see `lback.storage.FileColumn`.

    Args:
        kind: Type of the column.
    """
    # Not isinstance, because an application without such columns does not import that module.
    return getattr(kind, "stores_upload", False) is True


def _stored_file(kind: Any, options: Options) -> Field:
    field = ImageField if kind.images else FileField
    return field(**options)


def _target_of(column: Column[object], mapper: Mapper[object]) -> type[object] | None:
    target = next(iter(column.foreign_keys)).column
    for other in mapper.registry.mappers:
        if other.local_table is target.table and list(other.primary_key) == [target]:
            return other.class_
    return None


def _nullable(column: Column[object], kind: TypeEngine[Any]) -> Options:
    if isinstance(kind, types.Boolean):
        return {"nullable": column.nullable}
    text = isinstance(kind, String) and not isinstance(kind, types.Enum)
    return {"empty_value": None} if text and column.nullable else {}


def _boolean(_: TypeEngine[Any], options: Options) -> Field:
    nullable = options.pop("nullable", False)
    options["required"] = False
    return NullBooleanField(**options) if nullable else BooleanField(**options)


def _enum(kind: Any, options: Options) -> Field:
    members: Any = kind.enum_class
    if members is None:
        return ChoiceField([(value, value) for value in kind.enums], **options)
    return ChoiceField(members, **options)


def _text(kind: Any, options: Options) -> Field:
    long = isinstance(kind, Text) or (kind.length or 0) >= LONG_TEXT
    maker = TextField if long else CharField
    return maker(**{"max_length": kind.length, **options})


def _integer(bits: int) -> FieldMaker:
    def make(_: TypeEngine[Any], options: Options) -> Field:
        limit = 2 ** (bits - 1)
        return IntegerField(**{"min_value": -limit, "max_value": limit - 1, **options})

    return make


def _numeric(kind: Any, options: Options) -> Field:
    if not kind.asdecimal:
        return FloatField(**options)
    digits = {"max_digits": kind.precision, "decimal_places": kind.scale}
    return DecimalField(**{**digits, **options})


def _moment(kind: Any, options: Options) -> Field:
    # A column without a time zone stores UTC.
    naive = not isinstance(kind, UTCDateTime) and not kind.timezone
    return DateTimeField(**{"naive": naive, **options})


def _plain(field: type[Field]) -> FieldMaker:
    return lambda _, options: field(**options)


# The first match counts: subclasses come before their base classes.
MAKERS: Mapping[type[TypeEngine[Any]], FieldMaker] = {
    types.Boolean: _boolean,
    types.Enum: _enum,
    types.Float: _plain(FloatField),
    types.Numeric: _numeric,
    types.SmallInteger: _integer(16),
    types.BigInteger: _integer(64),
    types.Integer: _integer(32),
    UTCDateTime: _moment,
    types.DateTime: _moment,
    types.Date: _plain(DateField),
    types.Time: _plain(TimeField),
    types.Interval: _plain(DurationField),
    types.Uuid: _plain(UUIDField),
    JSON: _plain(JSONField),
    types.LargeBinary: _plain(FileField),
    String: _text,
}
