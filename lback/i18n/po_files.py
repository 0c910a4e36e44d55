"""Reads and writes `.po` and `.mo` files with Babel."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

from lback.core.exceptions import ConfigurationError
from lback.i18n.babel import require_babel

require_babel("reading .po files")

from babel.messages.catalog import Catalog  # noqa: E402  after the message of `require_babel`
from babel.messages.mofile import write_mo  # noqa: E402
from babel.messages.pofile import PoFileError, read_po, write_po  # noqa: E402

WIDTH = 100
_NO_TIME = datetime.fromtimestamp(0, UTC)
# Times, and header fields that were not filled in.
_LEFT_OUT = re.compile(
    r'"(?:POT-Creation-Date|Generated-By):|".*(?:VERSION|EMAIL@ADDRESS|YEAR-MO-DA|LL@li\.org)'
)


def parse_source(source: Path, text: bytes | None = None, *, locale: str | None = None) -> Catalog:
    """Return the catalogue of a `.po` file.

    Args:
        source: Path of the file.
        text: Its content, if it was read already.
        locale: Name of the locale; None reads it from the header or the name of the directory.

    Raises:
        ConfigurationError: The file is broken.
    """
    content = source.read_bytes() if text is None else text
    if locale is None and source.parent.name == "LC_MESSAGES":
        locale = source.parents[1].name
    try:
        return read_po(io.BytesIO(content), locale=locale, abort_invalid=True)
    except (PoFileError, ValueError, UnicodeDecodeError, SyntaxError) as error:
        raise ConfigurationError(f"{source} is not a valid .po file: {error}") from error


def compiled(catalogue: Catalog) -> bytes:
    """Return the content of a `.mo` file, which is the same for the same messages at any time.

    Args:
        catalogue: The messages; fuzzy and empty ones are left out. Its creation date is changed.
    """
    catalogue.creation_date = _NO_TIME  # Babel writes one
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def write_source(path: Path, catalogue: Catalog) -> bool:
    """Write a `.po` or `.pot` file, without times, so that equal messages make an equal file.

    Args:
        path: The file; directories are created.
        catalogue: The messages.

    Returns:
        True if the content of the file has changed.
    """
    buffer = io.BytesIO()
    # Files without lines: a catalogue does not change because code moves.
    write_po(buffer, catalogue, width=WIDTH, include_lineno=False)
    lines = [line for line in buffer.getvalue().decode().split("\n") if not _LEFT_OUT.match(line)]
    content = "\n".join(lines).strip("\n") + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return True


def new_catalogue(code: str) -> Catalog:
    """Return an empty catalogue of a language, with its plural forms of CLDR.

    Args:
        code: Tag of the language.

    Raises:
        ConfigurationError: Babel has no data for the language.
    """
    try:
        return Catalog(
            locale=code.replace("-", "_"), charset="utf-8", fuzzy=False, header_comment=""
        )
    except (ValueError, LookupError) as error:
        raise ConfigurationError(f"{code!r} is not a language that Babel knows: {error}") from error
