"""Sessions: data about a visitor that the server keeps between requests."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.sessions.database import DatabaseSessionStore
    from lback.sessions.manager import SessionManager
    from lback.sessions.messages import Message, flash, flashed
    from lback.sessions.redis import RedisSessionStore
    from lback.sessions.store import (
        MemorySessionStore,
        SessionRecord,
        SessionStore,
        SessionsUnavailable,
    )
    from lback.sessions.store_settings import session_store

__all__ = [
    "DatabaseSessionStore",
    "MemorySessionStore",
    "Message",
    "RedisSessionStore",
    "SessionManager",
    "SessionRecord",
    "SessionStore",
    "SessionsUnavailable",
    "flash",
    "flashed",
    "session_store",
]

# Each is imported when it is first used: most of them load SQLAlchemy.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "DatabaseSessionStore": "lback.sessions.database",
        "MemorySessionStore": "lback.sessions.store",
        "Message": "lback.sessions.messages",
        "RedisSessionStore": "lback.sessions.redis",
        "SessionManager": "lback.sessions.manager",
        "SessionRecord": "lback.sessions.store",
        "SessionStore": "lback.sessions.store",
        "SessionsUnavailable": "lback.sessions.store",
        "flash": "lback.sessions.messages",
        "flashed": "lback.sessions.messages",
        "session_store": "lback.sessions.store_settings",
    },
)
