"""Filter parameters: declared on a filter, typed from a column, turned into SQL conditions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, overload
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Dialect,
    Enum,
    Integer,
    Select,
    and_,
    types,
)
from sqlalchemy.orm import (
    ColumnProperty,
    InstrumentedAttribute,
    RelationshipProperty,
    aliased,
)
from sqlalchemy.types import TypeEngine

from lback.api.descriptions import Parameter
from lback.api.messages import message
from lback.api.problems import InputError
from lback.api.text_values import InvalidText, TextValue
from lback.auth import policies
from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.settings.secret_names import is_secret
from lback.database.column_values import (
    compared,
    has_time_zone,
    moment_of,
    python_type_of,
    starts_with,
)
from lback.forms.identity import mapper_of

if TYPE_CHECKING:
    from typing import Self

    from lback.api.filters import Filter

Attribute: TypeAlias = InstrumentedAttribute[Any]
ColumnName: TypeAlias = InstrumentedAttribute[Any] | str
Hook: TypeAlias = Callable[[Select[Any], str], Select[Any]]
Texts: TypeAlias = Sequence[str]

MAX_TEXT = 1000
MAX_VALUES = 100
_LONGEST_NUMBER = 100

_SCALARS = frozenset({bool, float, Decimal, UUID, date, time, timedelta})


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """A column of a model, or of a model that relationships lead to.

    Attributes:
        path: Relationships from the model to the one of the column; empty for its own columns.
        attribute: The column.
        nullable: True if the column, or a relationship on the path, can be empty.
    """

    path: tuple[Attribute, ...]
    attribute: Attribute
    nullable: bool

    @property
    def column(self) -> ColumnElement[Any]:
        """The column in its table."""
        found: ColumnElement[Any] = self.attribute.property.columns[0]
        return found


@dataclass(slots=True)
class Context:
    """What conditions are built with: the model, the user whose policies apply, the database."""

    model: type[object]
    user: object
    dialect: Dialect
    statement: Select[Any]


@dataclass(slots=True)
class Reader:
    """Reads the values of parameters from a query and collects what is wrong with them."""

    values: dict[str, list[str]]
    errors: list[InputError] = field(default_factory=list)

    def refuse(self, name: str, detail: str, code: str = "invalid") -> None:
        """Note an error of a parameter.

        Args:
            name: Name of the parameter.
            detail: Message for the client.
            code: Kind of the error, for programs.
        """
        self.errors.append({"parameter": name, "in": "query", "detail": detail, "code": code})

    def texts(self, name: str) -> list[str]:
        """Return the values of a parameter that are not empty, as forms send them."""
        return [text for text in self.values.get(name, ()) if text]

    def one(self, name: str, kind: Any, path: ColumnPath | None = None) -> Any | None:
        """Return the value of a parameter that occurs at most once, or None.

        Args:
            name: Name of the parameter.
            kind: Its type.
            path: Its column; None if it has none.
        """
        texts = self.texts(name)
        if len(texts) > 1:
            self.refuse(name, message("repeated"), "repeated")
            return None
        return self.converted(name, texts[0], kind, path) if texts else None

    def converted(self, name: str, text: str, kind: Any, path: ColumnPath | None) -> Any | None:
        """Return one value in the type of its parameter, or None after noting an error.

        Args:
            name: Name of the parameter.
            text: What the client sent.
            kind: Type of the parameter.
            path: Its column; None if it has none.
        """
        try:
            value = _text_value(kind).convert(text)
            return storable(value) if path is None else storable(moment(value, path))
        except InvalidText as error:
            self.refuse(name, error.places[0].detail, error.places[0].code)
        except (ValueError, ArithmeticError):
            self.refuse(name, message("invalid"))
        return None


@lru_cache(maxsize=1024)
def _text_value(kind: Any) -> TextValue:
    return TextValue(kind)


def moment(value: object, path: ColumnPath) -> object:
    """Return a datetime in UTC; other values as they are.

    Args:
        value: The value.
        path: The column that it is compared with.
    """
    return moment_of(value, path.column.type)


def storable(value: Any) -> Any:
    """Return a value that every database can compare with a column.

    Raises:
        ValueError: It is text with a NUL character or half a surrogate pair, or a number without
            end.
    """
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("databases do not store NUL characters")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    if isinstance(value, Decimal) and (
        not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER
    ):
        raise ValueError("out of range for a database")
    return value


def column_path(model: type[object], given: ColumnName, where: str) -> ColumnPath:
    """Return the column that a declaration names.

    Args:
        model: The model of the filter.
        given: Name of a column, names of relationships and a column joined by dots, or an
            attribute of the model. A relationship stands for its foreign key, or for the key of
            the rows that it leads to.
        where: Place of the declaration, for error messages.

    Raises:
        ConfigurationError: The column does not exist, or it is secret.
    """
    here, path, nullable = model, [], False
    names = given.split(".") if isinstance(given, str) else [_own_name(model, given, where)]
    for name in names[:-1]:
        step = _attribute(here, name, where)
        relation = step.property
        if not isinstance(relation, RelationshipProperty):
            raise ConfigurationError(f"{where}: {name!r} is not a relationship of {here.__name__}")
        path.append(step)
        nullable = True  # also because a policy may hide the related row
        here = relation.mapper.class_
    attribute = _attribute(here, names[-1], where)
    if isinstance(attribute.property, RelationshipProperty):
        return _of_relation(attribute, path, nullable=nullable)
    prop: Any = attribute.property
    if not isinstance(prop, ColumnProperty) or not hasattr(prop.columns[0], "nullable"):
        raise ConfigurationError(f"{where}: {names[-1]!r} is not a column of {here.__name__}")
    if is_secret(names[-1]):
        raise ConfigurationError(
            f"{where}: {here.__name__}.{names[-1]} is secret; filtering or sorting by it would "
            "disclose its values"
        )
    return ColumnPath(tuple(path), attribute, nullable or bool(prop.columns[0].nullable))


def _own_name(model: type[object], attribute: Attribute, where: str) -> str:
    owner: Any = getattr(attribute, "class_", None)
    if not isinstance(attribute, InstrumentedAttribute) or not issubclass(model, owner):
        raise ConfigurationError(
            f"{where} is given {attribute}, which is not an attribute of {model.__name__}; "
            'name a column of a related model by its path, such as "author.name"'
        )
    return str(attribute.key)


def _attribute(model: type[object], name: str, where: str) -> Attribute:
    mapper = mapper_of(model)
    if name not in mapper.attrs:
        raise ConfigurationError(
            f"{where}: {model.__name__} has no column or relationship {name!r}"
            f"{did_you_mean(name, mapper.attrs.keys())}"
        )
    attribute: Attribute = getattr(model, name)
    return attribute


def _of_relation(attribute: Attribute, path: list[Attribute], *, nullable: bool) -> ColumnPath:
    relation: Any = attribute.property
    local = list(relation.local_columns)
    if relation.direction.name == "MANYTOONE" and len(local) == 1:
        prop = relation.parent.get_property_by_column(local[0])
        own: Attribute = getattr(relation.parent.class_, prop.key)
        return ColumnPath(tuple(path), own, nullable or bool(local[0].nullable))
    target = relation.mapper
    key: Attribute = getattr(
        target.class_, target.get_property_by_column(target.primary_key[0]).key
    )
    return ColumnPath((*path, attribute), key, nullable=True)


def matches(
    context: Context, path: ColumnPath, test: Callable[[Any], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Return the condition that a column passes a test; of related rows, that one of them does.

    Related rows that the user may not read are treated as missing.

    Args:
        context: Model, user and database.
        path: The column.
        test: Returns the condition for the attribute of the model, or of an alias of it.
    """

    def condition(entity: Any, steps: tuple[Attribute, ...]) -> ColumnElement[bool]:
        if not steps:
            return test(getattr(entity, path.attribute.key))
        relation = steps[0].property
        target = aliased(relation.mapper.class_)
        inner = condition(target, steps[1:])
        seen = policies.scope_condition(context.user, target)
        inner = inner if seen is None else and_(inner, seen)
        attribute = getattr(entity, steps[0].key).of_type(target)
        found: ColumnElement[bool] = (
            attribute.any(inner) if relation.uselist else attribute.has(inner)
        )
        return found

    return condition(context.model, path.path)


