"""Database model of the admin history."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base, utc_now

LONGEST_LABEL = 200


class AdminEntry(Base):
    """An entry of the admin history: who did what to which row. Entries are never changed.

    It stores names besides keys, so that it stays readable after user and row were deleted.
    `section` is the slug of the registered model.
    """

    __tablename__ = "lback_admin_history"
    __table_args__ = (Index("ix_lback_admin_history_row", "section", "row_key", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    user_id: Mapped[int | None]
    user_name: Mapped[str] = mapped_column(String(LONGEST_LABEL))
    action: Mapped[str] = mapped_column(String(LONGEST_LABEL))
    section: Mapped[str] = mapped_column(String(100))
    row_key: Mapped[str] = mapped_column(String(500))
    row_label: Mapped[str] = mapped_column(String(LONGEST_LABEL))
    changes: Mapped[str] = mapped_column(Text, default="[]")

    @property
    def changed(self) -> list["Change"]:
        """The changed fields."""
        return [Change(*item) for item in json.loads(self.changes)]


@dataclass(frozen=True, slots=True)
class Change:
    """A changed field with its values before and after, as text."""

    field: str
    before: str
    after: str
