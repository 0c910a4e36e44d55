"""The table of requests with an `Idempotency-Key`."""

from sqlalchemy import Double, LargeBinary, String, Text
from sqlalchemy.dialects.mysql import MEDIUMBLOB
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base

# A BLOB of MySQL has at most 64 kB.
_BYTES = LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")


class IdempotencyRecord(Base):
    """A request with an idempotency key, and its answer once it has one.

    Attributes:
        key: Hash of the caller and the key.
        fingerprint: Hash of method, URL and body.
        claim: Random text of the request that runs or has run.
        runs_until: When a repetition may take over, in seconds since the epoch.
        ends_at: When the record is forgotten, in seconds since the epoch.
        status: Status of the answer; None while the request runs.
        headers: Header fields of the answer, as JSON.
        body: Body of the answer.
    """

    __tablename__ = "lback_idempotency_keys"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    claim: Mapped[str] = mapped_column(String(32))
    runs_until: Mapped[float] = mapped_column(Double)
    ends_at: Mapped[float] = mapped_column(Double, index=True)
    status: Mapped[int | None]
    headers: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes | None] = mapped_column(_BYTES)
