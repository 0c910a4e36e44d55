"""Locking of a row: read again, as others have committed it, and kept until the end."""

from sqlalchemy import inspect
from sqlalchemy.orm import Session


def lock(session: Session, row: object) -> bool:
    """Lock a row until the end of the transaction (SELECT … FOR UPDATE) and reload it.

    Args:
        session: Database session of the row.
        row: The row to lock.

    Returns:
        True if the row still exists.
    """
    key = inspect(row).identity
    # Values and collections loaded before the lock may be outdated.
    session.expire(row)
    found = session.get(type(row), key, with_for_update={"of": type(row)}, populate_existing=True)
    return found is not None
