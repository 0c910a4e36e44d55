"""docs/guides/api.md in a real project."""

from typing import Any

from tests.guides.conftest import Project, Visitor

JSON = {"Accept": "application/json"}


def change(visitor: Visitor, path: str, body: bytes) -> Any:
    fields = {"Content-Type": "application/json", **JSON}
    return visitor.send("PATCH", path, body, **fields)


def test_a_model_has_an_api(project: Project) -> None:
    project.new_app("library", "--minimal")
    project.apply("api")
    project.migrate()
    with project.serving() as visitor:
        created = visitor.post_json("/library/books", {"title": "Emma", "price": "7.50"}, **JSON)
        assert (created.status, created.json()) == (
            201,
            {"id": 1, "title": "Emma", "price": "7.50"},
        )
        listed = visitor.get("/library/books?title=Em", **JSON)
        assert listed.json() == [created.json()]
        wrong = visitor.post_json("/library/books", {"titel": "x", "price": 1}, **JSON)
        assert wrong.status == 422
        assert wrong.headers["content-type"] == "application/problem+json"
        assert [error["pointer"] for error in wrong.json()["errors"]] == ["/title", "/titel"]
        changed = change(visitor, "/library/books/1", b'{"title": "Persuasion"}')
        assert changed.json()["title"] == "Persuasion"
        assert change(visitor, "/library/books/2", b"{}").status == 404
        secret = change(visitor, "/library/books/1", b'{"supplier_token": "x"}')
        assert secret.status == 422