def annotation_of(kind: TypeEngine[Any], where: str) -> Any:
    """Return the annotation of a parameter that is compared with a column.

    Args:
        kind: Type of the column.
        where: Place of the declaration, for error messages.

    Raises:
        ConfigurationError: Values of this type cannot be written in a query.
    """
    if isinstance(kind, Enum):
        members = kind.enum_class
        return Literal[tuple(kind.enums)] if members is None else members
    python = python_type_of(kind)
    if isinstance(kind, (types.JSON, types.LargeBinary)) or python in (dict, list, bytes):
        raise ConfigurationError(f"{where}: a column of the type {kind!r} cannot be filtered by")
    if python is int:
        small = isinstance(kind, Integer)
        return Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] if small else int
    if python is datetime:
        return Annotated[datetime, msgspec.Meta(tz=has_time_zone(kind))]
    if python in _SCALARS:
        return python
    if python is str:
        length = getattr(kind, "length", None) or MAX_TEXT
        return Annotated[str, msgspec.Meta(max_length=length)]
    raise ConfigurationError(f"{where}: a column of the type {kind!r} cannot be filtered by")


class FilterField:
    """Base class of the parameters of a filter.

    Args:
        column: Name of the column, a path such as `"author.name"`, or an attribute of the model;
            None means the name of the parameter.
        parameter: Name of the parameter; by default that of the attribute.
        description: Text for the documentation of the API.

    Attributes:
        name: Name of the attribute; set when the filter class is created.
        parameter_name: Name of the parameter.
    """

    name = ""

    def __init__(
        self, column: ColumnName | None = None, *, parameter: str = "", description: str = ""
    ) -> None:
        self._given = column
        self.parameter_name = parameter
        self.description = description

    def set_name(self, name: str) -> None:
        """Set the name of the attribute, which the parameter has too unless it has its own."""
        self.name = name
        self.parameter_name = self.parameter_name or name

    def bind(self, model: type[object], name: str, where: str) -> None:
        """Look up the column; called once, when the filter class is created.

        Args:
            model: The model of the filter.
            name: Name of the parameter.
            where: Class and attribute, for error messages.

        Raises:
            ConfigurationError: The column does not exist, or its type does not fit.
        """
        self.set_name(name)
        self.path = column_path(model, name if self._given is None else self._given, where)
        self.kind = annotation_of(self.path.column.type, where)

    def parameters(self) -> list[Parameter]:
        """Return the query parameters, for the documentation of the API."""
        return [self.parameter(self.parameter_name, self.kind, self.description)]

    def parameter(self, name: str, kind: Any, description: str) -> Parameter:
        """Return an optional query parameter.

        Args:
            name: Name of the parameter.
            kind: Its type.
            description: Text for the documentation.
        """
        return Parameter(name, self.name, "query", kind, False, None, description)

    def read(self, reader: Reader) -> Any | None:
        """Return the value that the client sent, or None; errors are noted in the reader."""
        return reader.one(self.parameter_name, self.kind, self.path)

    def narrow(self, context: Context, value: Any) -> Select[Any]:
        """Return the statement with the condition of a value.

        Args:
            context: Statement, model, user and database.
            value: What `read` returned; never None.
        """
        condition = matches(context, self.path, lambda column: self.test(column, value, context))
        return context.statement.where(condition)

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:
        """Return the condition for a column; the subclasses say which.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method test")

    @overload
    def __get__(self, instance: None, owner: type[object]) -> "Self": ...

    @overload
    def __get__(self, instance: "Filter", owner: type[object]) -> Any: ...

    def __get__(self, instance: "Filter | None", owner: type[object]) -> Any:
        """Return the value that the client sent, or None; of the class, the field itself."""
        return self if instance is None else instance.values.get(self.name)


class Equal(FilterField):
    """Rows whose column has the value: `?author=7`. Text is compared case-sensitively."""

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:  # noqa: ARG002
        """Return the condition that the column has the value.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        same: ColumnElement[bool] = column == _bound(column, value)
        return same


