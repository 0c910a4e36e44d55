"""Columns: from a name in the options to what a list shows, sorts by and has to load for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import (
    ColumnProperty,
    InstrumentedAttribute,
    Mapper,
    RelationshipProperty,
    joinedload,
    selectinload,
)

from lback.admin.options import ModelAdmin, column_mark
from lback.core.exceptions import ConfigurationError
from lback.core.settings.secret_names import is_secret
from lback.forms.bound_field import label_from
from lback.forms.file_fields import readable_size
from lback.forms.identity import label_of, mapper_of, python_type_of

EMPTY = "\N{EN DASH}"
_LONGEST_CELL = 120


@dataclass(frozen=True, slots=True)
class Column:
    """Something that a list shows of each row.

    Attributes:
        name: As the options write it.
        label: Heading.
        value: Gives the value of a row.
        sort: What the database sorts by, or `None`.
        path: Relationships on the way to it, of one row each.
        loads: What has to be loaded together with the rows, so that none asks for itself.
        kind: `"yes-no"`, `"number"`, `"when"` or `"text"`; for the style sheet.
    """

    name: str
    label: str
    value: Callable[[Any], Any]
    sort: ColumnElement[Any] | None = None
    path: tuple[InstrumentedAttribute[Any], ...] = ()
    loads: tuple[Any, ...] = ()
    kind: str = "text"
    nullable: bool = field(default=True)


def build_column(options: ModelAdmin, name: str, where: str) -> Column:
    """Return the column of a name.

    Raises:
        ConfigurationError: There is nothing of that name; names near misses.
    """
    method = getattr(options, name, None)
    if callable(method) and name not in vars(ModelAdmin) and not hasattr(options.model, name):
        return _method_column(options, name, method, where)
    return _path_column(options.model, name, where)


def _method_column(options: ModelAdmin, name: str, method: Any, where: str) -> Column:
    label, sort = column_mark(method) or (label_from(name), "")
    if not sort:
        return Column(name, label, method)
    sorted_by = _path_column(options.model, sort, where)
    return Column(
        name, label, method, sorted_by.sort, sorted_by.path, (), "text", sorted_by.nullable
    )


def _path_column(model: type[Any], name: str, where: str) -> Column:
    *steps, last = name.split(".")
    path: list[InstrumentedAttribute[Any]] = []
    here = model
    for step in steps:
        attribute = attribute_of(here, step, where)
        relation = getattr(attribute, "property", None)
        if not isinstance(relation, RelationshipProperty) or relation.uselist:
            raise ConfigurationError(
                f"{where} names {name!r}, but {here.__name__}.{step} leads to no single row"
            )
        path.append(attribute)
        here = relation.mapper.class_
    return _last_column(here, name, last, path, where)


def _last_column(
    model: type[Any], name: str, last: str, path: list[InstrumentedAttribute[Any]], where: str
) -> Column:
    attribute = attribute_of(model, last, where)
    prop = getattr(attribute, "property", None)
    label = label_from(name.replace(".", " "))
    value = _reader(name.split("."))
    if isinstance(prop, RelationshipProperty):
        related = _eager([*path, attribute], many=bool(prop.uselist))
        return Column(name, label, value, None, tuple(path), (related,))
    loads: tuple[Any, ...] = (_eager(path),) if path else ()
    if not isinstance(prop, ColumnProperty):
        return Column(name, label, value, None, tuple(path), loads)
    expression: ColumnElement[Any] = prop.columns[0]
    nullable = bool(path) or bool(getattr(expression, "nullable", True))
    sort = None if _kind(prop) == "file" else expression
    return Column(name, label, value, sort, tuple(path), loads, _kind(prop), nullable)


def attribute_of(model: type[Any], name: str, where: str) -> Any:
    """Return an attribute of a model that may be named in options.

    Raises:
        ConfigurationError: There is none.
    """
    known = [key for key in dir(model) if not key.startswith("_") and key not in _OF_EVERY_MODEL]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
        raise ConfigurationError(f"{where} names {name!r}, which {model.__name__} has not; {hint}")
    return getattr(model, name)


_OF_EVERY_MODEL = frozenset({"metadata", "registry", "type_annotation_map"})


def _reader(steps: list[str]) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        for step in steps:
            if row is None:
                return None
            row = getattr(row, step)
        return row

    return read


def _eager(path: list[InstrumentedAttribute[Any]], *, many: bool = False) -> Any:
    first, *rest = path
    single = joinedload if rest or not many else selectinload
    option = single(first)
    for number, step in enumerate(rest, start=2):
        last = number == len(path)
        option = option.selectinload(step) if last and many else option.joinedload(step)
    return option


def _kind(prop: ColumnProperty[Any]) -> str:
    python_type = python_type_of(prop.columns[0].type)
    if issubclass(python_type, bool):
        return "yes-no"
    if issubclass(python_type, bytes):
        return "file"
    if issubclass(python_type, (date, datetime)):
        return "when"
    # A key is a number that nobody adds up.
    column: Any = prop.columns[0]
    number = python_type.__name__ in ("int", "float", "Decimal") and not column.foreign_keys
    return "number" if number and not column.primary_key else "text"


def first_columns(mapper: Mapper[Any]) -> list[str]:
    """Return the columns that a list shows where the options name none."""
    names = [prop.key for prop in mapper.column_attrs if not _is_left_out(mapper, prop)]
    return names[:6] or [prop.key for prop in mapper.column_attrs][:1]


def _is_left_out(mapper: Mapper[Any], prop: ColumnProperty[Any]) -> bool:
    column: Any = prop.columns[0]
    foreign = bool(getattr(column, "foreign_keys", ())) or column is mapper.version_id_col
    return foreign or _kind(prop) == "file" or is_secret(prop.key)


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Enum):
        return label_from(value.name.lower())
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bytes):
        return f"File of {readable_size(len(value))}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(sorted(shown(item) for item in value)) or EMPTY
    if hasattr(type(value), "__mapper__"):
        return label_of(value)
    return str(value)


def cell(value: Any) -> str:
    """Return a value for a cell of a list, cut where it is long."""
    text = shown(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def model_name(model: type[Any]) -> str:
    """Return the name of a model in words: "BlogPost" becomes "blog post"."""
    name = model.__name__
    words = "".join(
        f" {letter}" if letter.isupper() and at and not name[at - 1].isupper() else letter
        for at, letter in enumerate(name)
    )
    return words.replace("_", " ").lower()


def plural_of(name: str) -> str:
    """Return the plural of an English noun, for most of them."""
    if name.endswith("y") and name[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"


def key_columns(model: type[Any]) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of the primary key."""
    return mapper_of(model).primary_key
