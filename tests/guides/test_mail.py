"""docs/guides/mail.md in a real project."""

import sqlite3
from contextlib import closing

import pytest

from tests.guides.conftest import Project


def test_a_view_sends_mail(project: Project) -> None:
    project.apply("mail")
    with project.serving(MAIL_BACKEND="file") as visitor:
        assert visitor.submit("/order", {"email": "ada@example.org"}).status == 303
        assert "We have written to you." in visitor.get("/order").text
        (message,) = project.mails(1)
        assert message["To"] == "ada@example.org"
        assert message["From"] == "Shop <shop@example.com>"


def rows(project: Project) -> list[str]:
    (path,) = project.folder.glob("*.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        return [address for (address,) in connection.execute("SELECT address FROM readers")]


@pytest.mark.parametrize("tasks", ["", "immediate"])
def test_a_reader_unsubscribes_by_one_click(project: Project, tasks: str) -> None:
    project.apply("mail")
    project.migrate()
    with project.serving(MAIL_BACKEND="file", TASKS=tasks) as visitor:
        page = {"email": "ada@example.org"}
        assert visitor.submit("/order", page, to="/subscribe").text == "subscribed"
        (message,) = project.mails(1)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        path = "/unsubscribe/" + message["List-Unsubscribe"].strip("<>").rpartition("/")[2]
        visitor.cookies.clear()
        assert "Yes, unsubscribe" in visitor.get(path).text
        assert rows(project) == ["ada@example.org"]
        done = visitor.post(path, {"List-Unsubscribe": "One-Click"})
        assert (done.status, visitor.cookies) == (200, {})
        assert rows(project) == []
        assert visitor.post(path, {"List-Unsubscribe": "One-Click"}).status == 200
