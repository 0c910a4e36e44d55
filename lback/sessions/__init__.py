"""Sessions: what is kept about a visitor between requests, on the server."""

from lback.sessions.database import DatabaseSessionStore
from lback.sessions.manager import SessionManager
from lback.sessions.store import MemorySessionStore, SessionRecord, SessionStore

__all__ = [
    "DatabaseSessionStore",
    "MemorySessionStore",
    "SessionManager",
    "SessionRecord",
    "SessionStore",
]
