"""Names of the images within an email, as its HTML refers to them."""

import re

CONTENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def cid(name: str) -> str:
    """Return the address of an inline image; a function of all templates.

    Args:
        name: Key of the image in `Mail.images`.

    Raises:
        ValueError: The name has other characters than letters, digits, `.`, `_` and `-`.

    Example:
        >>> cid("logo")
        'cid:logo'
    """
    return f"cid:{content_name(name)}"


def content_name(name: str) -> str:
    """Return the name of an inline image, after checking that it can be part of a header field.

    Args:
        name: The name.

    Raises:
        ValueError: The name has other characters than letters, digits, `.`, `_` and `-`.
    """
    if not CONTENT_NAME.fullmatch(name):
        raise ValueError(
            f"{name[:100]!r} cannot name an image of an email: use at most 60 ASCII letters, "
            "digits, dots, underscores and hyphens, and begin with a letter or digit"
        )
    return name
