"""Tickets, as programs read and write them."""

import pytest
from lback import Application
from lback.testing import Client
from lback.users import User
from sqlalchemy.orm import Session

from tests.factories import new_ticket
from tickets.models import Ticket


def program_of(app: Application, session: Session, user: User) -> Client:
    """Return a program with a key, which no cookie signs in and every check is made for."""
    key, _ = app.dependencies["api_key_manager"].create(session, user, "a test")
    session.commit()
    return Client(app, enforce_csrf=True, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def program(app: Application, db_session: Session, ada: User) -> Client:
    """A program of a customer."""
    return program_of(app, db_session, ada)


def test_a_program_adds_a_ticket_and_reads_it(program: Client) -> None:
    sent = {"title": "The lamp is broken", "body": "It flickers."}
    answer = program.post("/api/tickets", json=sent)
    assert answer.status_code == 201
    added = answer.json()

    assert program.get("/api/tickets?q=LAMP&is_open=true").json()["items"] == [added]
    assert program.get("/api/tickets?is_open=false").json()["items"] == []
    assert program.get(answer.headers["location"]).json() == added


def test_a_list_has_pages(program: Client, db_session: Session, ada: User) -> None:
    db_session.add_all([new_ticket(title=f"Door {number}", customer=ada) for number in range(3)])
    db_session.commit()

    first = program.get("/api/tickets?limit=2&ordering=title&total=true").json()
    assert [item["title"] for item in first["items"]] == ["Door 0", "Door 1"]
    assert first["total"] == 3
    following = f"/api/tickets?limit=2&ordering=title&cursor={first['next']}"
    (last,) = program.get(following).json()["items"]
    assert last["title"] == "Door 2"


def test_what_is_wrong_is_said_by_place(program: Client) -> None:
    answer = program.post("/api/tickets", json={"title": 7})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/title", "/body"]


def test_a_key_opens_what_its_owner_may_see(
    program: Client, db_session: Session, grace: User
) -> None:
    ticket = new_ticket(customer=grace)
    db_session.add(ticket)
    db_session.commit()

    assert program.get(f"/api/tickets/{ticket.id}").status_code == 404
    assert program.get("/api/tickets").json()["items"] == []


def test_support_closes_a_ticket(
    app: Application, program: Client, db_session: Session, sam: User, ticket: Ticket
) -> None:
    path = f"/api/tickets/{ticket.id}"
    assert program.patch(path, json={"is_open": False}).status_code == 403

    answer = program_of(app, db_session, sam).patch(path, json={"is_open": False})
    assert (answer.status_code, answer.json()["is_open"]) == (200, False)


def test_without_a_good_key_nothing_is_told(app: Application) -> None:
    assert Client(app).get("/api/tickets").status_code == 401
    wrong = {"Authorization": "Bearer lbk_wrong"}
    assert Client(app).get("/api/tickets", headers=wrong).status_code == 401
