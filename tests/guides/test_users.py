"""docs/guides/users.md in a real project."""

import pytest

from tests.guides.conftest import Project

PASSWORD = "correct horse battery"
MAKE = f"""
from lback.users import define_role
define_role(db_session, "editor", ["blog.publish"])
ada = app.user_manager.register(db_session, "ada", "{PASSWORD}")
grace = app.user_manager.register(db_session, "grace", "{PASSWORD}")
app.user_manager.assign_roles(db_session, grace, "editor")
db_session.commit()
"""


@pytest.fixture
def project(project: Project) -> Project:
    project.new_app("shop", "--minimal")
    project.apply("users")
    project.migrate()
    project.lback("shell", "-c", MAKE)
    return project


def test_people_sign_in_and_out_with_users_of_the_project(project: Project) -> None:
    with project.serving() as visitor:
        assert visitor.get("/me").headers["location"] == "/sign-in?next=%2Fme"
        wrong = visitor.submit("/sign-in", {"username": "ada", "password": "something else"})
        assert wrong.status == 422
        right = visitor.submit("/sign-in", {"username": "ada", "password": PASSWORD})
        assert right.headers["location"] == "/me"
        assert "Hello ada" in visitor.get("/me").text

        assert visitor.submit("/me", {}, to="/sign-out").headers["location"] == "/sign-in"
        assert visitor.get("/me").status == 302
        assert "ada" in project.lback("list_users")


def test_what_a_role_allows_is_done_and_shown_and_nothing_else(project: Project) -> None:
    with project.serving() as visitor:
        assert (
            visitor.submit("/sign-in", {}, to="/publish").headers["location"].startswith("/sign-in")
        )
        visitor.submit("/sign-in", {"username": "ada", "password": PASSWORD})
        assert "Publish" not in visitor.get("/desk").text
        assert visitor.submit("/me", {}, to="/publish").status == 403
        visitor.submit("/me", {}, to="/sign-out")
        visitor.submit("/sign-in", {"username": "grace", "password": PASSWORD})
        assert visitor.submit("/desk", {}, to="/publish").text == "published"


def test_the_account_pages_know_users_of_the_project(project: Project) -> None:
    project.apply("accounts")
    with project.serving(LOGIN_URL="") as visitor:
        visitor.submit("/accounts/sign-in", {"username": "ada", "password": PASSWORD})
        assert "ada" in visitor.get("/accounts/").text
