"""List filters for columns, relationships and dates, with the choices they offer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, DateTime, and_, select, types
from sqlalchemy.orm import (
    ColumnProperty,
    QueryableAttribute,
    RelationshipDirection,
    RelationshipProperty,
    Session,
)

from lback.admin.columns import attribute_of, shown
from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.database import UTCDateTime
from lback.database.column_values import compared
from lback.forms.bound_field import label_from
from lback.forms.errors import Invalid
from lback.forms.identity import (
    identity_of,
    identity_text,
    key_value,
    label_of,
    mapper_of,
)
from lback.forms.model_columns import field_for
from lback.forms.model_fields import any_of
from lback.time_zones import start_of_day, today
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from lback.users import AdminUser

# Value of the choice "Empty"; no key and no enumeration member has this text.
EMPTY = "~"
MAX_OPTIONS = 100
LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of a list.

    Attributes:
        name: Name of the column or relationship; the query parameter is `is-<name>`.
        label: Label.
        condition: Function from the text of the client to an SQL condition, or None if the text
            is not valid.
        choices: Function from session and user to pairs of value and label; None for a text field.
        target: Related model of a relationship, else None.
    """

    name: str
    label: str
    condition: Callable[[str], ColumnElement[bool] | None]
    choices: Callable[[Session, "AdminUser"], list[tuple[str, str]]] | None
    target: type[object] | None = None

    @property
    def parameter(self) -> str:
        """Name of the query parameter."""
        return f"is-{self.name}"


def build_filter(model: type[object], name: str, where: str) -> Filter:
    """Return the filter for a column or a relationship.

    Args:
        model: The model.
        name: Name of the attribute.
        where: Place of the name, for error messages.

    Raises:
        ConfigurationError: The attribute does not exist, or it cannot be filtered by.
    """
    attribute = attribute_of(model, name, where)
    prop: object = getattr(attribute, "property", None)
    label = _(label_from(name))
    if isinstance(prop, RelationshipProperty):
        return _relation_filter(attribute, prop, name, label)
    if not isinstance(prop, ColumnProperty):
        raise ConfigurationError(
            f"{where} names {name!r}, which is neither a column nor a relationship"
        )
    column = prop.columns[0]
    if not isinstance(column, Column):
        raise ConfigurationError(f"{where} names {name!r}, which is not a column of a table")
    if isinstance(column.type, (types.Date, DateTime, UTCDateTime)):
        return _date_filter(column, name, label)
    return _value_filter(prop, column, name, label)


def _value_filter(
    prop: ColumnProperty[object], column: Column[object], name: str, label: str
) -> Filter:
    if isinstance(column.type, types.Boolean):
        offered = [("true", _("Yes")), ("false", _("No")), *_empty(column)]
        return _choosing(column, name, label, {"true": True, "false": False}, offered)
    if isinstance(column.type, types.Enum):
        members: Any = column.type.enum_class or column.type.enums
        values = {getattr(member, "name", member): member for member in members}
        return _choosing(column, name, label, values, _empty(column), show=True)
    form_field = field_for(prop, required=True)

    def written(text: str) -> ColumnElement[bool] | None:
        if text == EMPTY:
            return column.is_(None)
        try:
            value = form_field.clean(text[:LONGEST_VALUE])
        except Invalid:
            return None
        same: ColumnElement[bool] = column == value
        return same

    if column.foreign_keys:
        return Filter(name, label, lambda text: _key_condition(column, text), None)
    return Filter(name, label, written, None)


def _key_condition(column: Column[object], text: str) -> ColumnElement[bool] | None:
    if text == EMPTY:
        return column.is_(None)
    value = key_value(column, text[:LONGEST_VALUE])
    if value is None:
        return None
    same: ColumnElement[bool] = column == compared(column, value)
    return same


def _choosing(
    column: Column[object],
    name: str,
    label: str,
    values: dict[str, object],
    offered: list[tuple[str, str]],
    *,
    show: bool = False,
) -> Filter:
    """Return a filter by some values; with `show`, the values themselves are offered first."""

    def choices(*_args: object) -> list[tuple[str, str]]:
        # In the language of the request.
        own = [(text, shown(value)) for text, value in values.items()] if show else []
        return [*own, *offered]

    def chosen(text: str) -> ColumnElement[bool] | None:
        if text == EMPTY:
            return column.is_(None)
        return column == values[text] if text in values else None

    return Filter(name, label, chosen, choices)


def _empty(column: Column[object]) -> list[tuple[str, str]]:
    return [(EMPTY, _("Empty"))] if column.nullable else []


