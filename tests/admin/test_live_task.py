"""The page of one task in the admin is a live page while the task runs."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from lback import Application
from lback.cli.work import build_worker
from lback.database import DatabaseManager
from lback.realtime import room
from lback.realtime.positions import START
from lback.realtime.rooms import ROOMS
from lback.realtime.tables import MESSAGES
from lback.tasks import task
from lback.testing import Client, SocketRefused
from lback.users import AdminUser, User, define_role
from tests.admin.conftest import HASH, build_gallery

FRAGMENT = 'data-lback-fragment="admin/_task.html"'


@task(name="tests.admin.paint", retries=0, queue="live")
def paint(coats: int) -> int:
    return coats


@pytest.fixture
def build(database: DatabaseManager) -> Iterator[Callable[..., Application]]:
    """Builds an application on the database of the test: `build(REALTIME="memory")`."""
    apps: list[Application] = []

    def build(**settings: Any) -> Application:
        url = database.url.render_as_string(hide_password=False)
        apps.append(build_gallery(url, TASKS="database", **settings))
        return apps[-1]

    yield build
    for app in apps:
        app.db_manager.dispose()


@pytest.fixture
def app(build: Callable[..., Application]) -> Application:
    return build(REALTIME="database")


def signed_in(app: Application, permissions: Collection[str] = ("task.view",)) -> Client:
    """A client of a new admin user with these permissions."""
    client = Client(app)
    with app.db_manager.session() as session:
        role = define_role(session, "operator", permissions)
        user = AdminUser(username="op", password_hash=HASH, roles=[role])
        session.add(user)
    client.force_login(user)
    return client


def enqueue(app: Application) -> tuple[str, str, str]:
    """Enqueue a task, and return its id, the address of its page and its room."""
    with app.db_manager.session():
        task_id = paint.enqueue(coats=2).id
    return task_id, f"/admin/-/tasks/{task_id}", f"lback:task-{task_id}"


def work(app: Application) -> None:
    build_worker(app, ["live"], 1).run(burst=True)


def events_of(app: Application, name: str) -> list[Any]:
    return [message.data for message in app.dependencies["realtime"].read(name, START).messages]


def test_the_page_is_live_until_the_task_has_ended(app: Application) -> None:
    _, address, name = enqueue(app)
    client = signed_in(app)
    page = client.get(address)
    assert page.status_code == 200
    assert FRAGMENT in page.text
    assert f'data-lback-room="{name}"' in page.text
    work(app)
    # What the script fetches has the fragment; a page that is opened now does not follow.
    fetched = client.get(address, headers={"X-Lback-Fragment": "admin%2F_task.html"})
    assert FRAGMENT in fetched.text
    assert "successful" in fetched.text
    assert FRAGMENT not in client.get(address).text


def test_changes_are_published_without_their_content(app: Application) -> None:
    _, address, name = enqueue(app)
    client = signed_in(app)
    client.get(address)
    client.get(address)
    told = {"event": "refresh", "fragment": "admin/_task.html"}
    assert events_of(app, name) == [told]  # what changed before the first page
    work(app)
    assert events_of(app, name) == [told] * 3  # it runs, and it has ended


def test_nothing_is_published_for_tasks_that_nobody_watches(app: Application) -> None:
    enqueue(app)
    work(app)
    with app.db_manager.session() as session:
        assert session.scalar(select(func.count()).select_from(MESSAGES)) == 0


def test_without_realtime_it_is_a_plain_page(build: Callable[..., Application]) -> None:
    app = build()
    _, address, _ = enqueue(app)
    page = signed_in(app).get(address)
    assert page.status_code == 200
    assert "data-lback" not in page.text
    assert "ready" in page.text


def test_an_engine_that_does_not_answer_does_not_hide_the_page(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise engine.errors[0]("away")

    engine = app.dependencies["realtime"]
    monkeypatch.setattr(engine, "append", fail)
    _, address, _ = enqueue(app)
    page = signed_in(app).get(address)
    assert page.status_code == 200
    assert "ready" in page.text


def refused(client: Client, name: str) -> int:
    with pytest.raises(SocketRefused) as found, client.events(name):
        pass
    return found.value.status_code


def test_only_those_who_may_view_the_page_may_subscribe(app: Application) -> None:
    task_id, address, name = enqueue(app)
    operator = signed_in(app)
    operator.get(address)
    with operator.events(name) as events:
        work(app)
        data = events.receive().data["data"]
        assert data == {"event": "refresh", "fragment": "admin/_task.html"}
    assert refused(Client(app), name) == 403
    with app.db_manager.session() as session:
        reader = AdminUser(username="reader", password_hash=HASH)
        visitor = User(username="op", email="op@example.org", password_hash=HASH)
        session.add_all([reader, visitor])
    for other in (reader, visitor):
        client = Client(app)
        client.force_login(other)
        assert refused(client, name) == 403
    assert refused(operator, f"task-{task_id}") == 403
    assert refused(operator, "lback:access") == 403


def test_a_rule_of_the_project_does_not_open_the_room(app: Application) -> None:
    _, _, name = enqueue(app)
    before = dict(ROOMS)
    try:
        room("{name}")(lambda name: name != "")
        assert refused(Client(app), name) == 403
    finally:
        ROOMS.clear()
        ROOMS.update(before)


def test_losing_the_permission_ends_the_events(app: Application) -> None:
    _, address, name = enqueue(app)
    operator = signed_in(app)
    operator.get(address)
    with operator.events(name) as events:
        with app.db_manager.session() as session:
            user = app.admin_user_manager.get_by_username(session, "op")
            assert user is not None
            app.admin_user_manager.set_roles(session, user, [])
        assert [event.event for event in events][-1] == "reload"
    assert refused(operator, name) == 403
