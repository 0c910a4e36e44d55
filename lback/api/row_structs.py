"""Rows as structs: related rows are loaded together, and hidden ones are left out."""

from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Any, Generic, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.sql.base import ExecutableOption

from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.forms.identity import mapper_of

T = TypeVar("T")

# A class derived from `msgspec.Struct`, or from `ModelStruct`, which type checkers tell apart.
StructClass: TypeAlias = type[Any]

_COLLECTIONS = (list, tuple, set, frozenset)
_MAX_DEPTH = 10


class RowStructs(Generic[T]):
    """Converts rows of a model to structs.

    Fields of the struct whose type is a struct, or a list of structs, are read from the
    relationships of the same name. Related rows that the user may not read become None or are left
    out of the list.

    Args:
        model: The model of the rows.
        struct: The struct of each row.
    """

    def __init__(self, model: type[object], struct: type[T]) -> None:
        self.struct = struct
        self._relations = _relations(model, struct)

    @property
    def options(self) -> list[ExecutableOption]:
        """Loader options: one query for each relationship, however many rows there are."""
        return [relation.option for relation in self._relations]

    def read(self, session: Session, user: object, rows: Sequence[object]) -> list[T]:
        """Return rows as structs.

        Args:
            session: Database session of the rows.
            user: The account whose policies apply to related rows.
            rows: Rows that the user may read.

        Raises:
            ConfigurationError: A related row is hidden, and its field does not allow None.
        """
        if not self._relations or not policies.exist():
            return [msgspec.convert(row, self.struct, from_attributes=True) for row in rows]
        met = list(_met(rows, self._relations))
        known = {id(row) for row in policies.readable(session, user, met)}
        return [self._converted(row, known) for row in rows]

    def _converted(self, row: object, known: set[int]) -> T:
        plain = _plain(row, self.struct, self._relations, known)
        try:
            return msgspec.convert(plain, self.struct, from_attributes=True)
        except msgspec.ValidationError as error:
            raise ConfigurationError(
                f"{type(row).__name__} does not fit {self.struct.__name__}: {error}; the type of "
                "a relationship whose rows a policy may hide has to allow None"
            ) from error


class _Relation:
    """A field that is read from a relationship."""

    def __init__(self, field: Any, attribute: Any, struct: StructClass, depth: int) -> None:
        self.field = field
        self.struct = struct
        self.inner = _relations(attribute.property.mapper.class_, struct, depth + 1)
        option = selectinload(attribute)
        inner = [relation.option for relation in self.inner]
        self.option: Any = option.options(*inner) if inner else option

    def rows(self, row: object) -> Iterator[object]:
        value = getattr(row, self.field.name)
        yield from (
            value if isinstance(value, _COLLECTIONS) else [value] if value is not None else ()
        )


_built: dict[tuple[type[object], StructClass], RowStructs[Any]] = {}


def row_structs(model: type[object], struct: type[T]) -> RowStructs[T]:
    """Return the converter of a model and a struct, built once.

    Args:
        model: The model of the rows.
        struct: The struct of each row.
    """
    found = _built.get((model, struct))
    if found is None:
        found = _built[model, struct] = RowStructs(model, struct)
    return found


def _relations(model: type[object], struct: StructClass, depth: int = 0) -> list[_Relation]:
    names = mapper_of(model).relationships.keys()
    if depth > _MAX_DEPTH:
        raise ConfigurationError(
            f"{struct.__name__} contains itself by its relationships; use another struct inside"
        )
    return [
        _Relation(field, getattr(model, field.name), inner, depth)
        for field in msgspec.structs.fields(struct)
        if field.name in names and (inner := _struct_in(field.type)) is not None
    ]


def _struct_in(annotation: Any) -> StructClass | None:
    """Return the struct that an annotation allows, perhaps in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    if get_origin(annotation) in (Union, UnionType, list, tuple, set, frozenset):
        found = (_struct_in(argument) for argument in get_args(annotation))
        return next((struct for struct in found if struct is not None), None)
    arguments = get_args(annotation)
    # Annotated[…] has the annotation as its first argument.
    return _struct_in(arguments[0]) if hasattr(annotation, "__metadata__") else None


def _met(rows: Iterable[object], relations: list[_Relation]) -> Iterator[object]:
    for row in rows:
        for relation in relations:
            for other in relation.rows(row):
                yield other
                yield from _met([other], relation.inner)


def _plain(
    row: object, struct: StructClass, relations: list[_Relation], known: set[int]
) -> dict[str, object]:
    by_name = {relation.field.name: relation for relation in relations}
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        relation = by_name.get(field.name)
        value = getattr(row, field.name)
        if relation is not None:
            shown = [
                _plain(other, relation.struct, relation.inner, known)
                for other in relation.rows(row)
                if id(other) in known
            ]
            value = shown if isinstance(value, _COLLECTIONS) else next(iter(shown), None)
        found[field.encode_name] = value
    return found
