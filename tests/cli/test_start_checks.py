"""`lback check` finds what would end as an error page at the first request, all at once."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from lback.cli.doctor import EXTRAS
from tests.cli.conftest import SETTINGS, Run, RunAll

MODEL = """
from sqlalchemy.orm import Mapped, mapped_column
from lback.database import Base

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
APP_URLS = """
from lback import path, render
from {app}.models import Book

def index(request):
    return render(request, "books.html")

urlpatterns = [path("/", index, name="books", requires_auth=False)]
"""
URLS = 'from lback import include\nurlpatterns = [include("books.urls", "/books/")]\n'


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with an app that has a model, a route and a template."""
    app = project / "books"
    (app / "templates").mkdir(parents=True)
    (app / "templates" / "books.html").write_text('{% extends "base.html" %}')
    (app / "models.py").write_text(MODEL)
    (app / "urls.py").write_text(APP_URLS.format(app="books"))
    (app / "__init__.py").touch()
    (project / "templates").mkdir()
    (project / "templates" / "base.html").write_text("{% block content %}{% endblock %}")
    (project / "urls.py").write_text(URLS)
    (project / "settings.py").write_text(SETTINGS + 'INSTALLED_APPS = ["books"]\n')
    return project


@pytest.fixture
def migrated(shop: Path, run_all: RunAll) -> Path:
    for outcome in run_all("makemigrations", "migrate"):
        assert outcome.code == 0, outcome.err
    return shop


def test_a_project_that_is_well_has_no_problems(lback: Run, migrated: Path) -> None:
    result = lback("check", cwd=migrated)

    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("The project can start: ")
    assert "error" not in result.stdout


TWO_NAMES = """
from lback import path
from lback.api import describe

@describe(operation_id="show")
def one(number: int = 1) -> dict[str, int]:
    return {}

@describe(operation_id="show")
def two(number: int = 1) -> dict[str, int]:
    return {}

