"""Types of columns for Structs of models, and the rules that leave columns out."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from sqlalchemy import JSON, Column, String, types
from sqlalchemy.inspection import inspect
from sqlalchemy.orm import Mapped, Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

from lback.api.column_limits import Digits
from lback.api.json_types import problem_of_type
from lback.core.exceptions import ConfigurationError
from lback.core.settings.secret_names import is_secret
from lback.database import UTCDateTime

TypeMaker: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class ColumnRules:
    """What a Struct takes of a model.

    Args:
        model: The model.
        struct_name: Name of the Struct, for messages.
        include: Names of the columns; None means all.
        exclude: Names of columns to leave out.
        for_create: Whether the Struct is the input for a new row.
        partial: Whether it is the input for changes of a row.
    """

    model: type[object]
    struct_name: str
    include: Collection[str] | None
    exclude: frozenset[str]
    for_create: bool
    partial: bool

    @property
    def is_input(self) -> bool:
        """Whether clients send it."""
        return self.for_create or self.partial

    @cached_property
    def mapper(self) -> Mapper[Any]:
        """The mapper of the model."""
        mapper = inspect(self.model, raiseerr=False)
        if not isinstance(mapper, Mapper):
            raise ConfigurationError(
                f"{self.struct_name}: model={self.model!r} is not a mapped class of SQLAlchemy"
            )
        return mapper

    @cached_property
    def columns(self) -> Mapping[str, Column[Any]]:
        """The columns by the name of their attribute.

        The mappers are not configured here, because other models may not be imported yet.
        """
        found = dict(self.mapper.columns.items())
        return {name: column for name, column in found.items() if isinstance(column, Column)}


@dataclass(frozen=True, slots=True)
class ColumnField:
    """A column that becomes a field.

    Args:
        name: Name of the attribute.
        column: The column.
    """

    name: str
    column: Column[Any]

    @property
    def is_nullable(self) -> bool:
        """Whether the column takes NULL."""
        return bool(self.column.nullable)

    @property
    def digits(self) -> Digits | None:
        """The digits of a column of decimal numbers that limits them."""
        kind = self.column.type
        if not isinstance(kind, types.Numeric) or isinstance(kind, types.Float):
            return None
        scale = kind.scale or 0
        # A negative scale, as of NUMERIC(5, -2), asks the database to round.
        if not kind.asdecimal or kind.precision is None or scale < 0:
            return None
        return Digits(kind.precision, scale)

    @property
    def has_default(self) -> bool:
        """Whether a row can be inserted without a value."""
        return self.column.default is not None or self.column.server_default is not None


def described_columns(rules: ColumnRules, declared: Collection[str]) -> Iterator[ColumnField]:
    """Yield the columns that become fields, in the order of the model.

    Args:
        rules: What the Struct takes.
        declared: Names of the fields that the class declares itself.
    """
    for name, column in rules.columns.items():
        named = name in declared or name in (rules.include or ())
        if name in rules.exclude or (rules.include is not None and not named):
            continue
        # The description of a stored file cannot be sent: another file could be named by it.
        if rules.is_input and name not in declared and _is_file(column):
            continue
        if not named and (is_secret(name) or is_secret(column.name) or _is_set_here(column, rules)):
            continue
        yield ColumnField(name, column)


def _is_file(column: Column[Any]) -> bool:
    # Not isinstance, because an application without such columns does not import that module.
    return getattr(column.type, "stores_upload", False) is True


def _is_set_here(column: Column[Any], rules: ColumnRules) -> bool:
    """Return True for a column whose value clients do not choose."""
    if not rules.is_input:
        return False
    mapper = rules.mapper
    if column.primary_key and (rules.partial or _is_generated_key(column)):
        return True
    return bool(
        column.computed is not None
        or column.identity is not None
        or column.onupdate is not None
        or column.server_onupdate is not None
        or column is mapper.version_id_col
        or column is mapper.polymorphic_on
        or _is_computed_default(column)
    )


def _is_generated_key(column: Column[Any]) -> bool:
    default = column.default is not None or column.server_default is not None
    return default or column is column.table._autoincrement_column


def _is_computed_default(column: Column[Any]) -> bool:
    if column.default is not None:
        return not column.default.is_scalar
    argument = getattr(column.server_default, "arg", None)
    return argument is not None and not isinstance(argument, str)


def column_type(column: ColumnField, rules: ColumnRules) -> Any:
    """Return the annotation of a column, with None if it takes NULL.

    Args:
        column: The column.
        rules: What the Struct takes.

    Raises:
        ConfigurationError: The column has a type without a JSON form.
    """
    found = _type_of(column.column.type)
    if rules.is_input and column.digits is not None:
        found = column.digits.annotation()
    if found is None or found is Any:
        found = _mapped_type(rules.model, column.name) or found
    if found is None or problem_of_type(found) is not None:
        raise ConfigurationError(
            f"{rules.struct_name}: the column {column.name!r} has the type "
            f"{column.column.type!r}, which has no JSON form; declare the field in the class, "
            f"as in `{column.name}: str`, or leave it out with exclude"
        )
    return Union[found, None] if column.is_nullable else found  # noqa: UP007  found may be text


def limited(declared: Any, of_column: Any) -> Any:
    """Return a declared annotation with the limits of the column for a type that has none.

    Args:
        declared: The annotation, such as `str` or `str | None`.
        of_column: That of `column_type`, such as `Annotated[str, Meta(max_length=80)]`.
    """
    of_column = next((a for a in _members(of_column) if a is not type(None)), of_column)
    if get_origin(of_column) is not Annotated:
        return declared
    plain = get_args(of_column)[0]
    members = tuple(of_column if a is plain else a for a in _members(declared))
    return Union[members]  # noqa: UP007  as many as there are


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _type_of(kind: TypeEngine[Any]) -> Any:
    for sql_type, make in _MAKERS.items():
        if isinstance(kind, sql_type):
            return make(kind)
    return None


def _integer(bits: int) -> TypeMaker:
    limit = 2 ** (bits - 1)
    return lambda _: Annotated[int, msgspec.Meta(ge=-limit, le=limit - 1)]


def _text(kind: Any) -> Any:
    return Annotated[str, msgspec.Meta(max_length=kind.length)] if kind.length else str


def _enum(kind: Any) -> Any:
    return kind.enum_class or Literal[tuple(kind.enums)]


def _moment(_: Any) -> Any:
    return Annotated[datetime, msgspec.Meta(tz=True)]


def _plain(python_type: Any) -> TypeMaker:
    return lambda _: python_type


def _array(kind: Any) -> Any:
    item = _type_of(kind.item_type)
    return None if item is None else list.__class_getitem__(item)


# The first match counts: subclasses come before their base classes. None asks the annotation.
_MAKERS: Mapping[type[TypeEngine[Any]], TypeMaker] = {
    UTCDateTime: _moment,
    TypeDecorator: _plain(None),
    types.Boolean: _plain(bool),
    types.Enum: _enum,
    types.Float: _plain(float),
    types.Numeric: lambda kind: Decimal if kind.asdecimal else float,
    types.SmallInteger: _integer(16),
    types.BigInteger: _integer(64),
    types.Integer: _integer(32),
    types.DateTime: _plain(datetime),
    types.Date: _plain(date),
    types.Time: _plain(time),
    types.Interval: _plain(timedelta),
    types.Uuid: lambda kind: UUID if kind.as_uuid else str,
    types.ARRAY: _array,
    JSON: _plain(Any),
    types.LargeBinary: _plain(bytes),
    String: _text,
}


def _mapped_type(model: type[object], name: str) -> Any:
    """Return T of `Mapped[T]` without None, or None if the annotation cannot be read."""
    for base in model.__mro__:
        annotation = vars(base).get("__annotations__", {}).get(name)
        if annotation is None:
            continue
        module = sys.modules.get(base.__module__)
        try:
            hints = get_type_hints(
                SimpleNamespace(__annotations__={name: annotation}),
                globalns=vars(module) if module is not None else {},
                include_extras=True,
            )
        except (NameError, TypeError, SyntaxError, AttributeError):
            return None
        return _inner(hints[name])
    return None


def _inner(annotation: Any) -> Any:
    if get_origin(annotation) is None or not issubclass(get_origin(annotation), Mapped):
        return None
    found = get_args(annotation)[0]
    others = tuple(a for a in get_args(found) if a is not type(None))
    is_optional = type(None) in get_args(found)
    return Union[others] if is_optional else found  # noqa: UP007  as many as there are
