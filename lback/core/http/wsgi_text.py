"""Text in a WSGI environ: UTF-8 that was read as Latin-1 (PEP 3333, Unicode Issues)."""

from lback.core.exceptions import BadRequest


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
