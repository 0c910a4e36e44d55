"""Structs of models: the fields of a Struct from the columns of an SQLAlchemy model."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec

from lback.api.column_limits import checked_members
from lback.api.model_columns import ColumnRules, column_type, described_columns, limited
from lback.core.exceptions import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from lback.api.model_columns import ColumnField


_CHECK = "__post_init__"


class ModelStructMeta(type(msgspec.Struct)):  # type: ignore[misc]  # the metaclass is written in C
    """Adds the fields of a model to a class before msgspec reads its annotations."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        model: type[object] | None = None,
        include: Collection[str] | None = None,
        exclude: Collection[str] = (),
        relations: Mapping[str, Any] | None = None,
        for_create: bool = False,
        partial: bool = False,
        **config: Any,
    ) -> type:
        """Build the class; see `ModelStruct`."""
        if model is None:
            return super().__new__(mcls, name, bases, namespace, **config)  # type: ignore[no-any-return]
        rules = ColumnRules(model, name, include, frozenset(exclude), for_create, partial)
        declared = namespace.get("__annotations__", {})
        _check_names(rules, relations or {}, declared, namespace)
        annotations: dict[str, Any] = {}
        columns = list(described_columns(rules, declared))
        for column in columns:
            _add(column, rules, annotations, namespace, declared)
        annotations |= {
            n: a for n, a in {**(relations or {}), **declared}.items() if n not in annotations
        }
        namespace["__annotations__"] = annotations
        config.setdefault("kw_only", True)
        if rules.is_input:
            config.setdefault("forbid_unknown_fields", True)
            limits = {c.name: c.digits for c in columns if c.digits is not None}
            inherited = (getattr(base, _CHECK, None) for base in bases)
            following = namespace.get(_CHECK) or next(filter(None, inherited), None)
            namespace.update(checked_members(limits, following))
        return super().__new__(mcls, name, bases, namespace, **config)  # type: ignore[no-any-return]


def _add(
    column: "ColumnField",
    rules: ColumnRules,
    annotations: dict[str, Any],
    namespace: dict[str, Any],
    declared: Mapping[str, Any],
) -> None:
    if column.name in declared:
        annotation = declared[column.name]
        # Text is read by msgspec, which knows the module.
        if rules.is_input and not isinstance(annotation, str):
            annotation = _limited(annotation, column, rules)
        annotations[column.name] = annotation
        return
    annotation = column_type(column, rules)
    if rules.partial:
        annotation, default = annotation | msgspec.UnsetType, msgspec.UNSET
    elif rules.for_create and column.is_nullable and not column.has_default:
        default = None
    elif rules.for_create and (column.has_default or column.is_nullable):
        annotation, default = annotation | msgspec.UnsetType, msgspec.UNSET
    else:
        annotations[column.name] = annotation
        return
    annotations[column.name] = annotation
    namespace.setdefault(column.name, default)


def _limited(annotation: Any, column: "ColumnField", rules: ColumnRules) -> Any:
    try:
        return limited(annotation, column_type(column, rules))
    except ConfigurationError:  # the column has no JSON form, so the class declares one
        return annotation


def _check_names(
    rules: ColumnRules,
    relations: Mapping[str, Any],
    declared: Mapping[str, Any],
    namespace: Mapping[str, Any],
) -> None:
    """Raise for names that the model lacks, and for options that contradict each other."""
    model, columns = rules.model, list(rules.columns)
    problems = [
        f"{option} names {name!r}, which is not a column of {model.__name__}"
        f"{did_you_mean(name, columns)}"
        for option, names in (("include", rules.include or ()), ("exclude", rules.exclude))
        for name in names
        if name not in columns
    ]
    problems += [
        f"relations names {name!r}, which {model.__name__} lacks{did_you_mean(name, dir(model))}"
        for name in relations
        if not hasattr(model, name)
    ]
    if not rules.is_input:
        problems += [
            f"the field {name!r} is not an attribute of {model.__name__}"
            f"{did_you_mean(name, columns)}; give it a default if a view sets it"
            for name in declared
            if not hasattr(model, name) and name not in namespace
        ]
    if rules.include is not None and rules.exclude:
        problems.append("include and exclude are given; keep one of them")
    if rules.for_create and rules.partial:
        problems.append("for_create and partial are given; write a class for each")
    if problems:
        raise ConfigurationError(f"{rules.struct_name}: {'; '.join(problems)}")


if TYPE_CHECKING:

    class _Fields:
        """What type checkers know: declared fields have their types, all others are `Any`."""

        __struct_fields__: tuple[str, ...]

        def __init_subclass__(
            cls,
            *,
            model: type[object] | None = None,
            include: Collection[str] | None = None,
            exclude: Collection[str] = (),
            relations: Mapping[str, Any] | None = None,
            for_create: bool = False,
            partial: bool = False,
            **config: object,
        ) -> None: ...

        def __init__(self, **values: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:

    class _Fields(msgspec.Struct, metaclass=ModelStructMeta):
        """The base of Structs of models."""


class ModelStruct(_Fields):
    """A Struct whose fields are the columns of a model.

    Types, lengths, digits, enumerations and NULL are taken from the columns. Columns whose names
    tell that they are secret, such as `password_hash`, are left out unless `include` or an
    annotation names them. Fields that are declared in the class have the declared type, and
    only these are known to type checkers.

    Options of the class statement:

    - `model`: the model.
    - `include`: names of the columns; by default all that are not secret.
    - `exclude`: names of columns to leave out.
    - `relations`: types of related rows by the name of the relationship.
    - `for_create=True`: leave out columns that clients do not set: generated keys, versions, and
      columns with a computed default. A column with another default may be missing.
    - `partial=True`: as `for_create`, without keys; every field may be missing (`msgspec.UNSET`).
    - Options of `msgspec.Struct`, such as `rename`.

    Raises:
        ConfigurationError: A name is not one of the model, or a column has no JSON form.

    Example:
        >>> from sqlalchemy import String
        >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        >>> from lback.api import ModelStruct
        >>> class Base(DeclarativeBase):
        ...     pass
        >>> class Book(Base):
        ...     __tablename__ = "example_books"
        ...     id: Mapped[int] = mapped_column(primary_key=True)
        ...     title: Mapped[str] = mapped_column(String(80))
        >>> class BookOut(ModelStruct, model=Book):
        ...     pass
        >>> class BookIn(ModelStruct, model=Book, for_create=True):
        ...     title: str
        >>> BookOut.from_row(Book(id=7, title="Emma"))
        BookOut(id=7, title='Emma')
        >>> BookIn(title="Emma").to_values()
        {'title': 'Emma'}
    """

    @classmethod
    def from_row(cls, row: object) -> Self:
        """Return the Struct for a row, or for another object with these attributes.

        Args:
            row: The row.

        Raises:
            msgspec.ValidationError: A value does not fit.
        """
        return msgspec.convert(row, cls, from_attributes=True)

    def to_values(self) -> dict[str, Any]:
        """Return the values by name, without those that were not sent."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}

    def apply_to(self, row: object) -> list[str]:
        """Set the values that were sent on a row, and return the names of those that changed.

        Args:
            row: The row.

        Example:
            >>> class Row:
            ...     title = "Emma"
            >>> from lback.api import ModelStruct
            >>> class Change(ModelStruct):
            ...     title: str
            >>> Change(title="Persuasion").apply_to(Row())
            ['title']
        """
        changed = [n for n, v in self.to_values().items() if getattr(row, n) != v]
        for name in changed:
            setattr(row, name, getattr(self, name))
        return changed
