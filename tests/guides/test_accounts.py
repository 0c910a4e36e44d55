"""docs/guides/accounts.md in a real project."""

import re

from tests.guides.conftest import Files, Project, Visitor

PASSWORD = "correct horse battery"


def link_in_mail(project: Files, number: int) -> str:
    """Return the path that a mail leads to."""
    text = project.mails(number)[-1].get_content()
    found = re.search(r"http://localhost:\d+(/\S+)", text)
    assert found, text
    return found[1]


def sign_up(project: Files, visitor: Visitor, address: str) -> None:
    assert visitor.submit("/accounts/sign-up", {"email": address}).status == 202
    finish = link_in_mail(project, 1)
    assert visitor.submit(finish, {"password": PASSWORD}).status == 303


def test_a_visitor_signs_up_out_in_and_changes_the_password(project: Project) -> None:
    project.apply("accounts")
    with project.serving(MAIL_BACKEND="file") as visitor:
        account = visitor.get("/accounts/")
        assert account.headers["location"] == "/accounts/sign-in?next=%2Faccounts%2F"
        sign_up(project, visitor, "ada@example.org")
        assert "ada@example.org" in visitor.get("/accounts/").text

        assert visitor.submit("/accounts/", {}, to="/accounts/sign-out").status == 303
        assert visitor.get("/accounts/").status == 302
        wrong = {"username": "ada@example.org", "password": "not this one"}
        assert visitor.submit("/accounts/sign-in", wrong).status == 422
        right = {"username": "ada@example.org", "password": PASSWORD}
        assert visitor.submit("/accounts/sign-in", right).headers["location"] == "/accounts/"

        new = {"current_password": PASSWORD, "password": "battery staple horse"}
        assert visitor.submit("/accounts/password", new).status == 303
        assert visitor.get("/accounts/").status == 200

        visitor.submit("/accounts/", {}, to="/accounts/sign-out")
        assert visitor.submit("/accounts/forgot", {"email": "ada@example.org"}).status == 202
        again = visitor.submit(link_in_mail(project, 3), {"password": "staple horse battery"})
        assert again.status == 303


def test_a_program_is_answered_in_json_by_the_same_addresses(project: Project) -> None:
    project.apply("accounts")
    with project.serving(MAIL_BACKEND="file") as visitor:
        sign_up(project, visitor, "ada@example.org")
        found = visitor.get("/accounts/", Accept="application/json").json()["data"]
        assert found["user"]["username"] == "ada@example.org"
        assert found["csrf_token"]


def test_a_template_of_the_project_takes_the_place_of_ours(project: Project) -> None:
    project.apply("accounts")
    project.paste("templates/accounts/sign_in.html", "<form>{{ csrf_input }} ours</form>")
    with project.serving() as visitor:
        assert " ours</form>" in visitor.get("/accounts/sign-in").text
