"""docs/guides/translating-a-project.md in a real project."""

import json

from tests.guides.conftest import Project


def test_from_marked_texts_to_a_checked_deployment(project: Project) -> None:
    project.apply("translating-a-project")
    project.lback("messages", "extract")
    assert 'msgid "My books"' in (project.folder / "locale" / "messages.pot").read_text()
    project.lback("messages", "update")
    catalogue = project.folder / "locale" / "de" / "LC_MESSAGES" / "messages.po"
    assert "#. heading of the first page" in catalogue.read_text()
    found = json.loads(project.lback_fails("messages", "check", "--json"))
    assert "My books" in {problem["message"] for problem in found["problems"]}
    assert "deploy.translations" in project.lback_fails("check", "--deploy")
    text = catalogue.read_text().replace('"My books"\nmsgstr ""', '"My books"\nmsgstr "Bücher"')
    catalogue.write_text(text, encoding="utf-8")
    left = json.loads(project._run(("messages", "check", "--json"), {})[1])
    assert "My books" not in {problem["message"] for problem in left["problems"]}
    project.lback("messages", "compile")
    assert catalogue.with_suffix(".mo").is_file()
