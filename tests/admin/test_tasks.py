"""The pages of background tasks in the admin."""

import re
from collections.abc import Collection, Iterator
from html import unescape

import pytest

from lback import Application
from lback.database import Base, DatabaseManager
from lback.tasks import task
from lback.tasks.workers import Worker
from lback.testing import Client, ClientResponse
from lback.users import AdminUser, define_role
from tests.admin.conftest import HASH, build_gallery

VIEW, CHANGE = "task.view", "task.change"


@task(queue="mail")
def send_letter(number: int) -> int:
    return number


@task(queue="mail", sensitive=True)
def send_code(code: str) -> None:
    pass


@task(queue="files", retries=0)
def burn(name: str) -> None:
    raise OSError(f"cannot burn <{name}>")


@pytest.fixture
def app(database: DatabaseManager) -> Iterator[Application]:
    app = build_gallery(database.url.render_as_string(hide_password=False), TASKS="database")
    yield app
    app.db_manager.dispose()


def signed_in(app: Application, permissions: Collection[str] = (VIEW, CHANGE)) -> Client:
    """A client of a new admin user with these permissions."""
    client = Client(app)
    with app.db_manager.session() as session:
        role = define_role(session, "operator", permissions)
        user = AdminUser(username="op", password_hash=HASH, roles=[role])
        session.add(user)
    client.force_login(user)
    return client


def text_of(response: ClientResponse) -> str:
    assert response.status_code == 200, response.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def address_of(client: Client, name: str) -> str:
    """The address of a task, which the list links to."""
    page = client.get("/admin/-/tasks").text
    found = re.search(rf'href="([^"]+)">[^<]*{name}</a>', page)
    assert found, page
    return found[1]


def post(client: Client, url: str) -> ClientResponse:
    """Press a button of a page, with the token that the page holds."""
    page = client.get("/admin/-/tasks").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    return client.post(url, data={"csrf_token": token[1]})


def test_queues_workers_and_tasks_are_listed(app: Application) -> None:
    with app.db_manager.session():
        send_letter.enqueue(number=1)
        send_letter.using(run_after=None).enqueue(number=2)
        burn.enqueue(name="CD")
    Worker(app.dependencies, queues=["files"]).run(burst=True)
    client = signed_in(app)
    home = client.get("/admin/")
    assert "Background tasks" in home.text
    text = text_of(client.get("/admin/-/tasks"))
    assert re.search(r"mail 2 \d+ s 0 0 0 open Pause", text)
    assert "files 0 0 0 1 open Pause" in text
    assert "OSError: cannot burn <CD>" in text
    narrowed = text_of(client.get("/admin/-/tasks?state=failed&queue=files"))
    assert "send_letter" not in narrowed
    assert text_of(client.get("/admin/-/tasks?name=nothing")).count("No tasks.") == 1


def test_a_list_of_many_tasks_has_pages(app: Application) -> None:
    with app.db_manager.session():
        send_letter.enqueue_many([{"number": n} for n in range(51)])
    client = signed_in(app)
    first = client.get("/admin/-/tasks?queue=mail").text
    following = re.search(r'href="(\?[^"]+before=[^"]+)"', first)
    assert following
    second = client.get(f"/admin/-/tasks{unescape(following[1])}").text
    assert (first.count("send_letter</a>"), second.count("send_letter</a>")) == (50, 1)


def test_a_failed_task_shows_its_attempts_and_is_retried(app: Application) -> None:
    with app.db_manager.session():
        burn.enqueue(name="CD")
    Worker(app.dependencies).run(burst=True)
    client = signed_in(app)
    url = address_of(client, "burn")
    text = text_of(client.get(url))
    assert "Attempt 1" in text
    assert "raise OSError" in text
    assert '{"name":"CD"}' in text.replace(": ", ":")
    assert "Cancel" not in text
    assert post(client, f"{url}/retry").status_code == 303
    text = text_of(client.get(url))
    assert "The task was enqueued again." in text
    assert "State ready" in text


def test_a_waiting_task_is_cancelled_once(app: Application) -> None:
    with app.db_manager.session():
        send_letter.enqueue(number=1)
    client = signed_in(app)
    url = address_of(client, "send_letter")
    assert post(client, f"{url}/cancel").status_code == 303
    assert "The task was cancelled." in text_of(client.get(url))
    assert post(client, f"{url}/cancel").status_code == 303
    assert "in another state by now" in text_of(client.get(url))


def test_a_queue_is_paused_and_resumed(app: Application) -> None:
    with app.db_manager.session():
        send_letter.enqueue(number=1)
    client = signed_in(app)
    assert post(client, "/admin/-/queues/mail/pause").status_code == 303
    assert "paused Resume" in text_of(client.get("/admin/-/tasks"))
    Worker(app.dependencies).run(burst=True)
    assert "State ready" in text_of(client.get(address_of(client, "send_letter")))
    assert post(client, "/admin/-/queues/mail/resume").status_code == 303
    assert post(client, "/admin/-/queues/other/pause").status_code == 404
    assert post(client, "/admin/-/queues/mail/burn").status_code == 404


def test_sensitive_arguments_are_not_shown(app: Application) -> None:
    with app.db_manager.session():
        send_code.enqueue(code="swordfish")
    client = signed_in(app)
    text = text_of(client.get(address_of(client, "send_code")))
    assert "swordfish" not in text
    assert "Arguments not shown" in text


def test_permissions_decide_who_sees_and_who_changes(app: Application) -> None:
    with app.db_manager.session():
        send_letter.enqueue(number=1)
    viewer = signed_in(app, [VIEW])
    page = viewer.get("/admin/-/tasks").text
    assert "Pause" not in page
    url = address_of(viewer, "send_letter")
    assert "Cancel" not in text_of(viewer.get(url))
    for target in (f"{url}/cancel", "/admin/-/queues/mail/pause"):
        assert post(viewer, target).status_code == 403


def test_others_do_not_see_that_there_are_tasks(app: Application) -> None:
    client = signed_in(app, [])
    assert "Background tasks" not in client.get("/admin/").text
    for url in ("/admin/-/tasks", "/admin/-/tasks/x"):
        assert client.get(url).status_code == 404
    assert Client(app).get("/admin/-/tasks").status_code == 302


@pytest.mark.parametrize("url", ["/admin/-/tasks/nothing", f"/admin/-/tasks/{'x' * 300}"])
def test_a_task_that_does_not_exist_is_not_found(app: Application, url: str) -> None:
    assert signed_in(app).get(url).status_code == 404


def test_an_application_without_tasks_has_no_pages(tmp_path: object) -> None:
    app = build_gallery(f"sqlite:///{tmp_path}/test.sqlite3")
    app.db_manager.create_tables(Base.metadata)
    client = signed_in(app)
    assert client.get("/admin/-/tasks").status_code == 404
    app.db_manager.dispose()
