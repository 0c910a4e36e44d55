"""The database: `DatabaseManager` for connections and sessions, `Base` for models."""

from lback.database.engine import DatabaseManager
from lback.database.models import Base, UTCDateTime, utc_now
from lback.database.sessions import Session

__all__ = ["Base", "DatabaseManager", "Session", "UTCDateTime", "utc_now"]
