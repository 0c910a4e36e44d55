"""Two processes of one application know the same visitors, by PostgreSQL and Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from redis import Redis

from lback.core.http.cookies import parse_cookies
from lback.database import DatabaseManager
from lback.users import UserManager

WORKER = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from lback import Application, Request
from lback.auth import authenticate, login, logout_everywhere
from lback.middleware import csrf_exempt

app = Application()


@app.route("/sign-in", methods=["POST"], requires_auth=False)
@csrf_exempt
def sign_in(request: Request):
    user = authenticate(request, request.POST["username"], request.POST["password"])
    if user is None:
        return "no", 422
    login(request, user)
    return "in"


@app.route("/private")
def private(request: Request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return f"{request.user.username} {request.session['seen']}"


@app.route("/leave", methods=["POST"])
@csrf_exempt
def leave(request: Request):
    logout_everywhere(request, request.user)
    return "out"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


class Visitor:
    """A browser with one jar of cookies, whichever worker it meets."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def send(self, port: int, path: str, **form: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        body = None
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        connection.request("POST" if form else "GET", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for value in answer.headers.get_all("Set-Cookie") or []:
            self.cookies.update(parse_cookies(value.partition(";")[0]))
        connection.close()
        return answer.status, text


@pytest.fixture(params=["redis", "database"])
def workers(
    request: pytest.FixtureRequest,
    postgresql_url: str,
    redis_url: str,
    redis_client: Redis,
    tmp_path: Path,
) -> Iterator[list[int]]:
    """The ports of two processes that share a database, and a store of sessions."""
    database = DatabaseManager.from_url(postgresql_url)
    database.create_tables()
    with database.session() as session:
        ada = UserManager().register(session, "ada", "correct horse")
    environment = {
        **os.environ,
        "DATABASE_URL": postgresql_url,
        "REDIS_URL": redis_url,
        "SESSION_STORE": request.param,
        "LOGIN_ATTEMPTS_STORE": "redis",
        "LOGIN_ATTEMPTS_PER_ACCOUNT": "3",
        "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
        "ALLOWED_HOSTS": "127.0.0.1",
    }
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    processes = [
        subprocess.Popen(
            [sys.executable, str(script)], env=environment, cwd=tmp_path, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    yield [int(process.stdout.readline()) for process in processes if process.stdout]
    for process in processes:
        process.terminate()
        process.communicate(timeout=20)
    with database.session() as session:
        session.delete(session.merge(ada))
    database.dispose()


@pytest.mark.postgresql
@pytest.mark.redis
def test_a_visitor_is_known_to_both_and_gone_from_both(workers: list[int]) -> None:
    one, other = workers
    visitor, stranger = Visitor(), Visitor()
    assert visitor.send(one, "/sign-in", username="ada", password="correct horse") == (200, "in")
    assert visitor.send(other, "/private") == (200, "ada 1")
    assert visitor.send(one, "/private") == (200, "ada 2")
    assert visitor.send(other, "/private") == (200, "ada 3")
    assert stranger.send(one, "/private")[0] == 401
    elsewhere = Visitor()
    assert elsewhere.send(other, "/sign-in", username="ada", password="correct horse")[0] == 200
    assert visitor.send(other, "/leave", sure="yes") == (200, "out")
    assert visitor.send(one, "/private")[0] == 401
    assert elsewhere.send(one, "/private")[0] == 401

    # Guesses at one count at the other.
    guess = {"username": "ada", "password": "x"}
    answers = [stranger.send(port, "/sign-in", **guess)[0] for port in (one, other, one)]
    assert answers == [422, 422, 422]
    assert stranger.send(other, "/sign-in", username="ada", password="correct horse")[0] == 429
