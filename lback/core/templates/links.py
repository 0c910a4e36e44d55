"""Links of templates, below the path that the application is mounted at (`SCRIPT_NAME`)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Undefined, pass_context

from lback.translation import PREFIX

if TYPE_CHECKING:
    from jinja2.runtime import Context

# Characters that RFC 3986 allows unencoded in a path.
_IN_PATH = "/:@!$&'()*+,;=-._~"


def script_path(environ: Mapping[str, Any]) -> str:
    """Return `SCRIPT_NAME` percent-encoded: the path that the application is mounted at.

    Args:
        environ: The WSGI environ; its texts are UTF-8 read as Latin-1 (PEP 3333).

    Example:
        >>> script_path({"SCRIPT_NAME": "/shop"}), script_path({})
        ('/shop', '')
    """
    script = environ.get("SCRIPT_NAME")
    return quote(script, _IN_PATH, encoding="latin-1") if script else ""


def mounted(reverse: Callable[..., str]) -> Callable[..., str]:
    """Return a template function for the paths of routes, with the mount point of the request.

    Args:
        reverse: Returns the path of a route without it, by the name and the variables.
    """
    return pass_context(partial(_path_of, reverse))


def mounted_file(url: Callable[[str], str]) -> Callable[..., str]:
    """Return a template function for the URLs of static files, with the mount point of the request.

    Args:
        url: Returns the URL of a static file. A full URL, and a path that is below the mount point
            already, stay as they are.
    """
    return pass_context(partial(_file_of, url))


def _path_of(reverse: Callable[..., str], context: "Context", name: str, /, **params: Any) -> str:
    return script_path(_environ_of(context)) + reverse(name, **params)


def _file_of(url: Callable[[str], str], context: "Context", name: str) -> str:
    address, environ = url(name), _environ_of(context)
    # Without the prefix of a language, which is the end of SCRIPT_NAME: files have none.
    script = script_path(environ).removesuffix(environ.get(PREFIX) or "")
    is_below = not address.startswith("/") or address.startswith(f"{script}/")
    return address if not script or is_below else script + address


def _environ_of(context: "Context") -> Mapping[str, Any]:
    request = context.get("request")
    if isinstance(request, Undefined):  # a value that templates from the database may not use
        return {}
    return getattr(request, "environ", None) or {}
