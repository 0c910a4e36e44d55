"""Names of stored files: relative, portable, and unable to leave their storage."""

import base64
import re
import secrets
import unicodedata

from lback.core.http.uploaded_file import bare_filename
from lback.storage.exceptions import InvalidFileName

MAX_NAME = 700  # bytes; S3 takes 1024, of which a prefix and a token need some
MAX_PART = 200  # bytes; file systems take 255
TOKEN_LENGTH = 26  # characters of base 32: 130 bits
_SUFFIX_LENGTH = 20
# Characters before normalisation, which is slow: longer names cannot be short enough after it.
_LONGEST = 4 * MAX_NAME
_END = 100

# Letters, marks, numbers, punctuation and symbols. Neither controls nor formatting characters, such
# as the marks that turn the direction of text, nor spaces other than U+0020.
_CATEGORIES = frozenset("LMNPS")
_REFUSED = frozenset('\\:*?"<>|')
# Windows opens devices under these names, whatever the suffix.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)", re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|[/-])[a-z2-7]{26}(?=[/.]|$)")


def clean_name(name: str) -> str:
    """Return a name in Unicode normal form C, after checking that it can be stored anywhere.

    A name has parts that are separated by `/`, such as `"tickets/7/photo.jpg"`.

    Args:
        name: The name; it may come from a client.

    Raises:
        InvalidFileName: The name is empty, too long, absolute, or has a part such as `..`, one
            that begins with a dot or is the name of a device, or a character that is not allowed.

    Example:
        >>> clean_name("tickets/7/photo.jpg")
        'tickets/7/photo.jpg'
        >>> clean_name("../settings.py")
        Traceback (most recent call last):
        lback.storage.exceptions.InvalidFileName: '../settings.py' cannot be the name ...
    """
    if not isinstance(name, str) or not name:
        raise InvalidFileName(str(name), "it must be text and not empty")
    if len(name) > _LONGEST:
        raise InvalidFileName(name, f"it has more than {MAX_NAME} bytes")
    normal = unicodedata.normalize("NFC", name)
    _check_characters(normal)
    if len(normal.encode()) > MAX_NAME:
        raise InvalidFileName(normal, f"it has more than {MAX_NAME} bytes")
    for part in normal.split("/"):
        _check_part(normal, part)
    # Some systems compare names in the compatibility form, in which U+FF0E is a dot.
    compatible = unicodedata.normalize("NFKC", normal)
    if compatible != normal:
        if compatible.count("/") != normal.count("/"):
            raise InvalidFileName(normal, "a character of it is equivalent to '/'")
        _check_characters(compatible)
        for part in compatible.split("/"):
            _check_part(normal, part)
    return normal


def _check_characters(name: str) -> None:
    for character in name:
        if character in _REFUSED or (
            character != " " and unicodedata.category(character)[0] not in _CATEGORIES
        ):
            raise InvalidFileName(name, f"the character {character!a} is not allowed")


def _check_part(name: str, part: str) -> None:
    if not part:
        raise InvalidFileName(name, "no part between slashes may be empty")
    if part.startswith((".", " ")) or part.endswith((".", " ")):
        raise InvalidFileName(name, "no part may begin or end with a dot or a space")
    if len(part.encode()) > MAX_PART:
        raise InvalidFileName(name, f"a part has more than {MAX_PART} bytes")
    if _DEVICES.fullmatch(part.split(".")[0].strip()):
        raise InvalidFileName(name, f"{part!r} is the name of a device on Windows")


def storable_name(filename: str) -> str:
    r"""Return the name of an upload as one part of a name that `clean_name` accepts.

    Args:
        filename: Name that a client sent, of any form.

    Example:
        >>> storable_name("C:\\photos\\my cat?.png"), storable_name("..")
        ('my cat_.png', 'file')
    """
    name = bare_filename(filename)
    if len(name) > _LONGEST:
        name = name[: _LONGEST - _END] + name[-_END:]
    name = unicodedata.normalize("NFKC", name).replace("/", "_")
    name = "".join(map(_replaced, name)).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > _SUFFIX_LENGTH:
        stem, dot, suffix = name, "", ""
    room = MAX_PART - len(suffix.encode()) - len(dot) - 1
    stem = stem.encode()[:room].decode(errors="ignore").strip(". ") or "file"
    if _DEVICES.fullmatch(stem.split(".")[0].strip()):
        stem = f"_{stem}"
    return clean_name(f"{stem}{dot}{suffix}")


def _replaced(character: str) -> str:
    is_allowed = character == " " or unicodedata.category(character)[0] in _CATEGORIES
    return character if is_allowed and character not in _REFUSED else "_"


def unguessable_name(filename: str, folder: str = "") -> str:
    """Return a new name with 130 random bits, under which an upload can be stored.

    Files under such names may be cached forever, because the name is not used a second time.

    Args:
        filename: Name that a client sent; it becomes the last part.
        folder: First parts of the name; empty for none.

    Example:
        >>> unguessable_name("cat.png", "pictures")
        'pictures/.../cat.png'
    """
    parts = [folder, new_token(), storable_name(filename)]
    return clean_name("/".join(part for part in parts if part))


def is_unguessable(name: str) -> bool:
    """Return True if a name has a part that `unguessable_name` made.

    Example:
        >>> is_unguessable(unguessable_name("cat.png")), is_unguessable("cat.png")
        (True, False)
    """
    return _TOKEN.search(name) is not None


def new_token() -> str:
    """Return 26 random lower-case letters and digits."""
    return base64.b32encode(secrets.token_bytes(17)).decode().lower()[:TOKEN_LENGTH]


def with_token(name: str) -> str:
    """Return a name with a token before its suffix, for a name that is taken.

    Args:
        name: A valid name.

    Example:
        >>> with_token("reports/march.pdf")
        'reports/march-....pdf'
    """
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not stem or len(suffix.encode()) > _SUFFIX_LENGTH:
        stem, dot, suffix = last, "", ""
    room = MAX_PART - TOKEN_LENGTH - len(suffix.encode()) - 2
    stem = stem.encode()[:room].decode(errors="ignore")
    return f"{folder}{slash}{stem}-{new_token()}{dot}{suffix}"
