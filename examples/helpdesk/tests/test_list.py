"""The list of tickets, as its readers meet it."""

import pytest
from lback.testing import Client
from lback.users import User
from sqlalchemy.orm import Session

from tests.factories import new_ticket


@pytest.fixture(autouse=True)
def twelve_tickets(db_session: Session, ada: User) -> None:
    """Have two pages of tickets."""
    titles = ["The lamp is <b>broken</b>", *(f"Door {number}" for number in range(11))]
    db_session.add_all([new_ticket(title=title, customer=ada) for title in titles])
    db_session.commit()


def test_the_list_has_pages(client: Client) -> None:
    first = client.get("/tickets/").text
    assert "Page 1 of 2 ·" in first
    assert "12 tickets" in first
    assert "Page 2 of 2" in client.get("/tickets/?page=2").text


def test_a_search_finds_part_of_a_title(client: Client) -> None:
    found = client.get("/tickets/?q=LAMP").text
    assert "The lamp is &lt;b&gt;broken&lt;/b&gt;" in found
    assert "1 ticket\n" in found


@pytest.mark.parametrize("query", ["page=abc", "page=-1", "page=9", "q=%25", "q=a&q=b"])
def test_any_query_is_answered(client: Client, query: str) -> None:
    assert client.get(f"/tickets/?{query}").status_code == 200
