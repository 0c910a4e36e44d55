"""Estimates whether a secret key can be guessed."""

import math
import re

SECRET_KEY_LENGTH = 16
LONG_KEY_LENGTH = 32
NEW_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'

# Far beyond dictionary attacks; 16 random hexadecimal digits had 36 to 64 bits in 20,000 tries.
_BITS = 32
_PLACEHOLDERS = re.compile(
    r"change|this|your|secret|insecure|password|passwd|default|example|sample|placeholder|replace|"
    r"todo|develop|production|prod|testing|tests|test|local|django|flask|lback|please|something|"
    r"some|random|string|super|qwerty|asdf|with|rather|long|only|just|page",
    re.IGNORECASE,
)


def weakness_of_key(key: str, length: int = SECRET_KEY_LENGTH) -> str:
    """Return why a secret key is weak, or an empty text if it is not.

    The text never contains a part of the key.

    Args:
        key: The key.
        length: Minimum number of characters.

    Example:
        >>> weakness_of_key("changeme-changeme")
        'is made of a few characters, a pattern or words that are guessed first'
    """
    if len(key) >= length and _bits(key) < _BITS:
        return "is made of a few characters, a pattern or words that are guessed first"
    return length_problem(key, length)


def length_problem(key: str, length: int = SECRET_KEY_LENGTH) -> str:
    """Return why a secret key is too short, or an empty text if it is not.

    Args:
        key: The key.
        length: Minimum number of characters.
    """
    if len(key) >= length:
        return ""
    return f"has {len(key)} characters, and {length} are needed"


def _bits(key: str) -> float:
    """Estimate the number of guesses that a key withstands, as a power of two."""
    rest = _without_runs(_without_repetition(re.sub(r"[\W_]+", "", key)))
    unguessed = re.sub(_PLACEHOLDERS, "", rest)
    return len(unguessed) * math.log2(max(1, len(set(unguessed))))


def _without_repetition(text: str) -> str:
    """Return the unit that a text repeats, also where the last time is cut off."""
    for length in range(1, len(text) // 2 + 1):
        if text == (text[:length] * (len(text) // length + 1))[: len(text)]:
            return text[:length]
    return text


def _without_runs(text: str) -> str:
    """Keep two characters of each row, such as "aaaa", "abcd" or "9876"."""
    kept = text[:2]
    for first, second, third in zip(text, text[1:], text[2:], strict=False):
        step = ord(second) - ord(first)
        if abs(step) > 1 or ord(third) - ord(second) != step:
            kept += third
    return kept