class In(FilterField):
    """Rows whose column has one of several values: `?state=open&state=closed`; at most 100."""

    def parameters(self) -> list[Parameter]:
        """Return the query parameter, a list."""
        kind = Annotated[list[self.kind], msgspec.Meta(max_length=MAX_VALUES)]  # type: ignore[name-defined]  # a type at run time
        return [self.parameter(self.parameter_name, kind, self.description)]

    def read(self, reader: Reader) -> list[object] | None:
        """Return the values that the client sent, or None."""
        texts = reader.texts(self.parameter_name)
        if len(texts) > MAX_VALUES:
            text = message("max_length", limit=MAX_VALUES)
            reader.refuse(self.parameter_name, text, "max_length")
            return None
        values = [
            reader.converted(self.parameter_name, text, self.kind, self.path) for text in texts
        ]
        return values or None

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:  # noqa: ARG002
        """Return the condition that the column has one of the values.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        found: ColumnElement[bool] = column.in_([_bound(column, item) for item in value])
        return found


class Range(FilterField):
    """Rows whose column is within bounds, both included: `?price_min=5&price_max=10`."""

    def parameters(self) -> list[Parameter]:
        """Return both query parameters."""
        least = self.description or f"Least {self.parameter_name}."
        greatest = self.description or f"Greatest {self.parameter_name}."
        return [
            self.parameter(f"{self.parameter_name}_min", self.kind, least),
            self.parameter(f"{self.parameter_name}_max", self.kind, greatest),
        ]

    def read(self, reader: Reader) -> tuple[object, object] | None:
        """Return both bounds, each of which may be None, or None without any."""
        bounds = tuple(
            reader.one(f"{self.parameter_name}_{end}", self.kind, self.path)
            for end in ("min", "max")
        )
        return None if bounds == (None, None) else (bounds[0], bounds[1])

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:  # noqa: ARG002
        """Return the condition that the column is within the bounds.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        least, greatest = value
        conditions: list[ColumnElement[bool]] = []
        if least is not None:
            conditions.append(column >= _bound(column, least))
        if greatest is not None:
            conditions.append(column <= _bound(column, greatest))
        return and_(*conditions)


