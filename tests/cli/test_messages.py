"""`lback messages`, and the checks and the compilation before a deployment."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

VIEWS = """
from lback.i18n import gettext as _

TITLE = _("Welcome")
TEXT = _("Hello %(name)s")
"""


@pytest.fixture
def translated(project: Path) -> Path:
    """The project with German as a second language, and nothing translated."""
    with (project / "settings.py").open("a") as settings:
        settings.write('LANGUAGES = ["en", "de"]\n')
    (project / "views.py").write_text(VIEWS)
    return project


def catalogue(project: Path) -> Path:
    return project / "locale" / "de" / "LC_MESSAGES" / "messages.po"


def translate(project: Path, welcome: str, hello: str) -> None:
    text = catalogue(project).read_text(encoding="utf-8")
    for message, translation in (("Welcome", welcome), ("Hello %(name)s", hello)):
        text = text.replace(f'"{message}"\nmsgstr ""', f'"{message}"\nmsgstr "{translation}"')
    catalogue(project).write_text(text, encoding="utf-8")


def test_from_the_first_message_to_the_compiled_catalogue(lback: Run, translated: Path) -> None:
    done = lback("messages", "extract", cwd=translated)
    assert done.stdout == "Wrote locale/messages.pot with 2 messages\n"
    assert lback("messages", "extract", cwd=translated).stdout.startswith("Unchanged: ")
    assert "locale/de/LC_MESSAGES/messages.po" in lback("messages", "update", cwd=translated).stdout

    done = lback("messages", "check", cwd=translated)
    assert (done.returncode, done.stdout.count("missing")) == (1, 2)

    translate(translated, "Willkommen", "Hallo")
    done = lback("messages", "check", cwd=translated)
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        [
            "locale/de/LC_MESSAGES/messages.po:15: placeholders: 'Hello %(name)s': the "
            "placeholder %(name)s is missing",
            "1 problem",
        ],
    )

    translate_again = (
        catalogue(translated).read_text(encoding="utf-8").replace('"Hallo"', '"Hallo %(name)s"')
    )
    catalogue(translated).write_text(translate_again, encoding="utf-8")
    done = lback("messages", "check", cwd=translated)
    assert (done.returncode, done.stdout) == (0, "0 problems\n")
    done = lback("messages", "compile", cwd=translated)
    assert done.stdout == "Compiled 1 catalogues, 1 of them changed\n"
    assert catalogue(translated).with_suffix(".mo").is_file()


def test_a_deployment_is_refused_with_missing_translations(lback: Run, translated: Path) -> None:
    lback("messages", "update", cwd=translated)
    done = lback("check", "--deploy", "--json", cwd=translated)
    found = [p for p in json.loads(done.stdout)["problems"] if p["check"] == "deploy.translations"]
    assert len(found) == 2
    assert "'Welcome'" in found[0]["what"]


def test_collectstatic_compiles_the_translations(lback: Run, translated: Path) -> None:
    lback("messages", "update", cwd=translated)
    assert lback("collectstatic", cwd=translated).returncode == 0
    assert catalogue(translated).with_suffix(".mo").is_file()


def test_a_project_in_one_language_says_what_to_set(lback: Run, project: Path) -> None:
    done = lback("messages", "update", cwd=project)
    assert done.returncode == 1
    assert 'LANGUAGES = ["en", "de"]' in done.stderr
