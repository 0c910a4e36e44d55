"""The parts of an application: none before it is needed, all of them what they are called."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from lback import Application, ConfigurationError, Request
from lback.parts import BUILDERS
from lback.testing import Client

HELLO = """
import sys
from lback import Application, Response
from lback.testing import Client

app = Application(DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
app.add_route("/", lambda request: Response("Hello"), requires_auth=False)
app.add_route("/closed", lambda request: Response("never"))
client = Client(app)
assert client.get("/").text == "Hello"
assert client.get("/missing").status_code == 404
"""


def run(script: str, directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_application_that_needs_no_database_does_not_load_its_library(tmp_path: Path) -> None:
    script = HELLO + (
        "heavy = {'sqlalchemy', 'argon2', 'smtplib', 'lback.admin', 'lback.forms', 'lback.users'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    run(script, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_touches_the_session_brings_what_keeps_it(tmp_path: Path) -> None:
    script = (
        HELLO.replace(
            "client = Client(app)",
            """
def count(request):
    request.session["n"] = request.session.get("n", 0) + 1
    return {"n": request.session["n"]}

app.add_route("/count", count, requires_auth=False)
client = Client(app)
""",
        )
        + "assert [client.get('/count').json()['n'] for _ in range(2)] == [1, 2]\n"
    )
    run(script, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["db.sqlite3"]


def test_a_closed_route_still_asks_who_comes(tmp_path: Path) -> None:
    run(HELLO + "assert client.get('/closed').status_code == 401\n", tmp_path)


def test_whoever_makes_tables_knows_all_of_the_framework(tmp_path: Path) -> None:
    script = HELLO + (
        "from sqlalchemy import inspect\n"
        "app.db_manager.create_tables()\n"
        "made = set(inspect(app.db_manager.engine).get_table_names())\n"
        "import importlib, pkgutil, lback\n"
        "for module in pkgutil.walk_packages(lback.__path__, 'lback.'):\n"
        "    if not module.name.startswith(('lback.scaffolding', 'lback.__main__')):\n"
        "        importlib.import_module(module.name)\n"
        "from lback.database import Base\n"
        "assert made == set(Base.metadata.tables), made ^ set(Base.metadata.tables)\n"
        "print(len(made))\n"
    )
    assert int(run(script, tmp_path)) > 5


def test_every_part_is_found_by_its_name() -> None:
    app = Application(JWT_AUDIENCE="https://api.example.com")
    for name in BUILDERS:
        part = app.dependencies[name]
        assert type(part).__name__.lower() == name.replace("db_", "database_").replace("_", "")
        assert getattr(app, name, part) is part


def test_a_request_meets_the_parts_that_its_application_has() -> None:
    app = Application()
    met: list[Any] = []

    @app.route("/", requires_auth=False)
    def look(request: Request, mailer: Any) -> str:
        met.extend([request.session_manager, request.user_manager, request.admin_user_manager])
        met.extend([request.admin_registry, request.get_context("db_manager"), mailer])
        return "seen"

    assert Client(app).get("/").text == "seen"
    assert met == [
        app.session_manager, app.user_manager, app.admin_user_manager, app.admin_registry,
        app.db_manager, app.mailer,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_STORE": "shop.Nowhere"},
        {"USER_MODEL": "shop.Nobody"},
        {"JWT_AUDIENCE": "https://api.example.com", "JWT_ALGORITHM": "ES256", "JWT_KEY": "no key"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_setting_that_names_nothing_is_refused_when_the_application_is_built(
    settings: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError):
        Application(**settings)


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Application(SESSION_STORE="shop.Nowhere", USER_MODEL="shop.Nobody")
    assert str(refused.value).startswith("2 settings cannot work:\n- ")
    assert "SESSION_STORE = 'shop.Nowhere'" in str(refused.value)
    assert "USER_MODEL = 'shop.Nobody'" in str(refused.value)


def test_the_database_is_opened_by_its_first_use_alone(tmp_path: Path) -> None:
    app = Application(DATABASE_URL=f"sqlite:///{tmp_path}/later.sqlite3")
    app.add_route("/", lambda request: "Hello", requires_auth=False)
    assert Client(app).get("/").text == "Hello"
    assert not app.dependencies.is_built("db_manager")
    assert not (tmp_path / "later.sqlite3").exists()
    app.db_manager.create_tables()
    assert "lback_users" in inspect(app.db_manager.engine).get_table_names()


def test_an_unknown_store_lists_the_ones_that_there_are() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Application(SESSION_STORE="file")
    assert str(refused.value) == (
        "SESSION_STORE = 'file': must be one of database, memory, redis, the dotted name of a class"
    )
