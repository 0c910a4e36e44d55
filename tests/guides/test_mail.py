"""docs/guides/mail.md in a real project."""

from tests.guides.conftest import Project


def test_a_view_sends_mail(project: Project) -> None:
    project.apply("mail")
    with project.serving(MAIL_BACKEND="file") as visitor:
        assert visitor.submit("/order", {"email": "ada@example.org"}).status == 303
        assert "We have written to you." in visitor.get("/order").text
        (message,) = project.mails(1)
        assert message["To"] == "ada@example.org"
        assert message["From"] == "Shop <shop@example.com>"
