"""Sessions: what is kept about a visitor between requests, on the server."""

from lback.sessions.database import DatabaseSessionStore
from lback.sessions.flash import Message, flash, flashed
from lback.sessions.manager import SessionManager
from lback.sessions.redis import RedisSessionStore
from lback.sessions.store import (
    MemorySessionStore,
    SessionRecord,
    SessionStore,
    SessionsUnavailable,
)
from lback.sessions.stores import session_store

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
