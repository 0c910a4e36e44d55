"""docs/guides/performance.md in a real project."""

from tests.guides.conftest import Project


def test_a_browser_is_told_what_took_how_long(project: Project) -> None:
    project.apply("performance")
    with project.serving("serve", "--force", "--workers", "1", DEBUG="true") as visitor:
        visitor.get("/")
        steps = visitor.get("/").headers["server-timing"]
        assert "SessionMiddleware.response;dur=" in steps


def test_in_production_nothing_is_told(project: Project) -> None:
    project.apply("performance")
    with project.serving() as visitor:
        visitor.get("/")
        assert "server-timing" not in visitor.get("/").headers
