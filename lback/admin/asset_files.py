"""Style sheet, script and icon of the admin, served by the application."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lback.core.errors.pages import style
from lback.core.exceptions import NotFound
from lback.core.response import Response

if TYPE_CHECKING:
    from lback.core.request import Request

_DIRECTORY = Path(__file__).with_name("assets")
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def _read(name: str) -> bytes:
    text = (_DIRECTORY / name).read_text(encoding="utf-8")
    # The admin style extends the style shared by all built-in pages.
    return (f"{style()}\n{text}" if name.endswith(".css") else text).encode()


FILES = {name: _read(name) for name in ("admin.css", "admin.js", "admin.svg")}
# Part of the URLs, so that browsers can cache a file forever and still load a new version.
VERSION = hashlib.sha256(b"".join(FILES.values())).hexdigest()[:12]


def send_asset(request: "Request", name: str) -> Response:  # noqa: ARG001  a view
    """Serve an asset file with `immutable` caching.

    Args:
        request: The request.
        name: File name, such as "admin.css".

    Raises:
        NotFound: The file does not exist.
    """
    if name not in FILES:
        raise NotFound
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(FILES[name], 200, headers, _TYPES[name.rpartition(".")[2]])
