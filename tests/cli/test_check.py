"""The checks before a deployment: each finds what it is for, with a reason and a fix."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table

from lback import Application, BaseMiddleware, Request, Response
from lback.cli.deployment import CHECKS, problems_of
from lback.cli.problems import Problem, run_checks
from lback.cli.start_checks import START_CHECKS
from lback.database.migrations import Migrations
from lback.static_files import collect
from tests.cli.conftest import Run

FIT: dict[str, Any] = {
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
    "ALLOWED_HOSTS": ["example.com"],
    "MIDDLEWARES": [],
    "HSTS_SECONDS": 31_536_000,
    "TRUSTED_PROXIES": ["127.0.0.1"],
}


class SecurityHeadersMiddleware(BaseMiddleware):
    sets_user = True

    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        return response


class CSRFMiddleware(SecurityHeadersMiddleware):
    pass


def view(request: Request) -> str:
    return ""


BUILT: list[Application] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the databases of the applications that a test built."""
    yield
    while BUILT:
        BUILT.pop().db_manager.dispose()


def build(
    root: Path, middlewares: int = 2, *, with_tables: bool = True, **settings: Any
) -> Application:
    (root / "routes.lock").touch()
    url = f"sqlite:///{root / 'test.sqlite3'}"
    app = Application(**{**FIT, "PROJECT_ROOT": str(root), "DATABASE_URL": url, **settings})
    BUILT.append(app)
    if with_tables and "DATABASE_URL" not in settings:
        app.db_manager.create_tables()
    for kind in (SecurityHeadersMiddleware, CSRFMiddleware)[:middlewares]:
        app.add_middleware(kind())
    app.add_route("/", view, ["GET", "POST"])
    return app


def told(app: Application) -> list[str]:
    return [problem.what for problem in problems_of(app) if problem.is_error]


