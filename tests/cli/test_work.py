"""The commands of daily work: shell, test, doctor."""

from pathlib import Path

from tests.cli.conftest import SETTINGS, Run

MODEL = """
from sqlalchemy.orm import Mapped, mapped_column
from lback.database import Base
class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


def test_the_shell_has_application_session_and_models_at_hand(lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(
        MODEL + "from lback import path\ndef home(request): return ''\n"
        "urlpatterns = [path('/', home, name='home', requires_auth=False)]\n"
    )

    script = (
        "app.db_manager.create_tables()\n"
        "db_session.add(Book())\n"
        "db_session.flush()\n"
        "print(app.router.url_for('home'), db_session.query(Book).count(), config.DEBUG)\n"
    )
    assert lback("shell", cwd=project, stdin=script).stdout == "/ 1 True\n"
    # Nothing is kept without a commit.
    counted = lback("shell", "-c", "print(db_session.query(Book).count())", cwd=project)
    assert counted.stdout == "0\n"

    failed = lback("shell", "-c", "1 / 0", cwd=project)
    assert failed.returncode == 1
    assert "ZeroDivisionError" in failed.stderr


def test_tests_of_the_project_run_from_anywhere_in_it(lback: Run, project: Path) -> None:
    tests = project / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(
        "import urls\n"
        "def test_good(): assert urls.home(None) == 'home'\n"
        "def test_bad(): assert False\n"
    )

    result = lback("test", "-q", cwd=tests)
    assert result.returncode == 1
    assert "1 failed, 1 passed" in result.stdout

    assert lback("test", "-k", "good", cwd=project).returncode == 0
    assert lback("test", "-k", "none_of_them", cwd=project).returncode == 5


def test_without_pytest_the_message_says_how_to_get_it(python: Run, project: Path) -> None:
    result = python(
        "import sys\nsys.modules['pytest'] = None\n"
        "from lback.cli.main import run\nsys.exit(run(['test']))\n",
        cwd=project,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(
        "Error: pytest is not installed; run: pip install -r requirements-dev.txt"
    )


def test_the_doctor_tells_what_is_wrong_with_a_project(lback: Run, project: Path) -> None:
    well = lback("doctor", cwd=project)
    assert well.returncode == 0, well.stdout
    assert f"Project in {project}" in well.stdout
    assert "ok     database" in well.stdout
    assert "error" not in well.stdout

    (project / "settings.py").write_text(
        SETTINGS + 'TEMPLATE_DIRS = ["no_such_folder"]\nDB_NAME = "no/such/folder.sqlite3"\n'
    )
    (project / ".env").write_text("REDIS_URL=redis://127.0.0.1:1/0\n")
    (project / ".env").chmod(0o644)
    ill = lback("doctor", cwd=project)
    assert ill.returncode == 1
    assert "error  database: cannot open the SQLite database" in ill.stdout
    assert "error  redis: cannot connect to 127.0.0.1:1 (REDIS_URL): Connection refused" in (
        ill.stdout
    )
    assert f"error  .env: other users of this machine can read it; run: chmod 600 {project}" in (
        ill.stdout
    )
    assert (
        "error  templates: TEMPLATE_DIRS names 'no_such_folder', which is not a directory"
        in ill.stdout
    )

    (project / "settings.py").write_text(SETTINGS + "PORT = 'x'\n")
    broken = lback("doctor", cwd=project)
    assert broken.returncode == 1
    assert "error  project: 1 setting cannot work:" in broken.stdout

    lost = lback("doctor")
    assert lost.returncode == 1
    assert "error  project: no project found" in lost.stdout
