"""Structs and applications for the tests of typed views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec

from lback import Application
from lback.testing import Client, ClientResponse


class BookIn(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    pages: Annotated[int, msgspec.Meta(ge=1)]
    tags: list[str] = []


class BookOut(msgspec.Struct):
    id: int
    title: str


class Refused(msgspec.Struct):
    reason: str


@dataclass
class Point:
    x: int
    y: int = 0


class Size(TypedDict):
    width: int


def build(view: Callable[..., Any], path: str = "/", **options: Any) -> Application:
    app = Application(
        DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["testserver", "localhost"]
    )
    options.setdefault("methods", ["POST"])
    app.add_route(path, view, requires_auth=False, **options)
    return app


def send(view: Callable[..., Any], body: object, **options: Any) -> ClientResponse:
    return Client(build(view, **options)).post("/", json=body)


def errors_of(response: ClientResponse) -> list[dict[str, str]]:
    assert response.status_code == 422, response.text
    found: list[dict[str, str]] = response.json()["errors"]
    return found
