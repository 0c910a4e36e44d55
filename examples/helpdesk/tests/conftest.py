"""The people that tests meet."""

import pytest
from lback import Application
from lback.testing import Client
from lback.users import User, define_role
from sqlalchemy.orm import Session

from tests.factories import new_ticket
from tickets.models import ANSWER, Ticket


def register(app: Application, session: Session, name: str) -> User:
    """Return a new user."""
    email = f"{name}@example.org"
    user = app.user_manager.register(session, name, "correct horse battery", email)
    session.commit()
    return user


@pytest.fixture
def ada(app: Application, db_session: Session) -> User:
    """A customer."""
    return register(app, db_session, "ada")


@pytest.fixture
def grace(app: Application, db_session: Session) -> User:
    """Another customer."""
    return register(app, db_session, "grace")


@pytest.fixture
def sam(app: Application, db_session: Session) -> User:
    """Support."""
    user = register(app, db_session, "sam")
    define_role(db_session, "support", [ANSWER])
    app.user_manager.assign_roles(db_session, user, "support")
    db_session.commit()
    return user


@pytest.fixture
def ticket(db_session: Session, ada: User) -> Ticket:
    """A ticket of ada."""
    ticket = new_ticket(customer=ada)
    db_session.add(ticket)
    db_session.commit()
    return ticket


@pytest.fixture
def client(client: Client, ada: User) -> Client:
    """The client of Lback, signed in as a customer."""
    client.force_login(ada)
    return client
