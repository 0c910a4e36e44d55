"""docs/guides/api-errors.md in a real project."""

from tests.guides.conftest import Project

ANY = {"Accept": "*/*"}


def test_errors_below_a_prefix_are_problem_details(project: Project) -> None:
    project.apply("api-errors")
    with project.serving() as visitor:
        sold = visitor.get("/api/stock/7", **ANY)
        assert sold.headers["content-type"] == "application/problem+json"
        found = sold.json()
        found.pop("instance", None)
        assert found == {
            "type": "about:blank",
            "title": "Sold out",
            "status": 409,
            "detail": "Emma is sold out.",
            "book_id": 7,
        }
        assert visitor.get("/api/stock/8", **ANY).json()["detail"] == "There is no book 8."
        assert visitor.get("/api/nothing", **ANY).json()["status"] == 404
        assert visitor.get("/api/nothing").headers["content-type"].startswith("text/html")
        assert "json" not in visitor.get("/nothing", **ANY).headers["content-type"]
