"""The base of all models: columns and names that mean the same on every database."""

import enum
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Enum, MetaData, String, Table, event
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# MySQL and MariaDB need a length where the others do not, and cut microseconds unless asked.
TEXT = String().with_variant(String(255), "mysql", "mariadb")
MOMENT = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql", "mariadb")

# A type of its own in PostgreSQL, and a list of names in MySQL, would have to be altered with each
# new member; text takes it as it comes.
MEMBER = Enum(enum.Enum, native_enum=False, length=64)

# A constraint without a name cannot be dropped by a migration, and each database invents its own.
CONSTRAINT_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """Return the moment it is, as an aware datetime in UTC."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond: aware datetimes go in, aware datetimes in UTC come out.

    Only PostgreSQL keeps time zones by itself; the others are given UTC and asked for it.
    """

    impl = MOMENT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a moment into what the database keeps.

        Raises:
            ValueError: The datetime is naive, so that nobody knows which moment it means.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(
                f"{value!r} has no time zone: take lback.database.utc_now() or datetime.now(UTC)"
            )
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002  SQLAlchemy's signature
    ) -> datetime | None:
        """Turn what the database kept into an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What models inherit from.

    `Mapped[str]`, `Mapped[datetime]` and `Mapped[SomeEnum]` work as written on all databases; a
    datetime column is a `UTCDateTime`, and of a member of an enumeration the name is kept.
    """

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's name
        str: TEXT,
        datetime: UTCDateTime,
        enum.Enum: MEMBER,
    }


@event.listens_for(Table, "after_parent_attach")
def _compare_text_by_code_points(table: Table, parent: Any) -> None:
    """Have MySQL and MariaDB keep all of Unicode and tell "a" from "A", as the others do."""
    if parent is Base.metadata:
        for name in ("mysql", "mariadb"):
            table.dialect_kwargs.setdefault(f"{name}_charset", "utf8mb4")
            table.dialect_kwargs.setdefault(f"{name}_collate", "utf8mb4_bin")
