"""Counts the digits of decimal numbers, as columns and fields limit them."""

from decimal import Decimal


def digit_counts(value: Decimal) -> tuple[int, int]:
    """Return the numbers of significant digits before and after the point.

    The digits are counted as they are: arithmetic would round them to the precision of the context.

    Args:
        value: A finite number.

    Example:
        >>> digit_counts(Decimal("12.50")), digit_counts(Decimal("1E+3"))
        ((2, 1), (4, 0))
    """
    _, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    if not kept:
        return 0, 0
    point = int(exponent) + len(text) - len(kept)  # exponent of the last significant digit
    return max(0, len(kept) + point), max(0, -point)
