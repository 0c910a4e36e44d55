"""Flash messages: said now, shown on the next page that asks, once."""

from typing import TYPE_CHECKING, NamedTuple

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.types import AppSession

FLASH_KEY = "_flash"
# A page that nobody opens must not fill a session.
MAX_MESSAGES = 20


class Message(NamedTuple):
    """What was said, and how it was meant."""

    text: str
    level: str


def session_of(request: "Request") -> "AppSession":
    """Return the session of a request.

    Raises:
        ConfigurationError: No middleware brings one.
    """
    session = request.session
    if session is None:
        raise ConfigurationError(
            "this request has no session: put lback.middleware.SessionMiddleware into MIDDLEWARES"
        )
    return session


def flash(request: "Request", text: str, level: str = "info") -> None:
    """Keep a message for the next page that shows what `flashed` returns.

    Args:
        request: Whose visitor is to read it.
        text: Plain text; templates escape it.
        level: Such as `"info"`, `"success"`, `"warning"` or `"error"`.

    Raises:
        ConfigurationError: No middleware brings a session.
    """
    session = session_of(request)
    messages = [*session.get(FLASH_KEY, []), [text, level]]
    session[FLASH_KEY] = messages[-MAX_MESSAGES:]


def flashed(request: "Request") -> list[Message]:
    """Return the messages that were kept for the visitor, oldest first, and forget them.

    Raises:
        ConfigurationError: No middleware brings a session.
    """
    session = session_of(request)
    messages = session.get(FLASH_KEY, [])
    session.delete(FLASH_KEY)
    return [Message(text, level) for text, level in messages]
