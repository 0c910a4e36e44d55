"""Limits of columns that msgspec does not check: the digits of decimal numbers."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec

from lback.api.messages import message
from lback.core.http.decimal_digits import digit_counts


class Digits(NamedTuple):
    """The digits that a column stores, as `Numeric(8, 2)` states them.

    Attributes:
        precision: Maximum number of digits, including those after the point.
        scale: Maximum number of digits after the point.
    """

    precision: int
    scale: int

    @property
    def whole(self) -> int:
        """Maximum number of digits before the point."""
        return max(self.precision - self.scale, 0)

    def annotation(self) -> Any:
        """Return the type of a field, whose schema tells the digits."""
        fraction = rf"(\.[0-9]{{1,{self.scale}}})?" if self.scale else ""
        pattern = f"^-?[0-9]{{1,{max(self.whole, 1)}}}{fraction}$"
        return Annotated[Decimal, msgspec.Meta(extra_json_schema={"pattern": pattern})]

    def problem(self, value: Decimal) -> tuple[str, str] | None:
        """Return a code and a message if a database would round or refuse a number.

        Args:
            value: The number.
        """
        if not value.is_finite():
            return None  # refused anyway
        whole, places = digit_counts(value)
        if places > self.scale:
            return "decimal_places", message("decimal_places", limit=self.scale)
        if whole > self.whole:
            return "max_digits", message("max_digits", limit=self.whole)
        return None


class WrongMembers(ValueError):
    """Values of a Struct break rules of their columns.

    Args:
        problems: A code and a message for each member, by name.
    """

    def __init__(self, problems: Mapping[str, tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {detail}" for name, (_, detail) in problems.items()))
        self.problems = problems


# The attribute of a Struct that holds the digits of its fields by name.
LIMITS = "__column_digits__"


def checked_members(
    limits: Mapping[str, Digits], following: Callable[[Any], None] | None = None
) -> dict[str, Any]:
    """Return what a Struct needs in its namespace so that its fields keep the digits.

    Args:
        limits: The digits by name of the field; those without a value of `Decimal` are not checked.
        following: Another `__post_init__`, which is called then.
    """
    return {LIMITS: limits, "__post_init__": _checking(limits, following)} if limits else {}


def _checking(
    limits: Mapping[str, Digits], following: Callable[[Any], None] | None
) -> Callable[[Any], None]:
    def check(self: Any) -> None:
        problems: dict[str, tuple[str, str]] = {}
        for name, digits in limits.items():
            value = getattr(self, name)
            problem = digits.problem(value) if isinstance(value, Decimal) else None
            if problem is not None:
                problems[name] = problem
        if problems:
            raise WrongMembers(problems)
        if following is not None:
            following(self)

    return check