def test_a_fit_application_has_no_errors(tmp_path: Path) -> None:
    app = build(tmp_path)

    assert told(app) == []
    assert [problem.what for problem in problems_of(app)] == [
        f"the database is the SQLite file {str(tmp_path / 'test.sqlite3')!r}"
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DEBUG": True}, r"DEBUG is on \(settings\)"),
        ({"SECRET_KEY": "too short to be kept"}, "SECRET_KEY has 20 characters, and 32 are needed"),
        ({"SECRET_KEY": "aa" * 30, "DEBUG": True}, "SECRET_KEY is made of a few characters"),
        ({"SECRET_KEY_FALLBACKS": ["a key of before"]}, "SECRET_KEY_FALLBACKS has 15 characters"),
        ({"DEBUG": True, "ALLOWED_HOSTS": []}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": ["a.org", "*"]}, r"ALLOWED_HOSTS contains '\*'"),
        (
            {"TRUSTED_PROXIES": ["10.0.0.1", "0.0.0.0/0"]},
            "'0.0.0.0/0', which matches every address",
        ),
        ({"TRUSTED_PROXIES": ["::/0"]}, "'::/0', which matches every address"),
        ({"LOGIN_ATTEMPTS_STORE": "memory"}, "LOGIN_ATTEMPTS_STORE is 'memory'"),
        ({"middlewares": 1}, "no middleware protects unsafe requests such as to / against CSRF"),
        ({"middlewares": 0}, "no middleware sends security headers"),
        (
            {"DATABASE_URL": "sqlite:////no/such/folder/x.sqlite3"},
            "cannot open the SQLite database '/no/such/folder/x.sqlite3'",
        ),
    ],
)
def test_what_is_wrong_is_found(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    found = told(build(tmp_path, **settings))

    assert any(re.search(words, what) for what in found), found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LOGGING_LEVEL": "DEBUG"}, "LOGGING_LEVEL is DEBUG"),
        ({"HSTS_SECONDS": 3600}, "HSTS_SECONDS is 3600, less than a year"),
        ({"middlewares": 0}, "1 routes such as / cannot be reached"),
    ],
)
def test_what_may_be_meant_so_is_a_warning(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    problems = problems_of(build(tmp_path, **settings))

    assert words in [problem.what for problem in problems if not problem.is_error]
    assert sorted(problems, key=lambda p: not p.is_error) == problems


def test_an_application_for_tokens_alone_says_so(tmp_path: Path) -> None:
    app = build(tmp_path, middlewares=1, SILENCED_CHECKS=["deploy.csrf"])
    assert told(app) == []

    (problem,) = [p for p in problems_of(build(tmp_path, middlewares=1)) if p.is_error]
    assert problem.check == "deploy.csrf"
    assert 'SILENCED_CHECKS = ["deploy.csrf"]' in problem.fix


def test_a_missing_lock_of_routes_is_a_warning(tmp_path: Path) -> None:
    app = build(tmp_path)
    (tmp_path / "routes.lock").unlink()

    assert f"routes.lock is missing in {tmp_path}" in [p.what for p in problems_of(app)]


def test_tables_and_static_files_that_a_release_would_miss_are_found(tmp_path: Path) -> None:
    app = build(tmp_path, with_tables=False)
    migrations = Migrations(app.db_manager, tmp_path)
    migrations.create_layout()
    migrations.make(message="first")
    (tmp_path / "static").mkdir()

    assert told(app) == [
        "1 migrations are not applied, the first is 0001_first",
        f"static files are not collected in {tmp_path / 'staticfiles'}",
    ]
    migrations.migrate()
    collect(app.static_files.sources, app.static_files.root, app.static_files.static_url)
    assert told(app) == []


def test_a_missing_server_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.cli.deployment.find_spec", lambda name: None)

    (problem,) = [p for p in problems_of(build(tmp_path)) if p.is_error]
    assert problem.what == "the server granian is not installed"
    assert problem.fix == 'pip install "lback-web[serve]"'


@pytest.mark.parametrize(("name", "mode"), [(".env", 0o640), ("urls.py", 0o666)])
def test_files_that_others_may_read_or_change_are_found(
    name: str, mode: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.touch()
    path.chmod(mode)

    assert told(build(tmp_path)) == [f"{path} has mode {mode:o}"]


def test_an_env_file_in_version_control_is_found(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(0o600)
    for command in (["init", "-q"], ["add", "-f", ".env"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)

    assert told(build(tmp_path)) == [".env is in version control"]


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_each_problem_has_a_reason_and_a_fix(
    check: Callable[[Application], Any], tmp_path: Path
) -> None:
    unfit = build(
        tmp_path, 0, DEBUG=True, SECRET_KEY="short", ALLOWED_HOSTS=["*"], LOGGING_LEVEL="debug"
    )
    for problem in check(unfit):
        assert isinstance(problem, Problem)
        assert problem.what
        assert problem.why
        assert problem.fix


def test_only_secrets_in_the_settings_file_are_leaks(lback: Run, project: Path) -> None:
    with (project / "settings.py").open("a") as file:
        file.write("MIN_PASSWORD_LENGTH = 14\nDATABASE_URL = 'sqlite:///db.sqlite3'\n")
        file.write("STRIPE_KEY = 'sk_live_1'\nSTRIPE_PUBLIC_KEY = 'pk_live_1'\n")

    found = re.findall(r"error: (\w+) is set in", lback("check", "--deploy", cwd=project).stdout)

    assert found == ["SECRET_KEY", "STRIPE_KEY"]


def test_the_command_tells_all_and_its_exit_code_can_be_trusted(lback: Run, project: Path) -> None:
    can_start = lback("check", cwd=project)
    assert can_start.returncode == 0
    assert re.search(
        rf"The project can start: \d+ routes, database sqlite:///{project}/db\.sqlite3\.\n",
        can_start.stdout,
    )
    assert "warning: the table of sessions does not exist\n" in can_start.stdout
    result = lback("check", "--deploy", cwd=project)
    assert result.returncode == 1
    assert (
        "error: SECRET_KEY is set in settings.py\n"
        "    why: everyone with access to the code or a backup of it can read it\n"
        "    fix: move it to .env or the environment, and replace it with a new one\n"
        in result.stdout
    )
    assert "error: DEBUG is on (settings.py)\n" in result.stdout

    (project / "urls.py").write_text("import no_such_part\n")
    broken = lback("check", cwd=project)
    assert broken.returncode == 1
    assert broken.stderr.startswith("Error: the urls module 'urls' cannot be imported: Module")


def test_a_text_that_the_database_does_not_support_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = MetaData()
    Table("notes", metadata, Column("text", String(200_000)))
    monkeypatch.setattr("lback.database.Base.metadata", metadata)
    app = Application(PROJECT_ROOT=str(tmp_path), DATABASE_URL="mysql://root@127.0.0.1:1/none")
    [problem] = run_checks({"limits": START_CHECKS["database.limits"]}, app)
    assert problem.what.endswith("VARCHAR(200000), and MySQL allows 16,383 characters")
    assert problem.fix == "use Text or Text(200000)"
