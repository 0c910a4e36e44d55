"""Style sheets and scripts of the documentation; those of Swagger UI come from a package."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lback.core.errors.pages import style

# The package of the extra `docs-ui`. It is found and not imported: it would import Flask.
_PACKAGE = "flask_swagger_ui"
_OWN = Path(__file__).with_name("assets")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
OWN_FILES = ("docs.css", "console.css", "console.js")
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")


@cache
def swagger_directory() -> Path | None:
    """Return the directory with the files of Swagger UI, or None if they are not installed."""
    found = find_spec(_PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        directory = Path(place) / "dist"
        if all((directory / name).is_file() for name in SWAGGER_FILES):
            return directory
    return None


@cache
def read_asset(name: str) -> tuple[bytes, str] | None:
    """Return the content and the media type of a file, or None if it does not exist.

    Args:
        name: File name, such as "docs.css".
    """
    if name in OWN_FILES:
        text = (_OWN / name).read_text(encoding="utf-8")
        # The reference extends the style that all built-in pages share.
        content = f"{style()}\n{text}" if name == "docs.css" else text
        return content.encode(), _TYPES[Path(name).suffix]
    directory = swagger_directory()
    if name not in SWAGGER_FILES or directory is None:
        return None
    return (directory / name).read_bytes(), _TYPES[Path(name).suffix]


@cache
def version_of(name: str) -> str:
    """Return a part of the URL of a file that changes with its content.

    Args:
        name: Name of an existing file.
    """
    found = read_asset(name)
    return hashlib.sha256(found[0] if found else b"").hexdigest()[:12]
