"""The database: one manager for the connections, one base for the models."""

from lback.database.engine import DatabaseManager
from lback.database.models import Base, UTCDateTime, utc_now

__all__ = ["Base", "DatabaseManager", "UTCDateTime", "utc_now"]
