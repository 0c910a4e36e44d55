"""The pages in other languages."""

import pytest
from lback.testing import Client

from tickets.models import Ticket


@pytest.mark.parametrize(
    ("code", "direction", "question"),
    [
        ("en", "ltr", "What does not work?"),
        ("de", "ltr", "Was funktioniert nicht?"),
        ("ar", "rtl", "ما الذي لا يعمل؟"),
    ],
)
def test_a_page_is_in_the_language_of_the_browser(
    client: Client, code: str, direction: str, question: str
) -> None:
    page = client.get("/", headers={"Accept-Language": code})

    assert f'<html lang="{code}" dir="{direction}">' in page.text
    assert question in page.text


def test_visitors_choose_a_language(client: Client, ticket: Ticket) -> None:
    answer = client.post("/language/", data={"language": "de", "next": "/tickets/"})
    assert answer.headers["location"] == "/tickets/"

    assert "Seite 1 von 1 ·" in client.get("/tickets/").text
    page = client.get(f"/tickets/{ticket.id}").text
    assert "offen" in page
    assert "Priorität: Normal" in page


def test_what_is_wrong_is_said_in_the_language_of_the_form(client: Client) -> None:
    sent = {"title": "It is broken", "body": "It is broken"}
    page = client.post("/tickets/new", data=sent, headers={"Accept-Language": "de"})

    assert "mit anderen Worten als im Titel" in page.text
