"""The example API does what its document says: asked by Schemathesis, and by a typed client."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from secrets import token_hex
from types import ModuleType

import pytest
from openapi_spec_validator import validate

from lback import Application
from lback.database import Base
from lback.testing import ApiContract, Client
from lback.testing.contract import served
from tests.conftest import new_postgresql, unavailable

ROOT = Path(__file__).parents[2]
TYPESCRIPT = Path(__file__).with_name("typescript")
PRODUCTION = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["localhost"],
}
OPERATIONS = {
    "GET /api/books",
    "POST /api/books",
    "GET /api/books/{book_id}",
    "PATCH /api/books/{book_id}",
    "DELETE /api/books/{book_id}",
    "GET /api/prices",
}


@pytest.fixture(scope="module")
def bookshop() -> Iterator[ModuleType]:
    """The module of the example, imported as a program of its own would be."""
    name = f"bookshop_{token_hex(4)}"
    spec = util.spec_from_file_location(name, ROOT / "examples" / "bookshop_api" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]
    Base.metadata.remove(module.Book.__table__)
    Base.registry._dispose_cls(module.Book)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bookshop.sqlite3'}"
    else:
        yield from new_postgresql()


@pytest.fixture
def app(bookshop: ModuleType, url: str) -> Iterator[Application]:
    app: Application = bookshop.build_app(DATABASE_URL=url, **PRODUCTION)
    yield app
    app.db_manager.dispose()


def key_of(app: Application) -> str:
    """A new API key of a user."""
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        user = app.user_manager.register(session, "ada", "correct horse battery")
        key: str = keys.create(session, user, "tests")[0]
    return key


def test_schemathesis_finds_no_difference(app: Application) -> None:
    report = ApiContract(app).check(max_examples=10)
    assert report.operations == report.succeeded == OPERATIONS
    assert report.failures == []


@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_the_document_is_valid(bookshop: ModuleType, tmp_path: Path, version: str) -> None:
    app = bookshop.build_app(DATABASE_URL=f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    validate(app.dependencies["openapi"].document(version))
    app.db_manager.dispose()


def test_a_reader_needs_no_key_and_a_writer_does(app: Application) -> None:
    client = Client(app, enforce_csrf=True)
    book = {"title": "Emma", "genre": "novel", "cents": 990}
    assert client.get("/api/books").json() == []
    refused = client.post("/api/books", json=book)
    assert refused.status_code in (401, 403)
    assert refused.headers["content-type"] == "application/problem+json"
    bearer = {"Authorization": f"Bearer {key_of(app)}"}
    added = client.post("/api/books", json={**book, "cents": 990.0}, headers=bearer)
    assert (added.status_code, added.json()["cents"]) == (201, 990)  # 990.0 is an integer in JSON
    events = client.get("/api/prices").text
    assert events == 'event: price\nid: 1\ndata: {"title":"Emma","cents":990}\n\n'


def test_a_typescript_client_compiles_and_talks_to_the_server(
    bookshop: ModuleType, tmp_path: Path
) -> None:
    if shutil.which("npm") is None:
        unavailable("npm is not installed; a TypeScript client cannot be compiled")
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    app = bookshop.build_app(DATABASE_URL=url, **PRODUCTION)
    folder = tmp_path / "client"
    shutil.copytree(TYPESCRIPT, folder)
    document = app.dependencies["openapi"].document()
    (folder / "openapi.json").write_text(json.dumps(document))

    def run(*command: str) -> str:
        done = subprocess.run(
            command, check=False, cwd=folder, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    run("npx", "--no-install", "openapi-typescript", "openapi.json", "--output", "api.d.ts")
    run("npx", "--no-install", "tsc", "--project", ".")
    with served(app) as address:
        printed = run("node", "built/client.js", address, key_of(app))
    app.db_manager.dispose()
    assert printed == "client: all calls as documented\n"
