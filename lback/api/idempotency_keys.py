"""Idempotency keys in a database table: a repeated request gets the answer of the first one."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import TypeVar

from sqlalchemy import Delete, Update, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lback.api.idempotency_record import IdempotencyRecord
from lback.api.problems import Problem
from lback.core.response import Response
from lback.database import DatabaseManager
from lback.database.own_table import OwnTable

# How long a request may take before a repetition assumes that its process has died.
SECONDS_TO_RUN = 60.0
SECONDS_BETWEEN_CLEANINGS = 600.0
MISSING = "the table lback_idempotency_keys is missing; run: lback makemigrations && lback migrate"

_OTHER_REQUEST = (
    "This Idempotency-Key was used for another request. Send a new key with a new request."
)
_RUNNING = "The first request with this Idempotency-Key is still running. Try again in a moment."
_TAKEN_OVER = "A repetition of this request has taken over, because it ran for too long."


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run the request of a key."""

    key: str
    claim: str


class IdempotencyKeys:
    """Keys of requests in the table `lback_idempotency_keys`.

    A request claims its key in a transaction of its own, and stores its answer in the transaction
    of its changes: both are committed or neither is. So a request whose process dies may be
    repeated: what it did is not committed if its answer is not.

    Args:
        db_manager: Opens database sessions.
        create_table: Create the table if it is missing, for applications without migrations.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self,
        db_manager: DatabaseManager,
        *,
        create_table: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db_manager = db_manager
        self._table = OwnTable(db_manager, IdempotencyRecord, create=create_table, missing=MISSING)
        self._clock = clock
        self._cleaned_at = 0.0

    def begin(self, key: str, fingerprint: str, max_age: float) -> Claim | Response:
        """Claim a key, or return the answer of the first request with it.

        Args:
            key: Hash of the caller and the key.
            fingerprint: Hash of method, URL and body.
            max_age: Seconds for which the answer is kept.

        Raises:
            Problem: 422 if the key was used for another request, 409 while the first one runs.
        """
        found: Claim | Response | None = None
        while found is None:
            # Another request may claim, release or finish the key in between.
            found = self._table.run(lambda: self._tried(key, fingerprint, max_age))
        return found

    def _tried(self, key: str, fingerprint: str, max_age: float) -> Claim | Response | None:
        claim, now = Claim(key, token_hex(16)), self._clock()
        with self._db_manager.session() as session:
            self._clean(session, now)
            record = session.get(IdempotencyRecord, key)
            if record is None or record.ends_at <= now:
                return self._inserted(session, record, claim, fingerprint, now, max_age)
            if record.fingerprint != fingerprint:
                raise Problem(422, title="Idempotency-Key was used before", detail=_OTHER_REQUEST)
            if record.status is not None:
                return _answer(record)
            if record.runs_until > now:
                fields = {"Retry-After": "1"}
                raise Problem(409, title="Still running", detail=_RUNNING, headers=fields)
            return self._taken_over(session, record, claim, now)

    def _inserted(
        self,
        session: Session,
        old: IdempotencyRecord | None,
        claim: Claim,
        fingerprint: str,
        now: float,
        max_age: float,
    ) -> Claim | None:
        if old is not None:
            session.execute(_this(delete(IdempotencyRecord), old.key, old.claim))
            session.expunge(old)
        session.add(
            IdempotencyRecord(
                key=claim.key,
                fingerprint=fingerprint,
                claim=claim.claim,
                runs_until=now + SECONDS_TO_RUN,
                ends_at=now + max_age,
            )
        )
        try:
            session.flush()
        except IntegrityError:
            session.rollback()
            return None
        return claim

    def _taken_over(
        self, session: Session, record: IdempotencyRecord, claim: Claim, now: float
    ) -> Claim | None:
        statement = _this(update(IdempotencyRecord), record.key, record.claim)
        statement = statement.where(IdempotencyRecord.status.is_(None)).values(
            claim=claim.claim, runs_until=now + SECONDS_TO_RUN
        )
        return claim if session.connection().execute(statement).rowcount else None

    def finish(self, session: Session, claim: Claim, response: Response) -> None:
        """Store the answer of a request, in the transaction of its changes.

        Args:
            session: Database session of the request.
            claim: What `begin` returned.
            response: A complete response; cookies are not stored.

        Raises:
            Problem: 409, a repetition has taken over; this request must not commit.
        """
        _, fields, body = response.get_wsgi_response()
        kept = [(n, v) for n, v in fields if n.lower() not in ("set-cookie", "content-length")]
        statement = _this(update(IdempotencyRecord), claim.key, claim.claim).values(
            status=response.status_code,
            headers=json.dumps(kept),
            body=b"".join(body),
        )
        session.flush()
        if not session.connection().execute(statement).rowcount:
            raise Problem(409, detail=_TAKEN_OVER)

    def release(self, claim: Claim) -> None:
        """Give a key back after a request that failed, so that it can be repeated.

        On SQLite the changes of the request must be rolled back before.
        """
        with self._db_manager.session() as session:
            statement = _this(delete(IdempotencyRecord), claim.key, claim.claim)
            session.execute(statement.where(IdempotencyRecord.status.is_(None)))

    def _clean(self, session: Session, now: float) -> None:
        if now - self._cleaned_at >= SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = now
            session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.ends_at <= now))


W = TypeVar("W", Update, Delete)


def _this(statement: W, key: str, claim: str) -> W:
    return statement.where(IdempotencyRecord.key == key, IdempotencyRecord.claim == claim)


def _answer(record: IdempotencyRecord) -> Response:
    fields: list[tuple[str, str]] = json.loads(record.headers or "[]")
    assert record.status is not None  # noqa: S101  the caller has checked
    response = Response(record.body or b"", record.status)
    for name, value in fields:
        response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response
