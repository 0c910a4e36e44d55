"""Text in a WSGI environ: UTF-8 that was read as Latin-1 (PEP 3333, Unicode Issues)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lback.core.exceptions import BadRequest

# What RFC 3986 allows in a path without encoding it.
_IN_PATH = "/:@!$&'()*+,;=-._~"


def decoded_path(path: str) -> str:
    """Read as UTF-8 what PEP 3333 hands over as Latin-1.

    Raises:
        BadRequest: It is no UTF-8.
    """
    if path.isascii():
        return path
    try:
        return path.encode("latin-1").decode()
    except UnicodeEncodeError:  # built by hand, and decoded already
        return path
    except UnicodeDecodeError:
        raise BadRequest("the path is no UTF-8") from None


def raw_path(environ: Mapping[str, Any], path: str) -> str:
    """Return a path as the client sent it, percent-encoded and without the query string.

    Args:
        environ: Servers that keep the request line put it into `RAW_URI` or `REQUEST_URI`. Where
            none did, the path is encoded again.
        path: The decoded path.
    """
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not sent:
        return quote(decoded_path(environ.get("SCRIPT_NAME") or "") + path, safe=_IN_PATH)
    target: str = sent.partition("#")[0].partition("?")[0]
    if not target.startswith("/"):  # RFC 9112 section 3.2.2: a whole URL, as proxies are sent
        _, separator, rest = target.partition("://")
        slash = rest.find("/")
        target = (rest[slash:] if slash >= 0 else "/") if separator else target
    return quote(target.encode("latin-1", "replace"), safe=f"{_IN_PATH}%")
