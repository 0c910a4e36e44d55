"""A POST that is repeated with its `Idempotency-Key` is done once, on every database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import msgspec
import pytest
from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, Response
from lback.api import Problem, idempotent
from lback.api.idempotency_keys import (
    SECONDS_TO_RUN,
    Claim,
    IdempotencyKeys,
)
from lback.api.idempotency_record import IdempotencyRecord
from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.testing import Client

REQUESTS = 6


class Payment(Base):
    __tablename__ = "api_payments"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(40))


class Amount(msgspec.Struct):
    amount: int


class Receipt(msgspec.Struct):
    amount: int
    number: int


class Shop:
    """An application whose payments can be held up, and its database."""

    def __init__(self, database: DatabaseManager) -> None:
        self.database = database
        url = database.url.render_as_string(False)
        self.app = Application(DATABASE_URL=url, SECRET_KEY="k" * 40)
        self.started, self.go_on = Event(), Event()
        self.go_on.set()

        @idempotent()
        def pay(request: Any, db_session: Any) -> Any:
            return self.pay(request, db_session)

        @idempotent(required=True, max_age=timedelta(hours=1))
        def strict(request: Any, db_session: Any) -> Any:
            return self.pay(request, db_session)

        @idempotent()
        def typed(body: Amount, db_session: Any) -> Receipt:
            db_session.add(Payment(note=str(body.amount)))
            db_session.flush()
            return Receipt(body.amount, self.count())

        for path, view in (("/pay", pay), ("/strict", strict), ("/typed", typed)):
            self.app.add_route(path, view, ["POST"], requires_auth=False)

    def pay(self, request: Any, db_session: Any) -> Any:
        note = request.body_text or ""
        payment = Payment(note=note)
        db_session.add(payment)
        db_session.flush()
        self.started.set()
        assert self.go_on.wait(30)
        if note == "refused":
            raise Problem(422, detail="Refused.")
        if note == "conflict":
            return {"error": True}, 409
        response = Response(f'{{"id": {payment.id}}}', 201, content_type="application/json")
        response.headers["Location"] = f"/payments/{payment.id}"
        response.set_cookie("seen", "1")
        return response

    def count(self) -> int:
        with self.database.session() as session:
            return session.scalar(select(func.count()).select_from(Payment)) or 0


@pytest.fixture
def shop(database: DatabaseManager) -> Iterator[Shop]:
    shop = Shop(database)
    yield shop
    shop.app.db_manager.dispose()


def pay(shop: Shop, key: str | None, body: str = "tea", url: str = "/pay") -> Any:
    fields = {"Content-Type": "text/plain"} | ({} if key is None else {"Idempotency-Key": key})
    return Client(shop.app).post(url, data=body.encode(), headers=fields)


def test_a_repetition_gets_the_first_answer(shop: Shop) -> None:
    first, second = pay(shop, '"key-1"'), pay(shop, "key-1")
    assert (first.status_code, first.body) == (second.status_code, second.body)
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert "set-cookie" not in second.headers
    assert shop.count() == 1


def test_typed_views_are_repeated_alike(shop: Shop) -> None:
    client, fields = Client(shop.app), {"Idempotency-Key": "typed"}
    wrong = client.post("/typed", json={"amount": "x"}, headers=fields)
    assert wrong.status_code == 422
    first = client.post("/typed", json={"amount": 5}, headers=fields)
    second = client.post("/typed", json={"amount": 5}, headers=fields)
    assert first.json() == second.json() == {"amount": 5, "number": 0}
    assert second.headers["idempotency-replayed"] == "true"
    assert shop.count() == 1


def test_without_a_key_each_request_is_done(shop: Shop) -> None:
    pay(shop, None)
    pay(shop, None)
    assert shop.count() == 2


def test_another_key_is_another_request(shop: Shop) -> None:
    pay(shop, "a")
    pay(shop, "b")
    assert shop.count() == 2


@pytest.mark.parametrize(
    ("body", "url"), [("coffee", "/pay"), ("tea", "/pay?x=1"), ("tea", "/strict")]
)
def test_a_key_is_for_one_request(shop: Shop, body: str, url: str) -> None:
    pay(shop, "key")
    assert pay(shop, "key", body, url).status_code == 422
    assert shop.count() == 1


@pytest.mark.parametrize("key", ['""', "é", "a b", '"a', "x" * 256, "\x7f"])
def test_a_malformed_key_is_refused(shop: Shop, key: str) -> None:
    assert pay(shop, key).status_code == 400
    assert shop.count() == 0


def test_a_key_may_be_required(shop: Shop) -> None:
    assert pay(shop, None, url="/strict").status_code == 400
    assert pay(shop, "key", url="/strict").status_code == 201


@pytest.mark.parametrize("body", ["refused", "conflict"])
def test_what_failed_may_be_repeated(shop: Shop, body: str) -> None:
    statuses = {pay(shop, "key", body).status_code for _ in range(2)}
    assert statuses == {422 if body == "refused" else 409}
    assert pay(shop, "key", "tea").status_code == 201
    assert shop.count() == 1


def test_a_repetition_while_the_first_one_runs_is_refused(shop: Shop) -> None:
    shop.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(pay, shop, "key")
        assert shop.started.wait(30)
        second = pay(shop, "key")
        other = pay(shop, "key", "coffee")
        shop.go_on.set()
        assert first.result().status_code == 201
    assert second.status_code == 409
    assert second.headers["retry-after"] == "1"
    assert other.status_code == 422
    assert pay(shop, "key").headers["idempotency-replayed"] == "true"
    assert shop.count() == 1


def test_of_many_at_once_one_is_done(shop: Shop) -> None:
    barrier = Barrier(REQUESTS)

    def send(_: int) -> Any:
        barrier.wait(30)
        return pay(shop, "key")

    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(pool.map(send, range(REQUESTS)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status_code == 201}) == 1
    assert shop.count() == 1


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_request_whose_process_died_is_taken_over_and_cannot_commit(
    database: DatabaseManager,
) -> None:
    clock = Clock()
    keys = IdempotencyKeys(database, clock=clock)
    first = keys.begin("k", "f", 3600)
    assert isinstance(first, Claim)
    with pytest.raises(Problem, match="still running"):
        keys.begin("k", "f", 3600)
    clock.now += SECONDS_TO_RUN
    second = keys.begin("k", "f", 3600)
    assert isinstance(second, Claim)
    with pytest.raises(Problem, match="taken over"), database.session() as session:
        session.add(Payment(note="late"))
        keys.finish(session, first, Response("late", 201))
    keys.release(first)  # without effect: it is not its own any more
    with database.session() as session:
        keys.finish(session, second, Response("done", 201))
        assert session.scalar(select(func.count()).select_from(Payment)) == 0
    answer = keys.begin("k", "f", 3600)
    assert isinstance(answer, Response)
    assert (answer.status_code, answer.body) == (201, b"done")


def test_an_answer_is_forgotten_after_its_age(database: DatabaseManager) -> None:
    clock = Clock()
    keys = IdempotencyKeys(database, clock=clock)
    claim = keys.begin("k", "f", 100)
    assert isinstance(claim, Claim)
    with database.session() as session:
        keys.finish(session, claim, Response("done", 200))
    keys.begin("other", "f", 10)
    clock.now += 100
    assert isinstance(keys.begin("k", "g", 100), Claim)
    clock.now += 700
    keys.begin("new", "f", 10)
    with database.session() as session:
        assert session.scalars(select(IdempotencyRecord.key)).all() == ["new"]


def test_callers_do_not_meet(shop: Shop) -> None:
    class Someone:
        is_authenticated = True

        def __init__(self, number: int) -> None:
            self.id = number

    class SignIn:
        sets_user = True

        def process_request(self, request: Any) -> None:
            number = request.get_header("X-User")
            request.user = None if number is None else Someone(int(number))

        def process_response(self, request: Any, response: Any) -> Any:
            return response

    shop.app.add_middleware(SignIn())
    client = Client(shop.app)
    for fields in ({}, {"X-User": "1"}, {"X-User": "2"}):
        sent = {"Idempotency-Key": "same", "Content-Type": "text/plain", **fields}
        assert client.post("/pay", data=b"tea", headers=sent).status_code == 201
        assert client.post("/pay", data=b"tea", headers=sent).headers["idempotency-replayed"]
    assert shop.count() == 3


def test_the_table_is_created_without_migrations_and_named_with_them(
    new_database_url: str,
) -> None:
    database = DatabaseManager.from_url(new_database_url)
    try:
        with pytest.raises(ConfigurationError, match="lback makemigrations"):
            IdempotencyKeys(database, create_table=False).begin("k", "f", 10)
        assert isinstance(IdempotencyKeys(database).begin("k", "f", 10), Claim)
    finally:
        database.dispose()
