"""docs/guides/mcp.md in a real project."""

from tests.guides.conftest import Project

VIEWS = """
import msgspec
from lback.api import describe


class Bag(msgspec.Struct):
    id: int
    colour: str


@describe(mcp=True)
def show_bag(bag_id: int) -> Bag:
    return Bag(bag_id, "red")
"""
URLS = """
from lback import path

from bags import views

show = path("/bags/{bag_id:int}", views.show_bag, ["GET"], "show_bag", requires_auth=False)
urlpatterns.append(show)
"""


def test_an_operation_of_a_project_is_offered_as_a_tool(project: Project) -> None:
    project.new_app("bags", "--minimal")
    (project.folder / "bags" / "views.py").write_text(VIEWS)
    (project.folder / "bags" / "urls.py").write_text("urlpatterns = []\n")
    project.paste("urls.py", URLS)
    project.apply("mcp")
    project.migrate()

    lines = [line.split() for line in project.lback("routes").splitlines()]
    assert [line[1] for line in lines if line[-1] == "mcp"] == ["/bags/{bag_id:int}"]
    with project.serving() as visitor:
        refused = visitor.post_json("/mcp", {}, Accept="application/json")
        assert refused.status == 401
