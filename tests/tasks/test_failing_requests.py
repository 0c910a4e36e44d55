"""Requests that enqueue a task and then fail at random leave a row and a task, or neither.

`LBACK_TEST_REQUESTS=1000 pytest tests/tasks/test_failing_requests.py` sends more of them.
"""

import http.client
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cli.serving import Running, running
from tests.tasks.kills import Site

REQUESTS = int(os.environ.get("LBACK_TEST_REQUESTS", "100"))
CLIENTS = 2

VIEWS = '''"""Views that store a row, enqueue a task about it, and fail as the client says."""

from lback import HTTPException, Request
from lback.middleware import csrf_exempt
from sqlalchemy import text

from tasks import note

ROW = text("INSERT INTO orders (number) VALUES (:n)")
AGAIN = text("INSERT INTO only_once (id) VALUES (1)")


def home(request: Request) -> str:
    return "home"


@csrf_exempt
def order(request: Request, db_session) -> str:
    number, how = int(request.POST["number"]), request.POST["how"]
    if how == "before":
        raise ValueError("nothing is written yet")
    if number % 2:
        note.enqueue(number=number)
        db_session.execute(ROW, {"n": number})
    else:
        db_session.execute(ROW, {"n": number})
        note.enqueue(number=number)
    if how == "exception":
        raise ValueError("after both")
    if how == "conflict":
        raise HTTPException("refused", 409)
    if how == "statement":
        db_session.execute(AGAIN)
        db_session.execute(AGAIN)
    return str(number)
'''
URLS = """
from lback import path
from views import home, order

urlpatterns = [
    path("/", home, ["GET"], requires_auth=False),
    path("/orders", order, ["POST"], requires_auth=False),
]
"""
# What becomes of a request that fails in one of these ways.
STATUSES = {"not": 200, "before": 500, "exception": 500, "conflict": 409, "statement": 500}


@pytest.fixture
def site(new_database_url: str, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, new_database_url)
    (site.folder / "views.py").write_text(VIEWS)
    (site.folder / "urls.py").write_text(URLS)
    site.enqueue(0)  # creates the tables of the task
    with site.engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER)"))
        connection.execute(text("CREATE TABLE only_once (id INTEGER PRIMARY KEY)"))
    yield site
    site.manager.dispose()


def send(server: Running, orders: list[tuple[int, str]]) -> list[tuple[int, str, int]]:
    """Send orders one after another on one connection; return their statuses with them."""
    answers = []
    headers = {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"}
    for number, how in orders:
        with closing(
            http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        ) as connection:
            connection.request("POST", "/orders", f"number={number}&how={how}", headers)
            response = connection.getresponse()
            response.read()
        answers.append((number, how, response.status))
    return answers


def numbers(site: Site, table: str) -> list[int]:
    with site.engine.connect() as connection:
        return sorted(connection.execute(text(f"SELECT number FROM {table}")).scalars())


def test_rows_and_tasks_agree(site: Site) -> None:
    chance = random.Random(16)
    # Half of them succeed, and each way of failing is taken at least once.
    ways = [*STATUSES, *chance.choices(list(STATUSES), [4, 1, 1, 1, 1], k=REQUESTS - len(STATUSES))]
    orders = list(enumerate(ways))
    arguments = ("serve", "--port", "0", "--workers", "2")
    with (
        running(*arguments, cwd=site.folder, **site.environment) as server,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        shares = [orders[client::CLIENTS] for client in range(CLIENTS)]
        answers = [a for share in pool.map(send, [server] * CLIENTS, shares) for a in share]

    assert [(n, how, s) for n, how, s in answers if s != STATUSES[how]] == []
    kept = sorted(number for number, how, _ in answers if how == "not")
    assert numbers(site, "orders") == kept
    assert site.states() == {"ready": len(kept)}

    site.run("work", "--burst")
    assert site.states() == {"successful": len(kept)}
    assert numbers(site, "results") == kept
