"""Tasks run in the language in which they were enqueued."""

from collections.abc import Iterator
from typing import Any

import pytest

from lback import Application
from lback.i18n import get_language, gettext, language
from lback.tasks import Worker, task
from lback.tasks.definitions import TASKS
from lback.testing import Client
from lback.translation import CURRENT
from tests.i18n.conftest import Build


@pytest.fixture
def greet() -> Iterator[Any]:
    @task(name="i18n_tests.greet")
    def greet() -> str:
        return f"{get_language()} {gettext('Welcome')}"

    yield greet
    del TASKS["i18n_tests.greet"]


@pytest.fixture
def make(build: Build) -> Iterator[Build]:
    built: list[Application] = []

    def application(**settings: Any) -> Application:
        app = build(**{"TASKS": "database", "DB_NAME": "tasks.sqlite3", **settings})
        app.db_manager.create_tables()
        built.append(app)
        return app

    yield application
    for app in built:
        app.db_manager.dispose()


def run(app: Application) -> None:
    if app.config.TASKS == "database":
        Worker(app.dependencies).run(burst=True)


def with_page(app: Application, greet: Any, handles: list[Any]) -> Client:
    @app.route("/", requires_auth=False)
    def home() -> str:
        handles.append(greet.enqueue())
        return "done"

    return Client(app)


@pytest.mark.parametrize("kind", ["database", "immediate"])
def test_a_task_runs_in_the_language_of_the_request(make: Build, greet: Any, kind: str) -> None:
    app = make(TASKS=kind)
    handles: list[Any] = []
    client = with_page(app, greet, handles)
    for code in ("de", "ar", "en"):
        client.get("/", headers={"Accept-Language": code})
    run(app)
    results = [handle.refresh().result for handle in handles]
    assert results == ["de Willkommen", "ar أهلا", "en Welcome"]


def test_a_task_runs_in_the_language_of_a_block(make: Build, greet: Any) -> None:
    app = make(LANGUAGE="ar")
    languages = app.dependencies["languages"]
    token = CURRENT.set(languages.find("ar"))
    try:
        with language("de"):
            german = greet.enqueue()
        arabic = greet.enqueue()
    finally:
        CURRENT.reset(token)
    default = greet.enqueue()
    run(app)
    results = [handle.refresh().result for handle in (german, arabic, default)]
    assert results == ["de Willkommen", "ar أهلا", "ar أهلا"]
    assert get_language() == "en"


def test_a_language_that_was_removed_is_the_default(make: Build, greet: Any) -> None:
    before = make()
    handles: list[Any] = []
    with_page(before, greet, handles).get("/", headers={"Accept-Language": "ar"})
    app = make(LANGUAGES=["de"], LANGUAGE="de")
    run(app)
    assert app.tasks.find(handles[0].id).result == "de Willkommen"  # type: ignore[union-attr]


def test_an_application_with_one_language_stores_none(make: Build, greet: Any) -> None:
    app = make(TASKS="immediate", LANGUAGES=[])
    handles: list[Any] = []
    with_page(app, greet, handles).get("/")
    record = app.tasks.find(handles[0].id)
    assert record is not None
    assert (record.language, record.result) == (None, "en Welcome")