urlpatterns = [path("/one", one, ["GET"]), path("/two", two, ["GET"])]
"""


@pytest.mark.parametrize("command", [("check",), ("check", "--deploy"), ("serve", "--port", "0")])
def test_operations_of_one_name(command: tuple[str, ...], lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(TWO_NAMES)

    key = "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e"
    production = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost", "SECRET_KEY": key}
    result = lback(*command, cwd=project, **production)

    assert result.returncode == 1
    assert (
        "the operation_id 'show' of GET /two (urls.two, line 9) is taken by "
        "GET /one (urls.one, line 5)"
    ) in result.stdout + result.stderr


def test_migrations_that_are_not_applied(lback: Run, migrated: Path) -> None:
    (migrated / "db.sqlite3").unlink()

    result = lback("check", cwd=migrated)

    assert result.returncode == 1
    assert "error: 1 migrations are not applied, the first is 0001_" in result.stdout
    assert "    fix: run lback migrate" in result.stdout
    assert "    check: database.migrations\n" in result.stdout
    assert not (migrated / "db.sqlite3").exists(), "a check makes no database"


def test_models_that_changed_without_a_migration(lback: Run, migrated: Path) -> None:
    with (migrated / "books" / "models.py").open("a") as file:
        file.write("    title: Mapped[str | None]\n")

    result = lback("check", cwd=migrated)

    assert result.returncode == 1
    assert "error: models have changed since the last migration: " in result.stdout
    assert "title" in result.stdout
    assert "    fix: run lback makemigrations && lback migrate\n" in result.stdout


def test_tables_of_models_without_any_migrations(lback: Run, shop: Path) -> None:
    result = lback("check", cwd=shop)

    assert result.returncode == 1
    assert "1 tables of models such as 'books' do not exist, nor do migrations" in result.stdout


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://app:hunter2@127.0.0.1:1/shop", "cannot connect to the database 'shop' as"),
        ("mysql://app:hunter2@127.0.0.1:1/shop", "cannot connect to the database 'shop' as"),
        ("sqlite:////no/such/folder/x.sqlite3", "cannot open the SQLite database"),
    ],
)
def test_a_database_that_is_down(url: str, words: str, lback: Run, shop: Path) -> None:
    result = lback("check", cwd=shop, DATABASE_URL=url)

    assert result.returncode == 1
    assert f"error: {words}" in result.stdout
    assert "    check: database.connection\n" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_a_redis_that_is_down_where_sessions_are_kept(lback: Run, migrated: Path) -> None:
    settings = {"SESSION_STORE": "redis", "REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}

    result = lback("check", cwd=migrated, **settings)

    assert result.returncode == 1
    assert "error: cannot connect to 127.0.0.1:1 (REDIS_URL)" in result.stdout
    assert "hunter2" not in result.stdout


def test_a_redis_that_is_down_where_messages_pass(lback: Run, migrated: Path) -> None:
    settings = {"REALTIME": "redis", "REALTIME_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}

    result = lback("check", cwd=migrated, **settings)

    assert result.returncode == 0
    assert "warning: cannot connect to 127.0.0.1:1 (REALTIME_REDIS_URL)" in result.stdout
    assert "hunter2" not in result.stdout
    diagnosed = lback("doctor", cwd=migrated, **settings)
    assert "live pages: cannot connect to 127.0.0.1:1 (REALTIME_REDIS_URL)" in diagnosed.stdout


def test_a_mistyped_database_url_and_broken_templates_are_told_together(
    lback: Run, shop: Path
) -> None:
    (shop / "templates" / "about.html").write_text("one\n{% if x %}\n")

    result = lback("check", cwd=shop, DATABASE_URL="postgress://app:hunter2@db/shop")

    assert result.returncode == 1
    assert "DATABASE_URL begins with 'postgress', which must be one of" in result.stderr
    assert "did you mean postgres?" in result.stderr
    assert f"error: {shop / 'templates' / 'about.html'}, line 2: " in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("one\n{% fro x in y %}", r"line 2: Encountered unknown tag 'fro'"),
        ("{{ name|uppercas }}", r"line 1: unknown filter 'uppercas'; did you mean uppercase\?"),
        ("{% if x %}{{ x|moneyy }}{% endif %}", r"line 1: unknown filter 'moneyy'"),
        ("\n{% if x is evn %}{% endif %}", r"line 2: unknown test 'evn'; did you mean even\?"),
        (
            '{% extends "bass.html" %}',
            r"line 1: extends names the missing .* 'bass.html'; did you mean base.html\?",
        ),
        ('\n{% include "menu.html" %}', r"line 2: include names the missing template 'menu.html'"),
        ('{% import "forms.html" as f %}', r"line 1: import names the missing .* 'forms.html'"),
        ('{% from "forms.html" import f %}', r"line 1: from names the missing .* 'forms.html'"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", r"block 'a' defined twice"),
    ],
)
@pytest.mark.parametrize("folder", ["templates", "books/templates"])
def test_a_template_that_cannot_work(
    source: str, words: str, folder: str, lback: Run, migrated: Path
) -> None:
    path = migrated / folder / "deep" / "page.html"
    path.parent.mkdir()
    path.write_text(source)

    result = lback("check", cwd=migrated)

    assert result.returncode == 1
    assert re.search(f"error: {re.escape(str(path))}.*{words}", result.stdout), result.stdout
    assert "    check: templates\n" in result.stdout
    doctor = lback("doctor", cwd=migrated)
    assert doctor.returncode == 1
    assert re.search(f"error  templates: {re.escape(str(path))}", doctor.stdout)


def test_names_that_a_template_computes_or_may_miss_are_fine(lback: Run, migrated: Path) -> None:
    (migrated / "templates" / "page.html").write_text(
        '{% extends layout %}{% block content %}{% include ["none.html", "base.html"] %}'
        '{% include "none.html" ignore missing %}'
        '{% if "markdown" is filter %}{{ text|markdown }}{% endif %}{% endblock %}'
    )
    (migrated / "templates" / "logo.png").write_bytes(b"\x89PNG\xff")

    result = lback("check", cwd=migrated)

    assert result.returncode == 0, result.stdout


def test_all_is_told_at_once(lback: Run, migrated: Path) -> None:
    (migrated / "db.sqlite3").unlink()
    for name in ("a", "b"):
        (migrated / "templates" / f"{name}.html").write_text("{{")

    result = lback("check", cwd=migrated)

    assert result.stdout.count("error: ") == 3
    assert re.search(r"\d+ checks: 3 errors, 0 warnings\.", result.stdout)


def test_an_app_whose_urls_are_included_without_being_installed(lback: Run, migrated: Path) -> None:
    (migrated / "settings.py").write_text(SETTINGS)

    result = lback("check", cwd=migrated)

    assert result.returncode == 1
    assert "error: 'books' has routes and templates and models but is not in INST" in result.stdout
    assert '    fix: set INSTALLED_APPS = [..., "books"] in settings.py\n' in result.stdout


def test_a_folder_of_views_alone_need_not_be_installed(lback: Run, project: Path) -> None:
    (project / "pages").mkdir()
    (project / "pages" / "views.py").write_text("def home(request): return ''\n")
    (project / "urls.py").write_text(
        "from lback import path\nfrom pages.views import home\n"
        "urlpatterns = [path('/', home, requires_auth=False)]\n"
    )

    assert "pages" not in lback("check", cwd=project).stdout


def test_a_check_is_silenced_by_its_name(lback: Run, migrated: Path) -> None:
    (migrated / "templates" / "a.html").write_text("{{")

    result = lback("check", cwd=migrated, SILENCED_CHECKS="templates")
    assert result.returncode == 0, result.stdout

    slip = lback("check", cwd=migrated, SILENCED_CHECKS="template")
    assert slip.returncode == 1
    assert "warning: SILENCED_CHECKS names 'template', which must be one of" in slip.stdout
    assert "did you mean templates?" in slip.stdout


def test_the_doctor_knows_every_extra() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    extras = tomllib.loads(text)["project"]["optional-dependencies"]

    assert set(EXTRAS) == set(extras) - {"dev"}
    assert all(find_spec(module) for module in EXTRAS.values())
