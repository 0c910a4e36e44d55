"""docs/guides/forms.md in a real project."""

import pytest

from tests.guides.conftest import Project


@pytest.fixture
def project(project: Project) -> Project:
    project.new_app("shop", "--minimal")
    project.apply("forms")
    project.migrate()
    return project


def test_a_form_is_shown_refused_and_taken(project: Project) -> None:
    sent = {"name": "<Nobody>", "email": "ada", "message": "Hello"}
    with project.serving() as visitor:
        refused = visitor.submit("/contact", sent)
        assert refused.status == 422
        assert "Please write an email address" in refused.text
        assert "&lt;Nobody&gt;" in refused.text

        sent |= {"name": "Ada", "email": "ada@example.org", "terms": "on"}
        taken = visitor.submit("/contact", sent)
        assert (taken.status, taken.headers["location"]) == (303, "/contact")
        assert "Thank you, Ada." in visitor.get("/contact").text

        forged = visitor.post("/contact", sent, Origin="https://evil.example")
        assert forged.status == 403


def test_a_row_and_the_rows_that_belong_to_it_are_changed_in_one_form(project: Project) -> None:
    with project.serving() as visitor:
        added = visitor.submit("/shop/shelves", {"place": "Hall"})
        assert (added.status, added.headers["location"]) == (303, "/shop/shelves/1")
        again = visitor.submit("/shop/shelves", {"place": "Hall"})
        assert again.status == 422
        assert "This value is already in use. Please choose another one." in again.text

        two = {"volumes-count": "2", "volumes-0-title": "Emma", "volumes-1-title": "Persuasion"}
        shelf = "/shop/shelves/1"
        assert visitor.submit(shelf, {"place": "Attic", **two}).status == 303
        page = visitor.get(shelf).text
        for value in ("Attic", "Emma", "Persuasion"):
            assert f'value="{value}"' in page
        nameless = {"place": "", "volumes-count": "0"}
        assert visitor.submit(shelf, nameless).status == 422
        assert visitor.get("/shop/shelves/2").status == 404
