"""The parts of an application: none before it is needed, all of them what they are called."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

import lback.core
from lback import Application, BaseMiddleware, ConfigurationError, Request
from lback.core import server
from lback.core.templates import set_default_router
from lback.services import BUILDERS
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


def test_anyone_who_makes_tables_knows_all_of_the_framework(tmp_path: Path) -> None:
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
    app = Application(JWT_AUDIENCE="https://api.example.com", TASKS="database", REALTIME="database")
    others = {
        "db_manager": "databasemanager",
        "tasks": "databasequeue",
        "realtime": "databaseengine",
        "storage": "folderstorage",
    }
    for name in BUILDERS:
        part = app.dependencies[name]
        assert type(part).__name__.lower() == others.get(name, name.replace("_", ""))
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
    app.db_manager.dispose()


def test_an_unknown_store_lists_the_ones_that_there_are() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Application(SESSION_STORE="file")
    assert str(refused.value) == (
        "SESSION_STORE = 'file': must be one of database, memory, redis, the dotted name of a class"
    )


# In a project, where routes are loaded while the application is built.

PROJECT = """
DEBUG = {debug}
SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "urls"
DATABASE_URL = "sqlite:///{folder}/site.sqlite3"
JWT_AUDIENCE = "https://api.example.com"
TASKS = "database"
REALTIME = "database"
"""
HEAD = """
from lback import Request, include, path

def view_of(name):
    scope = {{}}
    exec(f"def view(request, {{name}}): return {{{{'kind': type({{name}}).__name__}}}}", scope)
    return scope["view"]

urlpatterns = [
    include("lback.accounts.urls", "/accounts/"),
    include("lback.accounts.tokens", "/tokens/"),
    *[path(f"/{{name}}", view_of(name), requires_auth=False) for name in {names!r}],
]
"""
MEET = """
from lback.core import create_wsgi_app, server
from lback.testing import Client

client = Client(create_wsgi_app())
server.db_manager.create_tables()
kinds = {{name: client.get(f"/{{name}}").json()["kind"] for name in {names!r}}}
assert "NoneType" not in kinds.values(), kinds
assert "Sign in" in client.get("/accounts/sign-in").text
assert client.post("/tokens/", data={{"username": "ada", "password": "no"}}).status_code == 401
"""

# What an application without a database, users or mail has as well.
SERVICES = sorted(
    {"config", "router", "dispatcher", "template_renderer", "middleware_manager", "error_handler"}
    | {"app", "cache", "caches", "exception_handlers", "static_files", *BUILDERS}
)


@pytest.fixture(params=[True, False], ids=["debug", "deployed"])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A project whose routes ask for every service there is."""
    (tmp_path / "settings.py").write_text(PROJECT.format(debug=request.param, folder=tmp_path))
    (tmp_path / "urls.py").write_text(HEAD.format(names=SERVICES))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LBACK_PROJECT_ROOT", raising=False)
    for name in server.__annotations__:  # what is published, if another test did so
        monkeypatch.setattr(server, name, None)
    yield tmp_path
    set_default_router(None)


def test_the_list_of_services_is_the_whole_of_it(project: Path) -> None:
    lback.core.initialize_core_components()
    controller = server.app_controller
    assert controller is not None
    assert sorted(controller.dependencies) == SERVICES


def test_views_of_a_project_may_ask_for_every_service(project: Path) -> None:
    client = Client(lback.core.create_wsgi_app())
    assert server.db_manager is not None
    server.db_manager.create_tables()
    for name in SERVICES:
        assert client.get(f"/{name}").json()["kind"] != "NoneType"
    assert client.get("/accounts/sign-in").status_code == 200


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_may_be_the_first_that_a_route_asks_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first_urls.py").write_text(HEAD.format(names=[name]).replace("    include", "#"))
    monkeypatch.syspath_prepend(tmp_path)
    app = Application(
        ROOT_URLCONF="first_urls",
        DATABASE_URL=f"sqlite:///{tmp_path}/site.sqlite3",
        JWT_AUDIENCE="https://api.example.com",
        TASKS="database",
        REALTIME="database",
    )
    kind = type(app.dependencies[name]).__name__
    assert Client(app).get(f"/{name}").json() == {"kind": kind}


def test_a_process_of_its_own_serves_all_of_them(project: Path) -> None:
    run(MEET.format(names=SERVICES), project)


def test_a_service_without_its_setting_is_told_with_it() -> None:
    app = Application()
    with pytest.raises(ConfigurationError) as refused:
        app.add_route("/", lambda request, token_manager: "")
    assert str(refused.value).endswith("; 'token_manager' needs the setting JWT_AUDIENCE")
    with pytest.raises(ConfigurationError, match="'token_manager' needs the setting JWT_AUDIENCE"):
        app.include("lback.accounts.tokens", "/tokens/")
    assert "token_manager" not in app.dependencies

    class Tokens(BaseMiddleware):
        def __init__(self, token_manager: Any) -> None: ...

    with pytest.raises(TypeError, match="'token_manager', which needs the setting JWT_AUDIENCE"):
        app.add_middleware(Tokens)
