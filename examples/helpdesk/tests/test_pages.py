"""The pages that belong to no app."""

from lback.testing import Client


def test_the_first_page_is_for_everyone(client: Client) -> None:
    assert "What does not work?" in client.get("/").text
