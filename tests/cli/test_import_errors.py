"""Why a module of a project cannot be imported: with file and line, and the whole circle."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import SETTINGS, Run

PATTERNS = "urlpatterns = []\n"


def refusal(project: Path, files: Mapping[str, str], lback: Run) -> str:
    (project / "settings.py").write_text(SETTINGS + 'INSTALLED_APPS = ["books"]\n')
    (project / "books").mkdir()
    for name, source in {"books/__init__.py": "", "urls.py": PATTERNS, **files}.items():
        (project / name).write_text(source)
    result = lback("check", cwd=project)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    "wanted", ["from books.authors import Author", "from books import authors\nauthors.Author"]
)
def test_models_that_import_each_other(wanted: str, project: Path, lback: Run) -> None:
    files = {
        "books/models.py": "\nfrom books.authors import Author\nclass Book: ...\n",
        "books/authors.py": "\n\nfrom books import models\nmodels.Book\nclass Author: ...\n",
        "urls.py": f"{wanted}\n{PATTERNS}",
    }
    text = refusal(project, files, lback)

    assert "(most likely due to a circular import)" in text
    first, second = "books/models.py, line 2", "books/authors.py, line "
    assert f"{first} imports {second}" in text or f"{second}3 imports {first}" in text
    assert "move what both need into a third module" in text


def test_urls_and_views_that_import_each_other(project: Path, lback: Run) -> None:
    files = {
        "urls.py": f"from books.views import home\n{PATTERNS}",
        "books/views.py": "import logging\nfrom urls import urlpatterns\ndef home(request): ...\n",
    }
    text = refusal(project, files, lback)

    assert "the urls module 'urls' cannot be imported: ImportError: " in text
    assert "urls.py, line 1 imports books/views.py, line 2 imports urls.py; " in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import os\nimport no_such\n",
            "No module named 'no_such' (books/views.py, line 2)",
        ),
        ("\n\n1 / 0\n", "ZeroDivisionError: division by zero (books/views.py, line 3)"),
        ("\ndef home(:\n", "line 2"),
    ],
)
def test_any_other_error_names_its_line(source: str, words: str, project: Path, lback: Run) -> None:
    files = {"books/views.py": source, "urls.py": f"import books.views\n{PATTERNS}"}

    assert words in refusal(project, files, lback)


def test_an_app_that_fails_names_its_line(project: Path, lback: Run) -> None:
    text = refusal(project, {"books/models.py": "\nimport no_such_part\n"}, lback)

    assert "INSTALLED_APPS names 'books': ModuleNotFoundError: " in text
    assert "(books/models.py, line 2)" in text
