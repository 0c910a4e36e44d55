"""The database: `DatabaseManager` for connections and sessions, `Base` for models."""

from lback.database.engine import DatabaseManager
from lback.database.models import Base, UTCDateTime, utc_now

__all__ = ["Base", "DatabaseManager", "UTCDateTime", "utc_now"]
