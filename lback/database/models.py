"""The base class of models, with column types and names that are portable across databases."""

import enum
from datetime import UTC, datetime

from sqlalchemy import DateTime, Enum, MetaData, String, Table, event
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from lback.database.utc import in_utc

# MySQL and MariaDB need a length for text, and truncate microseconds by default.
TEXT = String().with_variant(String(255), "mysql", "mariadb")
MOMENT = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql", "mariadb")

# Native enumerations of PostgreSQL and MySQL have to be altered for each new member; text does not.
MEMBER = Enum(enum.Enum, native_enum=False, length=64)

# A migration can drop only constraints with names, and generated names differ between databases.
CONSTRAINT_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """Return the current time as an aware datetime in UTC.

    Example:
        >>> utc_now().utcoffset()
        datetime.timedelta(0)
    """
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Column type for aware datetimes with microseconds; values are returned in UTC.

    PostgreSQL stores a time zone; other databases store UTC without one.
    """

    impl = MOMENT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware datetime for the database.

        Args:
            value: The datetime, or None for NULL.
            dialect: Dialect of the database.

        Raises:
            ValueError: The datetime is naive.

        Example:
            >>> from sqlalchemy.dialects import sqlite
            >>> UTCDateTime().process_bind_param(datetime(2026, 1, 2, tzinfo=UTC), sqlite.dialect())
            datetime.datetime(2026, 1, 2, 0, 0)
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(
                f"{value!r} has no time zone; use lback.database.utc_now() or datetime.now(UTC)"
            )
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002  SQLAlchemy's signature
    ) -> datetime | None:
        """Convert a datetime from the database into an aware one in UTC.

        Args:
            value: Naive datetime in UTC, or an aware one; None for NULL.
            dialect: Dialect of the database.
        """
        return None if value is None else in_utc(value)


class Base(DeclarativeBase):
    """Base class of models (SQLAlchemy's declarative base).

    `Mapped[str]`, `Mapped[datetime]` and `Mapped[SomeEnum]` work on all databases. A datetime
    column is a `UTCDateTime`, and an enumeration is stored by the name of its member.
    """

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's name
        str: TEXT,
        datetime: UTCDateTime,
        enum.Enum: MEMBER,
    }


@event.listens_for(Table, "after_parent_attach")
def _compare_text_by_code_points(table: Table, parent: object) -> None:
    """Make MySQL and MariaDB store all of Unicode and compare case-sensitively, as others do."""
    if parent is Base.metadata:
        for name in ("mysql", "mariadb"):
            table.dialect_kwargs.setdefault(f"{name}_charset", "utf8mb4")
            table.dialect_kwargs.setdefault(f"{name}_collate", "utf8mb4_bin")
