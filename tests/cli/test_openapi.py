"""`lback openapi`: prints the document, and finds changes that break clients."""

import json
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from tests.cli.conftest import Run

URLS = """
import msgspec
from lback import path


class Book(msgspec.Struct):
    id: int
    title: str


def show(book_id: int, lang: str = "en") -> Book:
    return Book(book_id, "Emma")


urlpatterns = [path("/books/{book_id:int}", show, ["GET"], "show_book", requires_auth=False)]
"""


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with an API of one operation."""
    (project / "urls.py").write_text(URLS)
    return project


def change(shop: Path, before: str, now: str) -> None:
    text = (shop / "urls.py").read_text()
    assert before in text
    (shop / "urls.py").write_text(text.replace(before, now))


def test_it_prints_a_valid_document(lback: Run, shop: Path) -> None:
    printed = lback("openapi", cwd=shop)
    document = json.loads(printed.stdout)
    validate(document)
    assert (document["openapi"], document["info"]["title"]) == ("3.1.1", "shop")
    assert list(document["paths"]) == ["/books/{book_id}"]
    newer = json.loads(lback("openapi", "--version", "3.2", cwd=shop).stdout)
    assert newer["openapi"] == "3.2.0"


def test_it_writes_yaml_to_a_file(lback: Run, shop: Path) -> None:
    done = lback("openapi", "--format", "yaml", "--output", "api.yaml", cwd=shop)
    assert (done.returncode, done.stdout) == (0, "")
    written = (shop / "api.yaml").read_text()
    assert "&id" not in written  # a document for people has no anchors
    assert yaml.safe_load(written) == json.loads(lback("openapi", cwd=shop).stdout)


def test_it_is_empty_without_an_api(lback: Run, project: Path) -> None:
    assert json.loads(lback("openapi", cwd=project).stdout)["paths"] == {}


def test_a_change_that_breaks_clients_fails_the_audit(lback: Run, shop: Path) -> None:
    locked = lback("openapi", "--lock", cwd=shop)
    assert locked.stdout == f"Wrote {shop / 'openapi.lock'}: 1 operations.\n"
    kept = lback("openapi", "--audit", cwd=shop)
    assert (kept.returncode, kept.stdout) == (
        0, "No change since openapi.lock breaks clients.\n",
    )  # fmt: skip

    change(shop, "    title: str\n", "    title: str\n    pages: int = 0\n")
    change(shop, 'lang: str = "en"', 'lang: str = "en", size: int = 1')
    assert lback("openapi", "--audit", cwd=shop).returncode == 0  # additions break nothing

    change(shop, 'lang: str = "en"', "lang: str")
    change(shop, "    title: str\n", "")
    change(shop, 'Book(book_id, "Emma")', "Book(book_id)")
    broken = lback("openapi", "--audit", cwd=shop)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr == (
        "Error: the API has changes since openapi.lock that break clients:\n"
        "- GET /books/{book_id} requires the query parameter 'lang'\n"
        "- GET /books/{book_id} no longer has the field 'title' of the answer 200\n"
        "revert them, or accept them with: lback openapi --lock\n"
    )
    as_json = lback("openapi", "--audit", "--json", cwd=shop)
    assert as_json.returncode == 1
    assert len(json.loads(as_json.stdout)["breaking"]) == 2

    lback("openapi", "--lock", cwd=shop)
    assert lback("openapi", "--audit", cwd=shop).returncode == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; review the output of 'lback openapi'"),
        ("{", "is not valid JSON"),
        ("[]", "is not an OpenAPI document"),
        ('{"paths": 1}', "is not an OpenAPI document"),
    ],
)
def test_a_lock_that_cannot_be_read_is_explained(
    lback: Run, shop: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (shop / "openapi.lock").write_text(content)
    done = lback("openapi", "--audit", cwd=shop)
    assert done.returncode == 1
    assert message in done.stderr


def test_lock_and_audit_exclude_each_other(lback: Run, shop: Path) -> None:
    done = lback("openapi", "--lock", "--audit", cwd=shop)
    assert done.returncode == 2
    assert "use either --lock or --audit, not both" in done.stderr


def test_who_may_call_is_listed_where_the_pages_are_included(lback: Run, shop: Path) -> None:
    change(shop, ', "show_book", requires_auth=False)', ', "show_book")')
    change(shop, "urlpatterns = [", 'urlpatterns = [include("lback.api.urls", "/docs"), ')
    change(shop, "import path", "import include, path")

    document = json.loads(lback("openapi", cwd=shop).stdout)

    (operation,) = document["paths"]["/books/{book_id}"].values()
    assert {name for one in operation["security"] for name in one} == {"session", "apiKey"}
    assert set(document["components"]["securitySchemes"]) >= {"session", "apiKey"}
