"""docs/guides/database.md in a real project."""

from tests.guides.conftest import Project


def test_a_request_is_a_unit_of_work(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("database")
    project.migrate()
    with project.serving() as visitor:
        added = visitor.post("/shop/books", {"title": "Emma"})
        assert (added.status, added.json()) == (201, {"id": 1})
        assert visitor.get("/shop/books/1").json() == {"title": "Emma"}
        assert visitor.get("/shop/books/2").status == 404
        assert visitor.post("/shop/books/1/lend").json() == {"left": 0}
        assert visitor.post("/shop/books/1/lend").status == 404