class Prefix(FilterField):
    """Rows whose text begins with the value: `?title=Em`. An index can answer it."""

    def bind(self, model: type[object], name: str, where: str) -> None:
        """Look up the column, which must be text.

        Args:
            model: The model of the filter.
            name: Name of the attribute.
            where: Class and attribute, for error messages.
        """
        super().bind(model, name, where)
        if getattr(self.kind, "__origin__", None) is not str:
            raise ConfigurationError(f"{where}: Prefix needs a column of text; use Equal or Range")

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:
        """Return the condition that the column begins with the value.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        return starts_with(column, value, context.dialect)


class IsNull(FilterField):
    """Rows whose column is empty, or is not: `?unassigned=true`."""

    def bind(self, model: type[object], name: str, where: str) -> None:
        """Look up the column; the parameter is true or false.

        Args:
            model: The model of the filter.
            name: Name of the attribute.
            where: Class and attribute, for error messages.
        """
        super().bind(model, name, where)
        self.kind = bool

    def test(self, column: Any, value: Any, context: Context) -> ColumnElement[bool]:  # noqa: ARG002
        """Return the condition that the column is empty, or is not.

        Args:
            column: The attribute of the model, or of an alias of it.
            value: What the client sent.
            context: Model, user and database.
        """
        found: ColumnElement[bool] = column.is_(None) if value else column.is_not(None)
        return found


class FullText(FilterField):
    """Rows that a search of the project finds: `?q=persuasion`.

    Args:
        hook: Takes a statement and the text, and returns the narrowed statement.
        max_length: Maximum length of the text.
        parameter: Name of the parameter; by default that of the attribute.
        description: Text for the documentation of the API.

    Example:
        >>> from lback.api import FullText
        >>> def search_titles(statement, text):
        ...     title = statement.selected_columns.title
        ...     return statement.where(title.icontains(text, autoescape=True))
        >>> q = FullText(search_titles)
    """

    def __init__(
        self, hook: Hook, *, max_length: int = 200, parameter: str = "", description: str = ""
    ) -> None:
        super().__init__(parameter=parameter, description=description)
        self._hook = hook
        self.kind = Annotated[str, msgspec.Meta(max_length=max_length)]

    def bind(self, model: type[object], name: str, where: str) -> None:  # noqa: ARG002
        """Set the name; the hook knows its columns.

        Args:
            model: The model of the filter.
            name: Name of the attribute.
            where: Class and attribute, for error messages.
        """
        self.set_name(name)

    def read(self, reader: Reader) -> Any | None:
        """Return the text that the client sent, or None."""
        return reader.one(self.parameter_name, self.kind)

    def narrow(self, context: Context, value: Any) -> Select[Any]:
        """Return the statement that the hook narrows.

        Args:
            context: Statement, model, user and database.
            value: What `read` returned; never None.
        """
        return self._hook(context.statement, value)


class Ordering(FilterField):
    """The order of the rows: `?ordering=title`, or `?ordering=-published,title`.

    Every name may be used in both directions, and up to three of them together. Without the
    parameter, rows are ordered by the default; the primary key is always added.

    Args:
        *columns: Names of columns, or paths of to-one relationships such as `"author.name"`. A
            minus is the direction that a link of a template takes first.
        default: Names as in the parameter; None means the first column as it is written, and ""
            the primary key alone.
        parameter: Name of the parameter; by default that of the attribute.
        description: Text for the documentation of the API.

    Example:
        >>> from lback.api import Ordering
        >>> ordering = Ordering("title", "-published", default="-published,title")
    """

    maximum = 3

    def __init__(
        self,
        *columns: str,
        default: str | None = None,
        parameter: str = "",
        description: str = "",
    ) -> None:
        super().__init__(parameter=parameter, description=description)
        self.first_directions = {name.removeprefix("-"): name for name in columns}
        self._columns = columns
        self._default = default

    def bind(self, model: type[object], name: str, where: str) -> None:
        """Look up the columns.

        Args:
            model: The model of the filter.
            name: Name of the attribute.
            where: Class and attribute, for error messages.
        """
        self.set_name(name)
        self.paths = {column: _sortable(model, column, where) for column in self.first_directions}
        default = ",".join(self._columns[:1]) if self._default is None else self._default
        self.default = tuple(default.split(",")) if default else ()
        unknown = [item for item in self.default if item.removeprefix("-") not in self.paths]
        if unknown or len(self.default) > self.maximum:
            raise ConfigurationError(
                f"{where}: the default {default!r} is not made of up to {self.maximum} of "
                f"{', '.join(self.paths)}"
            )
        names = "|".join(column.replace(".", r"\.") for column in self.paths)
        # An empty value counts as not sent, as HTML forms send it.
        pattern = f"^(-?({names})(,-?({names})){{0,{self.maximum - 1}}})?$"
        self.kind = Annotated[str, msgspec.Meta(pattern=pattern, max_length=MAX_TEXT)]

    def parameters(self) -> list[Parameter]:
        """Return the query parameter."""
        text = self.description or (
            f"Order by up to {self.maximum} of {', '.join(self.paths)}; - for descending."
        )
        default = ",".join(self.default) or None
        return [Parameter(self.parameter_name, self.name, "query", self.kind, False, default, text)]

    def read(self, reader: Reader) -> tuple[str, ...] | None:
        """Return the names that the client sent, each with its direction, or None."""
        text = reader.one(self.parameter_name, Annotated[str, msgspec.Meta(max_length=MAX_TEXT)])
        if text is None:
            return None
        names = tuple(str(text).split(","))
        plain = [name.removeprefix("-") for name in names]
        wrong = next((name for name in plain if name not in self.paths), None)
        if wrong is not None:
            hint = did_you_mean(wrong, self.paths)
            listed = ", ".join(self.paths)
            text = f"Order by {listed}, with - for descending{hint}."
            reader.refuse(self.parameter_name, text, "choice")
            return None
        if len(names) > self.maximum or len(set(plain)) < len(plain):
            reader.refuse(
                self.parameter_name, f"Order by up to {self.maximum} different names.", "too_many"
            )
            return None
        return names

    def narrow(self, context: Context, value: Any) -> Select[Any]:  # noqa: ARG002
        """Return the statement unchanged: the page orders it.

        Args:
            context: Statement, model, user and database.
            value: What `read` returned; never None.
        """
        return context.statement


def _sortable(model: type[object], name: str, where: str) -> ColumnPath:
    path = column_path(model, name, where)
    if any(step.property.uselist for step in path.path):
        raise ConfigurationError(
            f"{where}: {name!r} leads to several rows, which have no order; use a to-one "
            "relationship"
        )
    if annotation_of(path.column.type, where) is timedelta:
        raise ConfigurationError(f"{where}: rows cannot be ordered by the duration {name!r}")
    if isinstance(path.column.type, (JSON, ARRAY)):
        raise ConfigurationError(
            f"{where}: rows cannot be ordered by {name!r}, which holds JSON or an array"
        )
    return path


def _bound(column: Any, value: object) -> object:
    return compared(column.property.columns[0], value)
