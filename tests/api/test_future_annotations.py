"""Annotations that are text, as `from __future__ import annotations` leaves them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lback import Application, Request
from lback.api import Query, Status
from lback.testing import Client


class Note(msgspec.Struct):
    text: str


def create(
    request: Request, note: Note, tags: Annotated[list[int], Query()]
) -> Annotated[Note, Status(201)]:
    return Note(f"{note.text} {tags}")


def test_annotations_are_resolved() -> None:
    app = Application()
    app.add_route("/", create, ["POST"], requires_auth=False)
    answer = Client(app).post("/?tags=1&tags=2", json={"text": "Hello"})
    assert (answer.status_code, answer.json()) == (201, {"text": "Hello [1, 2]"})


def test_local_names_are_resolved_too() -> None:
    class Local(msgspec.Struct):
        text: str

    def view(local: Local) -> Local:
        assert isinstance(local, Local)
        return local

    app = Application()
    app.add_route("/", view, ["POST"], requires_auth=False)
    assert Client(app).post("/", json={"text": "Hello"}).json() == {"text": "Hello"}
