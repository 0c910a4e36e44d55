"""The table that the database scenario reads: one file, the same for every contestant."""

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

from scenarios import ITEMS
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@cache
def database_file() -> Path:
    """Create the file for this process, and return where it is.

    Once: a file that is made anew under the name of one that is open shares its journal with it,
    and each read then takes twice as long.
    """
    path = Path(tempfile.gettempdir()) / f"lback-benchmark-{os.getpid()}.sqlite3"
    path.unlink(missing_ok=True)
    atexit.register(path.unlink, missing_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Item(id=n, name=f"item {n}") for n in range(1, ITEMS + 1))
        session.commit()
    engine.dispose()
    return path
