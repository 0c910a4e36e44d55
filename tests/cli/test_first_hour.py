"""What goes wrong in the first hour, and the words it is answered with.

Names are in `test_scaffold`, taken ports and broken code in `test_runserver` and `test_serve`,
settings in `test_settings`.
"""

from pathlib import Path

import pytest

from tests.cli.conftest import SETTINGS, URLS, Run
from tests.cli.serving import running

MODEL = """
from sqlalchemy.orm import Mapped, mapped_column
from lback.database import Base
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.mark.parametrize(
    "command",
    [("runserver",), ("serve",), ("routes",), ("config",), ("shell",), ("test",), ("check",)],
)
def test_no_project_here(command: tuple[str, ...], lback_here: Run, tmp_path: Path) -> None:
    result = lback_here(*command)

    assert result.returncode == 1
    assert result.stderr.startswith(
        f"Error: no project found: found no settings.py that you own in {tmp_path}, in "
    )
    assert result.stderr.endswith(
        "or above them; change into the project, or name its directory in LBACK_PROJECT_ROOT; "
        "or create one: lback new project NAME\n"
    )


def test_a_project_named_wrongly(lback: Run, tmp_path: Path) -> None:
    result = lback("routes", LBACK_PROJECT_ROOT="/no/such/shop")

    assert result.returncode == 1
    assert result.stderr == (
        "Error: no project found: LBACK_PROJECT_ROOT is '/no/such/shop', where there is "
        "no settings.py; or create one: lback new project NAME\n"
    )


def test_tables_that_no_one_made(project: Path) -> None:
    (project / "urls.py").write_text(MODEL + URLS)

    with running("runserver", "--port", "0", cwd=project) as program:
        program.until(lambda: "run: lback migrate" in program.printed)
        (line,) = [line for line in program.printed.splitlines() if "has no" in line]
        assert line.startswith("The database has no table notes and ")
        assert line.endswith(
            " others; run: lback migrate (after lback makemigrations for new models)"
        )
        assert program.get("/") == (200, "home")


def test_a_migration_that_no_one_applied(lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(MODEL + URLS)
    assert lback("makemigrations", cwd=project).returncode == 0
    assert lback("migrate", cwd=project).returncode == 0
    column = "    name: Mapped[str | None] = mapped_column()\n"
    (project / "urls.py").write_text(MODEL + column + URLS)
    assert lback("makemigrations", "-m", "name", cwd=project).returncode == 0

    with running("runserver", "--port", "0", cwd=project) as program:
        assert program.printed.startswith("Migration 0002_name not applied; run: lback migrate\n")


def test_a_migration_with_a_mistake(lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(MODEL + URLS)
    assert lback("makemigrations", "-m", "first", cwd=project).returncode == 0
    path = project / "migrations" / "versions" / "0001_first.py"
    path.write_text(path.read_text().replace("op.create_table", "op.create_tabel", 1))

    result = lback("migrate", cwd=project)

    assert result.returncode == 1
    assert str(path.relative_to(project)) in result.stderr
    assert "create_tabel" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_is_not_there(project: Path) -> None:
    (project / ".env").write_text("DATABASE_URL=postgresql://app:swordfish@127.0.0.1:1/shop\n")

    with running("runserver", "--port", "0", cwd=project) as program:
        program.until(lambda: "The database cannot be used" in program.printed)
        assert program.get("/") == (200, "home")
        words = " ".join(program.printed.split())
    assert (
        "The database cannot be used: cannot connect to the database 'shop' as user 'app' at "
        "127.0.0.1:1: " in words
    )
    assert "check DATABASE_URL or the settings DB_…, and that the server runs" in words
    assert "swordfish" not in words


@pytest.mark.parametrize(
    ("engine", "module", "extra"),
    [("postgresql", "psycopg", "postgres"), ("mysql", "pymysql", "mysql")],
)
def test_a_missing_driver_is_answered_with_the_extra(
    engine: str, module: str, extra: str, python: Run, project: Path
) -> None:
    (project / ".env").write_text(f"DATABASE_URL={engine}://app@127.0.0.1/shop\n")

    result = python(
        f"import sys\nsys.modules[{module!r}] = None\n"
        "from lback.cli.main import run\n"
        "sys.exit(run(['shell', '-c', 'app.db_manager.engine']))\n",
        cwd=project,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith(
        f'is not installed; run: pip install "lback-web[{extra}]"'
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            'INSTALLED_APPS = ["notse"]',
            "INSTALLED_APPS names 'notse', and that package does not exist; ",
        ),
        ('ROOT_URLCONF = "ulrs"', "the urls module 'ulrs' cannot be imported: ModuleNotFound"),
        ('MIDDLEWARES = ["lback.middleware.CSRFMiddlware"]', "did you mean CSRFMiddleware or "),
        ('DB_ENGINE = "postgre"', "must be one of sqlite, sqlite3, postgresql"),
        ('DB_ENGINE = "postgresql"', "DB_ENGINE 'postgresql' needs DB_NAME, DB_USER, DB_HOST"),
        ("DEBUG = true", "settings.py, line 4: NameError: name 'true' is not defined"),
        ("PORT = 80000", "PORT = 80000 (settings.py): must be a port: 0 to 65535"),
        ('SERVER = "gunicron"', "must be one of granian, gunicorn; did you mean gunicorn?"),
    ],
)
def test_a_slip_in_the_settings(settings: str, words: str, lback: Run, project: Path) -> None:
    (project / "settings.py").write_text(f"{SETTINGS}{settings}\n")

    result = lback("check", cwd=project)

    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ("urlpatterns = [path('/{id:itn}', home)]", "'itn' in '/{id:itn}'"),
        ("urlpatterns = ['/']", "urls.urlpatterns[0] is '/', not a route; write path("),
        ("urlpattern = []", "the module 'urls' has no list urlpatterns; write urlpatterns = ["),
        (
            "def show(request, db_sesion): ...\nurlpatterns = [path('/', show)]",
            "nothing fills the parameter 'db_sesion' of the view urls.show of '/'; "
            "did you mean 'db_session'",
        ),
        (
            "async def show(request):\n    yield ''\nurlpatterns = [path('/', show)]",
            "the view urls.show of '/' is an asynchronous generator",
        ),
    ],
)
def test_a_slip_in_the_addresses(urls: str, words: str, lback: Run, project: Path) -> None:
    source = URLS.partition("urlpatterns")[0]
    (project / "urls.py").write_text(f"{source}{urls}\n")

    result = lback("check", cwd=project)

    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
