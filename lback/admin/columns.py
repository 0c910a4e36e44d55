"""List columns: resolve a name in the options to a value, a sort expression and eager loads."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any

from sqlalchemy import ARRAY, JSON, ColumnElement
from sqlalchemy.dialects.postgresql import HSTORE
from sqlalchemy.orm import (
    ColumnProperty,
    InstrumentedAttribute,
    Mapper,
    RelationshipProperty,
    joinedload,
    selectinload,
)
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.types import TypeDecorator

from lback.admin.options import ModelAdmin, column_mark
from lback.core.exceptions import ConfigurationError
from lback.core.settings.secret_names import is_secret
from lback.database.column_values import python_type_of
from lback.forms.bound_field import label_from
from lback.forms.file_fields import readable_size
from lback.forms.identity import label_of, mapper_of
from lback.forms.model_columns import stores_upload
from lback.time_zones import localtime
from lback.translation import gettext, gettext_lazy

EMPTY = "\N{EN DASH}"
_LONGEST_CELL = 120
_LENGTH_OF_MOMENT = len("2026-01-02 03:04")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list.

    Attributes:
        name: Name in the options, such as "author.name".
        label: Heading.
        value: Function from a row to the value.
        sort: Expression to sort by; None if the column cannot be sorted.
        path: To-one relationships from the model to the column.
        loads: Loader options that avoid a query per row.
        kind: "yes-no", "number", "when", "file" or "text"; a CSS class.
        nullable: True if the sort expression can be NULL.
    """

    name: str
    label: str
    value: Callable[[Any], object]
    sort: ColumnElement[Any] | None = None
    path: tuple[InstrumentedAttribute[object], ...] = ()
    loads: tuple[ExecutableOption, ...] = ()
    kind: str = "text"
    nullable: bool = field(default=True)


def build_column(options: ModelAdmin, name: str, where: str) -> Column:
    """Return the column that a name in the options refers to.

    Args:
        options: Options of the registered model.
        name: A method of the options, an attribute of the model, or a path such as "author.name".
        where: Place of the name, for error messages.

    Raises:
        ConfigurationError: The name does not exist. The message suggests a similar one.
    """
    method = getattr(options, name, None)
    if callable(method) and name not in vars(ModelAdmin) and not hasattr(options.model, name):
        return _method_column(options, name, method, where)
    return _path_column(options.model, name, where)


def _method_column(
    options: ModelAdmin, name: str, method: Callable[[object], object], where: str
) -> Column:
    label, sort = column_mark(method) or (gettext_lazy(label_from(name)), "")
    if not sort:
        return Column(name, label, method)
    sorted_by = _path_column(options.model, sort, where)
    return Column(
        name, label, method, sorted_by.sort, sorted_by.path, (), "text", sorted_by.nullable
    )


def _path_column(model: type[object], name: str, where: str) -> Column:
    *steps, last = name.split(".")
    path: list[InstrumentedAttribute[object]] = []
    here = model
    for step in steps:
        attribute = attribute_of(here, step, where)
        relation = getattr(attribute, "property", None)
        if not isinstance(relation, RelationshipProperty) or relation.uselist:
            raise ConfigurationError(
                f"{where} names {name!r}, but {here.__name__}.{step} is not a to-one relationship"
            )
        path.append(attribute)
        here = relation.mapper.class_
    return _last_column(here, name, last, path, where)


def _last_column(
    model: type[object], name: str, last: str, path: list[InstrumentedAttribute[object]], where: str
) -> Column:
    attribute = attribute_of(model, last, where)
    prop = getattr(attribute, "property", None)
    label = gettext_lazy(label_from(name.replace(".", " ")))
    value = _reader(name.split("."))
    if isinstance(prop, RelationshipProperty):
        related = _eager([*path, attribute], many=bool(prop.uselist))
        return Column(name, label, value, None, tuple(path), (related,))
    loads: tuple[ExecutableOption, ...] = (_eager(path),) if path else ()
    if not isinstance(prop, ColumnProperty):
        return Column(name, label, value, None, tuple(path), loads)
    expression: ColumnElement[object] = prop.columns[0]
    nullable = bool(path) or bool(getattr(expression, "nullable", True))
    sort = None if _kind(prop) == "file" or _has_parts(prop) else expression
    return Column(name, label, value, sort, tuple(path), loads, _kind(prop), nullable)


