"""Foreign keys and relationships in the bodies of resources: only rows that the user may read."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ForeignKeyConstraint, Table, select
from sqlalchemy.orm import Mapper, RelationshipProperty, Session

from lback.api.problems import InputError, InvalidInput
from lback.api.row_structs import StructClass
from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.database.column_values import compared
from lback.forms.identity import mapper_of
from lback.forms.model_fields import any_of

_UNKNOWN = "This row does not exist, or you may not use it."


class References:
    """Checks the foreign keys of new values, and loads the rows of relationships.

    Args:
        model: The model.
        fields: Names of attributes that a client may set, with their names in the body.
        where: Name of the resource, for error messages.

    Raises:
        ConfigurationError: A field is neither a column nor a relationship, or a relationship that
            cannot be written by keys.
    """

    def __init__(self, model: type[object], fields: Mapping[str, str], where: str) -> None:
        self._model = model
        self._fields = fields
        mapper = mapper_of(model)
        self._keys = list(_foreign_keys(mapper, fields))
        self._relations: dict[str, RelationshipProperty[Any]] = {}
        for name in fields:
            if name in mapper.relationships:
                self._relations[name] = _writable(mapper.relationships[name], name, where)
            elif name not in mapper.column_attrs and not _is_settable(model, name):
                raise ConfigurationError(
                    f"{where} takes {name!r}, which is neither a column nor a relationship of "
                    f"{model.__name__}, nor a property that can be set"
                )

    def resolved(
        self, session: Session, user: object, values: Mapping[str, object], row: object
    ) -> dict[str, object]:
        """Return values with rows in place of their keys, after checking all foreign keys.

        Args:
            session: Database session.
            user: The account whose policies apply.
            values: New values by attribute.
            row: The row that they are for; None for a new one.

        Raises:
            InvalidInput: A row does not exist, or the user may not read it.
        """
        errors: list[InputError] = []
        found = dict(values)
        with session.no_autoflush:
            for target, attributes, columns in self._keys:
                self._check(session, user, values, row, target, attributes, columns, errors)
            for name, relation in self._relations.items():
                if name in values:
                    found[name] = self._related(session, user, relation, values[name], row, errors)
        if errors:
            raise InvalidInput(errors)
        return found

    def _check(
        self, session: Session, user: object, values: Mapping[str, object], row: object,
        target: Mapper[Any], attributes: list[str], columns: list[Any], errors: list[InputError],
    ) -> None:  # fmt: skip
        changed = [name for name in attributes if name in values]
        key = [values[name] if name in values else getattr(row, name, None) for name in attributes]
        if not changed or None in key or _is_same(row, attributes, key):
            return
        if not _exists(session, user, target, columns, key):
            self._refuse(changed[0], errors)

    def _related(
        self, session: Session, user: object, relation: RelationshipProperty[Any], value: Any,
        row: object, errors: list[InputError],
    ) -> object:  # fmt: skip
        target = relation.mapper
        wanted = list(value or ()) if relation.uselist else [] if value is None else [value]
        column = target.primary_key[0]
        rows: list[Any] = []
        if wanted:
            query = policies.scoped(user, select(target.class_))
            query = query.where(any_of(target.primary_key, [(key,) for key in wanted]))
            by_key = {
                target.primary_key_from_instance(other)[0]: other
                for other in session.scalars(query).unique()
            }
            rows = [by_key[key] for key in dict.fromkeys(wanted) if key in by_key]
            for index, key in enumerate(wanted):
                if key not in by_key:
                    place = f"/{index}" if relation.uselist else ""
                    self._refuse(relation.key, errors, place)
        assert column is not None  # noqa: S101  every mapper has a primary key
        if not relation.uselist:
            return rows[0] if rows else None
        return [*rows, *_hidden(session, user, row, relation.key)]

    def _refuse(self, name: str, errors: list[InputError], place: str = "") -> None:
        pointer = f"/{self._fields[name].replace('~', '~0').replace('/', '~1')}{place}"
        errors.append({"pointer": pointer, "detail": _UNKNOWN, "code": "unknown_row"})


def _is_same(row: object, attributes: list[str], key: list[object]) -> bool:
    return row is not None and [getattr(row, name) for name in attributes] == key


def _exists(
    session: Session, user: object, target: Mapper[Any], columns: list[Any], key: list[Any]
) -> bool:
    query = policies.scoped(user, select(target.class_))
    for column, value in zip(columns, key, strict=True):
        query = query.where(column == compared(column, value))
    return session.scalars(query.limit(1)).first() is not None


def _hidden(session: Session, user: object, row: object, name: str) -> list[Any]:
    """Return the related rows that the user does not see and so cannot mean to remove."""
    if row is None or not policies.exist():
        return []
    present = list(getattr(row, name))
    seen = {id(other) for other in policies.readable(session, user, present)}
    return [other for other in present if id(other) not in seen]


def _foreign_keys(
    mapper: Mapper[Any], fields: Iterable[str]
) -> Iterable[tuple[Mapper[Any], list[str], list[Any]]]:
    """Yield the foreign keys that contain a field: target, local attributes, remote columns."""
    wanted = set(fields)
    for table in mapper.tables:
        constraints = table.foreign_key_constraints if isinstance(table, Table) else ()
        for key in sorted(constraints, key=lambda key: str(key.column_keys)):
            attributes = _attributes(mapper, key)
            target = _mapper_of_table(mapper, key.referred_table)
            if target is not None and wanted & set(attributes):
                yield target, attributes, [element.column for element in key.elements]


def _attributes(mapper: Mapper[Any], key: ForeignKeyConstraint) -> list[str]:
    columns = [element.parent for element in key.elements]
    if not all(column in mapper.columns.values() for column in columns):
        return []
    return [mapper.get_property_by_column(column).key for column in columns]


def _mapper_of_table(mapper: Mapper[Any], table: Table) -> Mapper[Any] | None:
    return next((other for other in mapper.registry.mappers if other.local_table is table), None)


def _writable(
    relation: RelationshipProperty[Any], name: str, where: str
) -> RelationshipProperty[Any]:
    direction = relation.direction.name
    if direction == "ONETOMANY" or relation.viewonly or len(relation.mapper.primary_key) != 1:
        raise ConfigurationError(
            f"{where} takes the relationship {name!r}, which cannot be written by keys; give these "
            "rows a resource of their own"
        )
    return relation


def _is_settable(model: type[object], name: str) -> bool:
    found = getattr(model, name, None)
    return getattr(found, "fset", None) is not None or name in getattr(
        mapper_of(model), "synonyms", ()
    )


def names_in_body(*structs: StructClass | None) -> dict[str, str]:
    """Return the attributes that some structs set, with their names in the body."""
    return {
        field.name: field.encode_name
        for struct in structs
        if struct is not None
        for field in msgspec.structs.fields(struct)
    }
