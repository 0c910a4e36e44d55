"""docs/guides/openapi.md in a real project."""

import json

from tests.guides.conftest import Project

VIEWS = """
class Bag(msgspec.Struct):
    id: int
    colour: str


class NewBag(msgspec.Struct, forbid_unknown_fields=True):
    colour: Annotated[str, msgspec.Meta(max_length=9)]


def show_bag(bag_id: int) -> Bag:
    if bag_id > 1000:
        raise NotFound
    return Bag(bag_id, "red")


@permission_required("books.add")
def add_bag(request: Request, bag: NewBag) -> Annotated[Bag, Status(201)]:
    return Bag(1, bag.colour)
"""
HEAD = """
from typing import Annotated

import msgspec
from lback import NotFound, Request
from lback.api import Status
from lback.auth import permission_required


"""
URLS = """
from lback import path

from bags import views

urlpatterns += [
    path("/api/bags/{bag_id:int}", views.show_bag, ["GET"], "show_bag", requires_auth=False),
    path("/api/bags", views.add_bag, ["POST"], "add_bag"),
]
"""


def test_an_api_is_documented_locked_and_tested(project: Project) -> None:
    project.new_app("bags", "--minimal")
    (project.folder / "bags" / "views.py").write_text(HEAD + VIEWS)
    (project.folder / "bags" / "urls.py").write_text("urlpatterns = []\n")
    project.paste("urls.py", URLS)
    project.apply("openapi")
    project.migrate()

    assert "2 operations" in project.lback("openapi", "--lock")
    assert "No change" in project.lback("openapi", "--audit")
    with project.serving() as visitor:
        assert visitor.get("/api/docs/openapi.json", Accept="application/json").status == 401
        assert visitor.get("/api/docs/static/docs.css").status == 200
        found = visitor.get("/api/bags/7", Accept="application/json")
        assert found.json() == {"id": 7, "colour": "red"}
    assert "1 passed" in project.lback("test", "tests/test_contract.py")
    document = json.loads(project.lback("openapi"))
    assert list(document["webhooks"]) == ["bag-sold"]
    assert document["info"] == {"title": "Shop", "version": "1.0"}
