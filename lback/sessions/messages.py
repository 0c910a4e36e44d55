"""Flash messages: stored in the session and shown once, on the next page."""

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.types import AppSession

FLASH_KEY = "_flash"
# Messages that are never shown must not fill the session.
MAX_MESSAGES = 20


class Message(NamedTuple):
    """A flash message: its text and its level."""

    text: str
    level: str


def session_of(request: "Request") -> "AppSession":
    """Return the session of a request.

    Args:
        request: The current request.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.
    """
    session = request.session
    if session is None:
        raise ConfigurationError(
            "this request has no session: add lback.middleware.SessionMiddleware to MIDDLEWARES"
        )
    return session


def flash(request: "Request", text: str, level: str = "info") -> None:
    """Store a message for the next page that shows the messages of `flashed`.

    Args:
        request: The current request.
        text: Plain text; templates escape it.
        level: A word for the template, such as `"info"`, `"success"`, `"warning"` or `"error"`.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.

    Example:
        >>> from lback.core.types import AppSession
        >>> request.session = AppSession()
        >>> flash(request, "Saved.", "success")
        >>> flashed(request)
        [Message(text='Saved.', level='success')]
        >>> flashed(request)
        []
    """
    session = session_of(request)
    messages = [*session.get(FLASH_KEY, []), [text, level]]
    session[FLASH_KEY] = messages[-MAX_MESSAGES:]


def flashed(request: "Request") -> list[Message]:
    """Return the stored messages, the oldest first, and remove them from the session.

    The script of live pages may fetch a page that it does not show: a fragment of it, or the target
    of a redirect that the browser then opens. The messages are kept for the page that is shown.

    Args:
        request: The current request.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.
    """
    session = session_of(request)
    if not _is_shown(request):
        return []
    messages = session.get(FLASH_KEY, [])
    session.delete(FLASH_KEY)
    return [Message(text, level) for text, level in messages]


def _is_shown(request: "Request") -> bool:
    """Return False if a script fetches the page without showing it as a whole."""
    environ = request.environ
    if "HTTP_X_LBACK_FRAGMENT" in environ:
        return False
    page = environ.get("HTTP_X_LBACK_PAGE")
    if page is None:
        return True
    path, _, query = page.partition("?")
    here = f"{environ.get('SCRIPT_NAME', '')}{request.path}"
    return bool(unquote(path) == here and query == environ.get("QUERY_STRING", ""))
