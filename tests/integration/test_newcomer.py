"""A newcomer's whole path, with the built wheel in a fresh virtual environment.

From an empty folder: a project, an app, tables, an account, the development server, tests, the
production server under load, and the way back.
"""

import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.serving import hear_interrupts
from tests.guides.conftest import Files, Visitor
from tests.guides.test_accounts import PASSWORD, sign_up

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
PATIENCE = 120.0
LOAD_SECONDS = 3.0

pytestmark = pytest.mark.integration


class Newcomer:
    """Somebody at a terminal, in a virtual environment that has Lback and nothing of ours."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin = environment / "bin"
        self.folder = folder
        self.variables = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
        }

    def types(self, line: str, *, stdin: str = "", **variables: str) -> str:
        """Run a command line, which must succeed, and return what it prints."""
        result = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env={**self.variables, **variables},
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    @contextmanager
    def serving(self, line: str, **variables: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
        """Run a program that serves, and stop it as Ctrl+C or a process manager would."""
        log = self.folder.parent / "printed.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.folder,
                env={**self.variables, **variables},
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=hear_interrupts,  # noqa: PLW1509  it takes no lock
            )
        try:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                found = ADDRESS.search(log.read_text())
                if found and answers(int(found[1])):
                    break
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            assert found, log.read_text()
            yield int(found[1]), process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(PATIENCE)


def answers(port: int) -> bool:
    try:
        return bool(get(port, "/")[0])
    except OSError:
        return False


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        return response.status, response.read().decode()


def load(port: int) -> list[int]:
    """Return the statuses of what four clients asked for a few seconds."""
    until = time.monotonic() + LOAD_SECONDS

    def ask() -> list[int]:
        statuses = []
        while time.monotonic() < until:
            statuses.append(get(port, "/")[0])
        return statuses

    with ThreadPoolExecutor(4) as pool:
        return [
            status for asked in [pool.submit(ask) for _ in range(4)] for status in asked.result()
        ]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    place = tmp_path_factory.mktemp("newcomer")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    build = subprocess.run(
        [*command, "--wheel-dir", place, ROOT],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if build.returncode:
        unavailable(f"the wheel cannot be built: {build.stderr}")
    (wheel,) = place.glob("lback_web-*.whl")
    venv.create(place / "venv", with_pip=True)
    install = subprocess.run(
        [place / "venv/bin/pip", "install", "--quiet", f"{wheel}[serve]", "pytest"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if install.returncode:
        unavailable(f"its dependencies cannot be installed: {install.stderr}")
    (place / "work").mkdir()
    return Newcomer(place / "venv", place / "work")


def unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def test_from_an_empty_folder_to_production_and_back(newcomer: Newcomer) -> None:
    types = newcomer.types
    assert "new " in types("lback --help")
    types("lback new project shop")
    newcomer.folder /= "shop"
    # The wheel that the project carries, on top of the one that made it.
    types("pip install --quiet --force-reinstall --no-deps -r requirements.txt")
    types("pip install --quiet -r requirements-dev.txt && pip check")
    assert stat.S_IMODE((newcomer.folder / ".env").stat().st_mode) == 0o600
    assert "No route is more open" in types("lback routes --audit")

    types("lback new app orders")
    add_to_project(newcomer.folder, "orders")
    assert re.search(r"GET +/orders/ ", types("python manage.py routes"))
    types("lback makemigrations && lback migrate")
    types(
        "lback create_superuser --username ada --email ada@example.org",
        LBACK_PASSWORD="correct horse battery staple",
    )
    assert "ada@example.org" in types("lback list_users")

    with newcomer.serving("python manage.py runserver --port 0") as (port, process):
        status, page = get(port, "/")
        assert (status, "Nothing yet." in page) == (200, True)
        assert get(port, "/orders/")[0] == 200
        assert get(port, "/no-such")[0] == 404
        assert "Sign in" in get(port, "/admin/sign-in")[1]
        assert "color-scheme" in get(port, "/static/style.css")[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0

    assert "12 passed" in types("lback test -q")
    types("lback routes --lock && lback routes --audit")
    assert ".env" not in types("git init -q . && git add -A && git ls-files").split()
    assert len(types("lback signals").splitlines()) > 40

    add_column(newcomer.folder)
    types("lback makemigrations --no-input && lback migrate")
    types("lback rollback && lback migrate")
    types("lback collectstatic")

    deployed = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost", "HSTS_SECONDS": "31536000"}
    assert "0 errors" in types("lback check --deploy", **deployed)
    with newcomer.serving("lback serve --port 0 --workers 2", **deployed) as (port, process):
        statuses = load(port)
        assert set(statuses) == {200}, statuses
        assert len(statuses) > 50
        (style,) = re.findall(r'href="(/static/style\.\w+\.css)"', get(port, "/")[1])
        assert get(port, style)[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def add_to_project(folder: Path, app: str) -> None:
    """Write the two lines that `lback new app` asks for."""
    settings, urls = folder / "settings.py", folder / "urls.py"
    settings.write_text(
        settings.read_text().replace(
            'INSTALLED_APPS = ["notes"]', f'INSTALLED_APPS = ["notes", "{app}"]'
        )
    )
    urls.write_text(
        urls.read_text().replace(
            "urlpatterns = [", f'urlpatterns = [\n    include("{app}.urls", "/{app}/"),'
        )
    )


def add_column(folder: Path) -> None:
    """Give the model of the app another column."""
    models = folder / "orders" / "models.py"
    models.write_text(
        models.read_text().replace(
            "    created_at: ",
            "    paid: Mapped[bool] = mapped_column(default=False)\n    created_at: ",
        )
    )


def test_the_minimal_project_answers_at_once(newcomer: Newcomer, tmp_path: Path) -> None:
    newcomer = Newcomer(newcomer.bin.parent, tmp_path)
    newcomer.types("lback startproject mini --minimal")
    newcomer.folder /= "mini"

    with newcomer.serving("python manage.py runserver --port 0") as (port, _):
        status, page = get(port, "/")
    assert status == 200
    assert "mini is running" in page
    assert "1 passed" in newcomer.types("lback test -q")
    facts = json.loads(newcomer.types("lback config --json --changed"))
    assert facts["DEBUG"] == {
        "value": "True",
        "source": ".env",
        "shadows": {"settings.py": "False"},
    }


def test_accounts_tokens_and_the_admin_as_the_guides_say(
    newcomer: Newcomer, tmp_path: Path
) -> None:
    newcomer = Newcomer(newcomer.bin.parent, tmp_path)
    types = newcomer.types
    types("pip install --quiet 'joserfc>=1.2'")  # what the extra jwt brings
    types("lback new project corner")
    newcomer.folder /= "corner"
    types("lback new app shop --minimal")
    add_to_project(newcomer.folder, "shop")
    files = Files(newcomer.folder)
    files.apply("accounts")
    files.apply("tokens")
    files.apply("admin", without=("urls.py",))  # the project has that line already
    types("lback makemigrations && lback migrate && lback collectstatic")
    types("lback create_superuser --username root", LBACK_PASSWORD=PASSWORD)

    deployed = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost", "MAIL_BACKEND": "file"}
    with newcomer.serving("lback serve --port 0 --workers 2", **deployed) as (port, _):
        ada = Visitor(port, newcomer.folder)
        sign_up(files, ada, "ada@example.org")
        assert "ada@example.org" in ada.get("/accounts/").text

        program = Visitor(port, newcomer.folder)
        account = {"username": "ada@example.org", "password": PASSWORD}
        pair = program.post_json("/tokens/", account).json()
        bearer = f"Bearer {pair['access_token']}"
        assert program.get("/me", Authorization=bearer).json() == {"name": "ada@example.org"}

        root = Visitor(port, newcomer.folder)
        root.submit("/admin/sign-in", {"username": "root", "password": PASSWORD})
        assert root.submit("/admin/maker/add", {"name": "Thonet"}).status == 303
        assert "Thonet" in root.get("/admin/maker").text
        assert "ada@example.org" in root.get("/admin/user").text
        assert ada.get("/admin/").status == 302
