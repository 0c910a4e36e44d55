"""docs/guides/routing.md in a real project."""

from tests.guides.conftest import Project


def test_an_app_brings_its_routes_and_a_converter(project: Project) -> None:
    project.lback("new", "app", "blog", "--minimal")
    project.apply("routing")
    with project.serving() as visitor:
        day = visitor.get("/blog/diary/2026-11-25")
        assert day.json() == {"day": "Wednesday", "post": "/blog/posts/7"}
        assert visitor.get("/blog/diary/2026-13-45").status == 404
        assert visitor.get("/blog/posts/7").text == "Post 7"
        refused = visitor.post("/blog/posts/7")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
