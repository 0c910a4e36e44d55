"""Joins to related rows, without those that the policies do not let a user read."""

from typing import Any

from sqlalchemy import Cast, ColumnElement, Select, cast, inspect
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lback.auth import policies


class ScopedJoins:
    """Outer joins for sorting and filtering by related columns; each table is joined once.

    Related rows that the policies do not let the user read are treated as missing, so that neither
    an order nor a filter discloses their values.

    Args:
        model: The model that is selected.
        user: An account, or `None` if no user is signed in.
    """

    def __init__(self, model: type[object], user: object) -> None:
        self._model = model
        self._user = user
        self._joined: dict[tuple[str, ...], object] = {}
        self._onto: list[tuple[object, Any]] = []

    def expression(
        self, expression: ColumnElement[Any], path: tuple[InstrumentedAttribute[Any], ...]
    ) -> ColumnElement[Any]:
        """Return the expression of a related column, and note the joins that it needs.

        Args:
            expression: The column, of the model or of the last related one.
            path: To-one relationships from the model to the column; empty for its own.
        """
        here: object = self._model
        names: tuple[str, ...] = ()
        for step in path:
            names = (*names, step.key)
            if names not in self._joined:
                target = aliased(step.property.mapper.class_)
                self._joined[names] = target
                attribute = getattr(here, step.key).of_type(target)
                seen = policies.scope_condition(self._user, target)
                # Rows that the user may not read are treated as missing.
                self._onto.append((target, attribute if seen is None else attribute.and_(seen)))
            here = self._joined[names]
        if not path:
            return expression
        # Searching a column that is not text wraps it in a cast.
        return _replaced(expression, here)

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return a query with the joins that were noted."""
        for _, attribute in self._onto:
            query = query.outerjoin(attribute)
        return query


def _replaced(expression: object, alias: object) -> ColumnElement[object]:
    mapper = inspect(alias).mapper
    if isinstance(expression, Cast):
        inner = _replaced(expression.clause, alias)
        return cast(inner, expression.type)
    found: ColumnElement[object] = getattr(alias, mapper.get_property_by_column(expression).key)
    return found