def attribute_of(model: type[object], name: str, where: str) -> Any:
    """Return an attribute of a model that options may refer to.

    Args:
        model: The model.
        name: Name of the attribute; private names are not allowed.
        where: Place of the name, for error messages.

    Raises:
        ConfigurationError: The attribute does not exist. The message suggests a similar one.
    """
    known = [key for key in dir(model) if not key.startswith("_") and key not in _OF_EVERY_MODEL]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
        raise ConfigurationError(
            f"{where} names {name!r}, which is not an attribute of {model.__name__}; {hint}"
        )
    return getattr(model, name)


_OF_EVERY_MODEL = frozenset({"metadata", "registry", "type_annotation_map"})


def _reader(steps: list[str]) -> Callable[[object], object]:
    def read(row: object) -> object:
        for step in steps:
            if row is None:
                return None
            row = getattr(row, step)
        return row

    return read


def _eager(path: list[InstrumentedAttribute[object]], *, many: bool = False) -> ExecutableOption:
    first, *rest = path
    single = joinedload if rest or not many else selectinload
    option = single(first)
    for number, step in enumerate(rest, start=2):
        last = number == len(path)
        option = option.selectinload(step) if last and many else option.joinedload(step)
    return option


def _kind(prop: ColumnProperty[object]) -> str:
    python_type = python_type_of(prop.columns[0].type)
    if stores_upload(prop.columns[0].type):
        return "file"
    if issubclass(python_type, bool):
        return "yes-no"
    if issubclass(python_type, bytes):
        return "file"
    if issubclass(python_type, (date, datetime)):
        return "when"
    # Keys are identifiers, not quantities.
    column = prop.columns[0]
    number = python_type.__name__ in ("int", "float", "Decimal") and not column.foreign_keys
    return "number" if number and not column.primary_key else "text"


def _has_parts(prop: ColumnProperty[object]) -> bool:
    """Return True for JSON and arrays, which have no order that all databases know."""
    kind: object = prop.columns[0].type
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    return isinstance(kind, (JSON, ARRAY, HSTORE))


def first_columns(mapper: Mapper[object]) -> list[str]:
    """Return the names of the columns of a list by default: up to six plain columns."""
    names = [prop.key for prop in mapper.column_attrs if not _is_left_out(mapper, prop)]
    return names[:6] or [prop.key for prop in mapper.column_attrs][:1]


def _is_left_out(mapper: Mapper[object], prop: ColumnProperty[object]) -> bool:
    column: object = prop.columns[0]
    foreign = bool(getattr(column, "foreign_keys", ())) or column is mapper.version_id_col
    return foreign or _kind(prop) == "file" or is_secret(prop.key)


def shown(value: object) -> str:
    """Return a value as text for people; a datetime in the time zone of the project.

    Example:
        >>> from lback.admin.columns import shown
        >>> shown(True), shown({2, 1}), shown({"pages": [2, 1]})
        ('Yes', '1, 2', '{"pages": [2, 1]}')
    """
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, Enum):
        return gettext(label_from(value.name.lower()))
    if isinstance(value, datetime):
        return localtime(value).isoformat(" ", "minutes")[:_LENGTH_OF_MOMENT]
    if isinstance(value, bytes):
        return gettext("File of %(size)s", size=readable_size(len(value)))
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return _shown_parts(value) or EMPTY
    return label_of(value) if hasattr(type(value), "__mapper__") else str(value)


def _shown_parts(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    parts = [shown(item) for item in value]
    # The order of a stored list matters, unlike that of related rows.
    is_stored = type(value) is list and not any(hasattr(type(i), "__mapper__") for i in value)
    return ", ".join(parts if is_stored else sorted(parts))


def shown_with_zone(value: object) -> str:
    """Return a value as text that stays true later: a datetime with the name of its zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from lback.admin.columns import shown_with_zone
        >>> shown_with_zone(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)), shown_with_zone(True)
        ('2026-01-02 03:04 UTC', 'Yes')
    """
    text = shown(value)
    return f"{text} {localtime(value).tzname()}" if isinstance(value, datetime) else text


def cell(value: object) -> str:
    """Return a value as text for a cell of a list, truncated to 120 characters."""
    text = shown(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def key_columns(model: type[object]) -> tuple[ColumnElement[object], ...]:
    """Return the primary key columns of a model."""
    return mapper_of(model).primary_key
