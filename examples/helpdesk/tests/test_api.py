"""Tickets, as programs read and write them."""

import pytest
from lback import Application
from lback.testing import Client
from lback.users import User
from sqlalchemy.orm import Session

from tests.factories import new_ticket


@pytest.fixture
def program(app: Application, client: Client, db_session: Session, ada: User) -> Client:
    """A program with a key of ada, which no cookie signs in and every check is made for."""
    key, _ = app.dependencies["api_key_manager"].create(db_session, ada, "a test")
    db_session.commit()
    return Client(app, enforce_csrf=True, headers={"Authorization": f"Bearer {key}"})


def test_a_program_adds_a_ticket_and_reads_it(program: Client) -> None:
    sent = {"title": "The lamp is broken", "body": "It flickers."}
    answer = program.post("/api/tickets/", json=sent)
    assert answer.status_code == 201
    added = answer.json()

    assert program.get("/api/tickets/?q=lamp").json()["tickets"] == [added]
    assert program.get(f"/api/tickets/{added['id']}").json() == {**added, "comments": []}


def test_what_is_wrong_is_said_by_field(program: Client) -> None:
    answer = program.post("/api/tickets/", json={"title": 7})

    assert answer.status_code == 400
    assert set(answer.json()["data"]["details"]) == {"title", "body"}


def test_a_key_opens_what_its_owner_may_see(
    program: Client, db_session: Session, grace: User
) -> None:
    ticket = new_ticket(customer=grace)
    db_session.add(ticket)
    db_session.commit()

    assert program.get(f"/api/tickets/{ticket.id}").status_code == 403
    assert program.get("/api/tickets/").json()["total"] == 0


def test_without_a_good_key_nothing_is_told(app: Application, client: Client) -> None:
    assert Client(app).get("/api/tickets/").status_code == 401
    wrong = {"Authorization": "Bearer lbk_wrong"}
    assert Client(app).get("/api/tickets/", headers=wrong).status_code == 401
