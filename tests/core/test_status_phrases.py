"""Phrases of statuses are those of RFC 9110, whatever the version of Python."""

import pytest

from lback import Application
from lback.core.exceptions import HTTPException
from lback.testing import Client


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (422, "Unprocessable Content"),
    ],
)
def test_a_status_has_the_phrase_of_the_standard(status: int, phrase: str) -> None:
    app = Application(DEBUG=True, API_PREFIXES=["/api/"])

    @app.route("/api/refuse", requires_auth=False)
    def refuse() -> None:
        raise HTTPException("Not this one.", status)

    answer = Client(app).get("/api/refuse")
    assert answer.status_code == status
    assert answer.json()["title"] == phrase
