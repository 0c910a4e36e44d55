"""docs/guides/command-line.md in a real project."""

import re

from tests.guides.conftest import GUIDES, Project

ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)


def test_every_command_of_the_tables_exists(project: Project) -> None:
    rows = ROW.findall((GUIDES / "command-line.md").read_text())
    named = {
        command
        for row in rows
        for command in re.findall(r"`(?:lback )?([a-z_ ]+?)(?: [A-Z]+)?`", row)
    }
    assert len(named) > 20
    for command in sorted(named):
        assert "Usage: " in project.lback(*command.split(), "--help"), command


def test_an_app_brings_a_command(project: Project) -> None:
    project.new_app("shop")
    project.apply("command-line")
    project.migrate()
    with project.serving() as visitor:
        assert visitor.submit("/shop/", {"title": "Milk"}).status == 303
        assert project.lback("discard", "--days", "7") == "0 deleted\n"
        assert "Milk" in visitor.get("/shop/").text
        assert project.lback("discard", "--days", "0") == "1 deleted\n"
        assert "Milk" not in visitor.get("/shop/").text


def test_the_audit_notices_a_route_that_was_opened(project: Project) -> None:
    project.lback("routes", "--lock")
    project.lback("routes", "--audit")
    opened = "urlpatterns += [path('/x', lambda request: 'x', ['GET'], requires_auth=False)]\n"
    project.paste("urls.py", f"from lback import path\n\n{opened}")
    assert "/x" in project.lback_fails("routes", "--audit")
