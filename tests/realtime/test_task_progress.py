"""The progress of tasks on live pages, published by a worker."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lback import Application
from lback.cli.work import build_worker
from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.realtime import room
from lback.realtime.positions import START
from lback.realtime.rooms import ROOMS
from lback.tasks import progress, task


@task(name="tests.realtime.count", retries=0, queue="realtime")
def count(to: int) -> None:
    if to < 0:
        raise ValueError("cannot count backwards")
    progress(to, to, "all <counted>")


@pytest.fixture
def rule() -> Iterator[None]:
    before = dict(ROOMS)
    room("task-{task_id}")(lambda task_id: task_id != "")
    yield
    ROOMS.clear()
    ROOMS.update(before)


@pytest.fixture
def app(database: DatabaseManager, database_url: str, tmp_path: Path) -> Iterator[Application]:
    (tmp_path / "page.html").write_text("{{ task_progress(task_id) }}")
    app = Application(
        REALTIME="database",
        TASKS="database",
        DATABASE_URL=database_url,
        TEMPLATE_DIRS=[str(tmp_path)],
    )
    yield app
    app.db_manager.dispose()


def shown(app: Application, task_id: str) -> list[str]:
    messages = app.dependencies["realtime"].read(f"task-{task_id}", START).messages
    found: list[Any] = [message.data for message in messages]
    return [" ".join(re.sub("<[^>]+>", " ", one["html"]).split()) for one in found]


@pytest.mark.usefixtures("rule")
def test_a_worker_publishes_progress(app: Application) -> None:
    handle = count.enqueue(to=3)
    page = app.template_renderer.render_to_string("page.html", task_id=handle.id)
    assert f'data-lback-room="task-{handle.id}"' in page
    assert "Waiting" in page
    build_worker(app, ["realtime"], 1).run(burst=True)
    assert shown(app, handle.id) == [
        "Running",
        "Running 3.0 of 3.0 all &lt;counted&gt;",
        "Finished all &lt;counted&gt;",
    ]
    page = app.template_renderer.render_to_string("page.html", task_id=handle.id)
    assert "Finished" in page


@pytest.mark.usefixtures("rule")
def test_a_failure_is_shown(app: Application) -> None:
    handle = count.enqueue(to=-1)
    build_worker(app, ["realtime"], 1).run(burst=True)
    assert shown(app, handle.id) == ["Running", "Failed"]


def test_without_a_rule_nothing_is_published(app: Application) -> None:
    handle = count.enqueue(to=3)
    build_worker(app, ["realtime"], 1).run(burst=True)
    assert handle.state == "successful"
    assert shown(app, handle.id) == []
    with pytest.raises(ConfigurationError, match="no rule matches the room 'task-"):
        app.template_renderer.render_to_string("page.html", task_id=handle.id)


@pytest.mark.usefixtures("rule")
def test_a_task_that_cannot_be_published_succeeds(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise app.dependencies["realtime"].errors[0]("away")

    monkeypatch.setattr(app.dependencies["realtime"], "append", fail)
    handle = count.enqueue(to=3)
    build_worker(app, ["realtime"], 1).run(burst=True)
    assert handle.state == "successful"


@pytest.mark.usefixtures("rule")
def test_an_unknown_task(app: Application) -> None:
    page = app.template_renderer.render_to_string("page.html", task_id="nothing")
    assert "Unknown" in page
