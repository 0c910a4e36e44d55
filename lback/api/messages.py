"""Messages about invalid values, by code: what the client reads in `errors` of a problem."""

from collections.abc import Mapping

MESSAGES: Mapping[str, str] = {
    "missing": "This value is required.",
    "unknown": "This name is not known.",
    "repeated": "This name may be given once only.",
    "type": "Must be {expected}, not {found}.",
    "format": "Must be {expected}.",
    "choice": "Must be one of: {choices}.",
    "minimum": "Must be {limit} or more.",
    "exclusive_minimum": "Must be greater than {limit}.",
    "maximum": "Must be {limit} or less.",
    "exclusive_maximum": "Must be less than {limit}.",
    "multiple_of": "Must be a multiple of {limit}.",
    "min_length": "Must have a length of {limit} or more.",
    "max_length": "Must have a length of {limit} or less.",
    "max_digits": "Must have at most {limit} digits before the point.",
    "decimal_places": "Must have at most {limit} digits after the point.",
    "pattern": "Must match the pattern {pattern}.",
    "time_zone": "Must be a time {expected}.",
    "range": "Is out of range.",
    "finite": "Must be a finite number.",
    "file": "Must be an uploaded file.",
    "invalid": "Is not valid.",
}


def message(code: str, **facts: object) -> str:
    """Return the message for a code, with the facts of one case.

    Args:
        code: A key of `MESSAGES`.
        **facts: What the message names, such as the limit.

    Example:
        >>> message("minimum", limit=1)
        'Must be 1 or more.'
    """
    return MESSAGES[code].format(**facts)
