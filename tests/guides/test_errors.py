"""docs/guides/errors.md in a real project."""

from tests.guides.conftest import Project


def test_errors_become_pages_for_people_and_json_for_programs(project: Project) -> None:
    project.apply("errors")
    with project.serving() as visitor:
        assert visitor.get("/books/1").text == "Emma"
        missing = visitor.get("/books/2")
        assert missing.status == 404
        assert "There is no book 2. <a href=" in missing.text
        assert "<title>corner</title>" in missing.text  # the frame of the project
        busy = visitor.get("/books/7")
        assert busy.status == 503
        as_json = visitor.get("/books/2", Accept="application/json")
        assert as_json.json() == {"data": {"error": "There is no book 2.", "details": None}}


def test_a_handler_of_the_project_answers_its_errors(project: Project) -> None:
    project.apply("errors")
    with project.serving() as visitor:
        answer = visitor.get("/buy/1")
        assert (answer.status, answer.json()) == (409, {"sold_out": "Emma"})
