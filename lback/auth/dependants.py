"""Deletion preview: rows deleted by cascade, rows that lose a reference, and rows that block it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, ForeignKeyConstraint, Table, and_, func, literal, or_, select
from sqlalchemy.orm import Mapper, RelationshipProperty, Session

from lback.forms.identity import label_of, mapper_of, model_name, plural_of

MAX_SHOWN = 20
MAX_ROWS = 1000
MAX_DEPTH = 10

DELETED, EMPTIED, KEPT, UNLINKED = "deleted", "emptied", "kept", "unlinked"


@dataclass(slots=True)
class Dependants:
    """Rows of one table that depend on rows to delete.

    Attributes:
        model: Their model; None for a table without one.
        name: Name of the rows in words.
        effect: "deleted", "emptied" (the reference becomes NULL), "unlinked" (an association
            table), or "kept" (they block the deletion).
        count: Number of rows, at most `MAX_ROWS` + 1.
        labels: Labels of the first rows.
        inner: Rows that depend on these rows.
        rows: The rows, at most `MAX_ROWS`.
    """

    model: type[object] | None
    name: str
    effect: str
    count: int
    labels: list[str]
    inner: list["Dependants"] = field(default_factory=list)
    rows: list[object] = field(default_factory=list, repr=False)

    def all(self) -> Iterator["Dependants"]:
        """Yield this object and all nested ones."""
        yield self
        for dependant in self.inner:
            yield from dependant.all()


def dependants(session: Session, rows: Sequence[object], depth: int = 0) -> list[Dependants]:
    """Return the rows that depend on some rows, by the foreign keys of all tables.

    Args:
        session: Database session.
        rows: Rows of one model.
        depth: Depth of recursion; the search ends at `MAX_DEPTH`.
    """
    if not rows or depth > MAX_DEPTH:
        return []
    mapper = mapper_of(type(rows[0]))
    found = []
    for table, key in _references(mapper):
        dependant = _dependants_by(session, mapper, rows, table, key, depth)
        if dependant is not None:
            found.append(dependant)
    return found


def blocking(found: Iterable[Dependants]) -> list[Dependants]:
    """Return the dependants that block a deletion."""
    return [inner for top in found for inner in top.all() if inner.effect == KEPT]


def deleted_models(found: Iterable[Dependants]) -> set[type[object]]:
    """Return the models of the dependants that would be deleted by cascade."""
    every = [inner for top in found for inner in top.all()]
    return {inner.model for inner in every if inner.effect == DELETED and inner.model is not None}


def _references(mapper: Mapper[object]) -> Iterator[tuple[Table, ForeignKeyConstraint]]:
    tables = {table.name: table for table in mapper.tables if isinstance(table, Table)}
    for table in mapper.registry.metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.column_keys)):
            own = table in mapper.tables
            if key.referred_table.name in tables and (not own or key.referred_table is table):
                yield table, key


def _dependants_by(
    session: Session,
    mapper: Mapper[object],
    rows: Sequence[object],
    table: Table,
    key: ForeignKeyConstraint,
    depth: int,
) -> Dependants | None:
    matching = _referring(mapper, rows, key)
    limited = select(literal(1)).select_from(table).where(matching).limit(MAX_ROWS + 1)
    number = session.scalar(select(func.count()).select_from(limited.subquery())) or 0
    if not number:
        return None
    child = _mapper_of_table(mapper, table)
    effect = _effect(mapper, table, key, child)
    if child is None:
        return Dependants(None, table.name.replace("_", " "), effect, number, [])
    inside = list(session.scalars(select(child.class_).where(matching).limit(MAX_ROWS)).unique())
    labels = [label_of(row) for row in inside[:MAX_SHOWN]]
    # Skip rows that refer to themselves or to each other.
    deeper = [row for row in inside if row not in rows]
    inner = dependants(session, deeper, depth + 1) if effect == DELETED else []
    name = model_name(child.class_)
    called = name if number == 1 else plural_of(name)
    return Dependants(child.class_, called, effect, number, labels, inner, inside)


def _referring(
    mapper: Mapper[object], rows: Sequence[object], key: ForeignKeyConstraint
) -> ColumnElement[bool]:
    pairs = [(element.parent, element.column) for element in key.elements]
    values = [
        [getattr(row, mapper.get_property_by_column(remote).key) for _, remote in pairs]
        for row in rows
    ]
    if len(pairs) == 1:
        return pairs[0][0].in_([value[0] for value in values])
    return or_(
        *(
            and_(*(local == v for (local, _), v in zip(pairs, value, strict=True)))
            for value in values
        )
    )


def _mapper_of_table(mapper: Mapper[object], table: Table) -> Mapper[object] | None:
    return next((other for other in mapper.registry.mappers if other.local_table is table), None)


def _effect(
    mapper: Mapper[object], table: Table, key: ForeignKeyConstraint, child: Mapper[object] | None
) -> str:
    for relation in mapper.relationships:
        if relation.secondary is table and not relation.viewonly:
            return UNLINKED
        if child is not None and _is_of(relation, child, key):
            if relation.cascade.delete:
                return DELETED
            if not relation.passive_deletes and _nullable(key):
                return EMPTIED
    by_database = (key.ondelete or "").upper()
    if by_database == "CASCADE":
        return UNLINKED if child is None else DELETED
    return EMPTIED if by_database in ("SET NULL", "SET DEFAULT") else KEPT


def _is_of(
    relation: RelationshipProperty[object], child: Mapper[object], key: ForeignKeyConstraint
) -> bool:
    down = relation.direction.name == "ONETOMANY" and not relation.viewonly
    return down and relation.mapper is child and set(key.columns) <= set(relation.remote_side)


def _nullable(key: ForeignKeyConstraint) -> bool:
    return all(column.nullable for column in key.columns)
