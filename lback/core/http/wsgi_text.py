"""Decodes text of a WSGI environ: UTF-8 that was read as Latin-1 (PEP 3333, Unicode Issues)."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from lback.core.exceptions import BadRequest

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# Characters that RFC 3986 allows unencoded in a path.
_IN_PATH = "/:@!$&'()*+,;=-._~"


def decoded_path(path: str) -> str:
    """Decode a path of a WSGI environ: UTF-8 that was read as Latin-1.

    Raises:
        BadRequest: The path is not UTF-8.
    """
    if path.isascii():
        return path
    try:
        return path.encode("latin-1").decode()
    except UnicodeEncodeError:  # built by hand, and decoded already
        return path
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None


def raw_path(environ: "WSGIEnvironment", path: str) -> str:
    """Return a path as the client sent it, percent-encoded and without the query string.

    Args:
        environ: The WSGI environ. Some servers put the request target into `RAW_URI` or
            `REQUEST_URI`; without these, the path is encoded again.
        path: The decoded path.
    """
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not sent:
        return quote(decoded_path(environ.get("SCRIPT_NAME") or "") + path, safe=_IN_PATH)
    target: str = sent.partition("#")[0].partition("?")[0]
    if not target.startswith("/"):  # RFC 9112 section 3.2.2: a whole URL, as sent to proxies
        _, separator, rest = target.partition("://")
        slash = rest.find("/")
        target = (rest[slash:] if slash >= 0 else "/") if separator else target
    return quote(target.encode("latin-1", "replace"), safe=f"{_IN_PATH}%")