def _relation_filter(
    attribute: QueryableAttribute[object], prop: RelationshipProperty[object], name: str, label: str
) -> Filter:
    target = prop.mapper.class_
    keys = mapper_of(target).primary_key
    many = prop.direction is not RelationshipDirection.MANYTOONE

    def chosen(text: str) -> ColumnElement[bool] | None:
        if text == EMPTY:
            nothing: ColumnElement[bool] = ~attribute.any() if many else ~attribute.has()
            return nothing
        key = identity_of(target, text[:LONGEST_VALUE])
        if key is None:
            return None
        if not many and len(prop.local_columns) == 1:
            # A single-column foreign key needs no join.
            local = next(iter(prop.local_columns))
            equal: ColumnElement[bool] = local == compared(local, key[0])
            return equal
        same = any_of(keys, [key])
        found: ColumnElement[bool] = attribute.any(same) if many else attribute.has(same)
        return found

    def offered(session: Session, user: "AdminUser") -> list[tuple[str, str]]:
        query = policies.scoped(user, select(target).order_by(*keys)).limit(MAX_OPTIONS + 1)
        rows = session.scalars(query).unique().all()
        return [(identity_text(row), label_of(row)) for row in rows]

    return Filter(name, label, chosen, offered, target)


# Dates.

PERIODS = (
    ("today", _("Today")),
    ("7-days", _("Past 7 days")),
    ("month", _("This month")),
    ("year", _("This year")),
)


def _date_filter(column: Column[object], name: str, label: str) -> Filter:
    def chosen(text: str) -> ColumnElement[bool] | None:
        if text == EMPTY:
            return column.is_(None)
        span = period(text, today())
        return None if span is None else between(column, *span)

    offered = [*PERIODS, *_empty(column)]
    return Filter(name, label, chosen, lambda *_args: offered)


def period(text: str, today: date) -> tuple[date, date | None] | None:
    """Return the first day of a period and the day after its last one.

    Args:
        text: "today", "7-days", "month" or "year".
        today: The current date.

    Returns:
        None for any other text. The second day is None if it is after the year 9999.

    Example:
        >>> from datetime import date
        >>> from lback.admin.filters import period
        >>> period("month", date(2026, 2, 14))
        (datetime.date(2026, 2, 1), datetime.date(2026, 3, 1))
    """
    first = today.replace(day=1)
    return {
        "today": (today, _day_after(today)),
        "7-days": (today - timedelta(days=6), _day_after(today)),
        "month": (first, _month_after(first)),
        "year": (first.replace(month=1), _year_after(first)),
    }.get(text)


def _day_after(day: date) -> date | None:
    return None if day == date.max else day + timedelta(days=1)


def _month_after(day: date) -> date | None:
    return _year_after(day) if day.month == 12 else date(day.year, day.month + 1, 1)


def _year_after(day: date) -> date | None:
    return None if day.year == date.max.year else date(day.year + 1, 1, 1)


def between(column: Any, first: date, end: date | None) -> ColumnElement[bool]:
    """Return the SQL condition that a date or datetime is within some days of the current zone.

    Args:
        column: Column of a date or datetime; one without a time zone stores UTC.
        first: First day.
        end: Day after the last one; None for no end.
    """
    begins = _begins_of(column)
    since: ColumnElement[bool] = column >= begins(first)
    return since if end is None else and_(since, column < begins(end))


def _begins_of(column: Any) -> Callable[[date], date]:
    """Return a function from a day to the value of a column at its beginning."""
    if isinstance(column.type, types.Date):
        return lambda day: day
    if isinstance(column.type, UTCDateTime) or column.type.timezone:
        return start_of_day
    return lambda day: start_of_day(day).replace(tzinfo=None)


def span_of(text: str) -> tuple[date, date | None] | None:
    """Return the first day of `2026`, `2026-03` or `2026-03-31`, and the day after its last one.

    Returns None for any other text. The second day is None if it is after the year 9999.

    Example:
        >>> from lback.admin.filters import span_of
        >>> span_of("2026-03")
        (datetime.date(2026, 3, 1), datetime.date(2026, 4, 1))
    """
    parts = text.split("-")
    numbers = [int(part) for part in parts if len(part) <= 4 and part.isascii() and part.isdigit()]
    if len(numbers) != len(parts) or not 1 <= len(parts) <= 3:
        return None
    try:
        first = date(*[*numbers, 1, 1][:3])
    except ValueError:
        return None
    return first, (_year_after, _month_after, _day_after)[len(parts) - 1](first)
