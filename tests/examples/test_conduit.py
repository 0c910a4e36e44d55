"""The API of articles in `examples/conduit`, over HTTP on each database."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import Running, running
from tests.conftest import new_mariadb, new_postgresql

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "conduit"
PASSWORD = "quite another horse"
DEPLOYED = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "localhost",
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
}


@dataclass
class Person:
    """Somebody who uses the API with a token, or without one."""

    server: Running
    token: str = ""

    def ask(self, method: str, path: str, data: object = None) -> tuple[int, Any]:
        fields = {"Host": "localhost"}
        if self.token:
            fields["Authorization"] = f"Token {self.token}"
        if data is not None:
            fields["Content-Type"] = "application/json"
        body = None if data is None else json.dumps(data)
        port = self.server.port
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, f"/api{path}", body, fields)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer


NEW = {"postgresql": contextmanager(new_postgresql), "mariadb": contextmanager(new_mariadb)}


@pytest.fixture(scope="module", params=["sqlite", *NEW])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    project = tmp_path_factory.mktemp("conduit") / "conduit"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"))
    if request.param == "sqlite":
        with serving(project, f"sqlite:///{project / 'db.sqlite3'}") as program:
            yield program
        return
    with NEW[request.param]() as url, serving(project, url) as program:
        yield program


@contextmanager
def serving(project: Path, url: str) -> Iterator[Running]:
    """Serve the migrated project on a database of its own."""
    variables = {**DEPLOYED, "DATABASE_URL": url}
    command = [sys.executable, "-m", "lback", "migrate"]
    subprocess.run(command, cwd=project, env={**os.environ, **variables}, check=True)
    arguments = ("serve", "--port", "0", "--workers", "1", "--threads", "4")
    with running(*arguments, cwd=project, **variables) as program:
        yield program


def signed_up(server: Running, name: str) -> Person:
    user = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    status, answer = Person(server).ask("POST", "/users", {"user": user})
    assert status == 201, answer
    assert answer["user"]["username"] == name
    return Person(server, answer["user"]["token"])


def published(author: Person, title: str, *tags: str) -> dict[str, Any]:
    article = {"title": title, "description": "short", "body": "long", "tagList": tags}
    status, answer = author.ask("POST", "/articles", {"article": article})
    assert status == 201, answer
    found: dict[str, Any] = answer["article"]
    return found


def test_people_write_favour_comment_and_follow(server: Running) -> None:
    ada, grace, visitor = signed_up(server, "ada"), signed_up(server, "grace"), Person(server)
    article = published(ada, "On engines", "maths", "engines")
    place = f"/articles/{article['slug']}"
    assert article["tagList"] == ["engines", "maths"]
    assert published(ada, "On engines")["slug"] != article["slug"]

    assert grace.ask("POST", f"{place}/favorite")[1]["article"]["favoritesCount"] == 1
    assert grace.get(place)["article"]["favorited"] is True
    assert visitor.get(place)["article"]["favorited"] is False
    assert grace.ask("POST", "/profiles/ada/follow")[1]["profile"]["following"] is True
    assert visitor.get("/profiles/ada")["profile"]["following"] is False

    status, answer = grace.ask("POST", f"{place}/comments", {"comment": {"body": "Indeed."}})
    assert (status, answer["comment"]["author"]["username"]) == (200, "grace")
    assert [c["body"] for c in visitor.get(f"{place}/comments")["comments"]] == ["Indeed."]

    assert visitor.get("/articles?author=ada")["articlesCount"] == 2
    assert visitor.get("/articles?tag=maths")["articles"][0]["slug"] == article["slug"]
    assert visitor.get("/articles?favorited=grace")["articlesCount"] == 1
    assert visitor.get("/articles?author=grace")["articlesCount"] == 0
    latest = visitor.get("/articles?author=ada&limit=1&offset=1")
    assert [a["slug"] for a in latest["articles"]] == [article["slug"]]
    assert "body" not in latest["articles"][0]
    assert grace.get("/articles/feed")["articlesCount"] == 2
    assert visitor.get("/tags") == {"tags": ["engines", "maths"]}

    comment = f"{place}/comments/{answer['comment']['id']}"
    assert ada.ask("DELETE", comment)[0] == 403
    assert grace.ask("DELETE", comment) == (204, None)
    assert grace.ask("DELETE", f"{place}/favorite")[1]["article"]["favoritesCount"] == 0
    assert grace.ask("DELETE", "/profiles/ada/follow")[1]["profile"]["following"] is False
    assert ada.ask("DELETE", place) == (204, None)
    assert visitor.ask("GET", place)[0] == 404


def test_what_is_wrong_or_not_allowed_is_refused(server: Running) -> None:
    edith, joan, visitor = signed_up(server, "edith"), signed_up(server, "joan"), Person(server)
    place = f"/articles/{published(edith, 'Mine')['slug']}"

    status, problem = edith.ask("POST", "/articles", {"article": {"title": "", "tagList": [7]}})
    assert status == 422
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {
        "/article/title", "/article/description", "/article/body", "/article/tagList/0",
    }  # fmt: skip
    assert visitor.ask("GET", "/articles?limit=1000")[0] == 422
    assert joan.ask("PUT", place, {"article": {"title": "Yours"}})[0] == 403
    assert joan.ask("DELETE", place)[0] == 403
    assert visitor.ask("POST", "/articles", {"article": {}})[0] == 401
    assert Person(server, "nonsense").ask("GET", "/articles")[0] == 401
    taken = {"username": "edith", "email": "other@example.org", "password": PASSWORD}
    status, problem = visitor.ask("POST", "/users", {"user": taken})
    assert status == 422, problem
    wrong = {"email": "edith@example.org", "password": "wrong"}
    assert visitor.ask("POST", "/users/login", {"user": wrong})[0] == 401


def test_an_account_is_changed_in_part_and_a_new_password_ends_old_tokens(server: Running) -> None:
    mary = signed_up(server, "mary")
    status, answer = mary.ask("PUT", "/user", {"user": {"bio": "Countess", "image": None}})
    assert (status, answer["user"]["bio"]) == (200, "Countess")
    assert answer["user"]["email"] == "mary@example.org"

    status, answer = mary.ask("PUT", "/user", {"user": {"password": "battery staple horse"}})
    assert status == 200
    assert mary.ask("GET", "/user")[0] == 401
    assert Person(server, answer["user"]["token"]).get("/user")["user"]["username"] == "mary"
    login = {"email": "mary@example.org", "password": "battery staple horse"}
    assert Person(server).ask("POST", "/users/login", {"user": login})[0] == 200


CONTRACT = """
from lback.core.server import build_project_application
from lback.testing import ApiContract
app = build_project_application()
app.db_manager.create_tables()
report = ApiContract(app).check(
    max_examples=5,
    # Rules of addresses and passwords are not in the document; /articles/{slug} takes "feed" too.
    skip_checks=["positive_data_acceptance", "allow_header_conformance"],
)
print(len(report.operations), sorted(report.operations - report.succeeded))
app.db_manager.dispose()
"""


def test_it_does_what_its_document_says(tmp_path: Path) -> None:
    project = tmp_path / "conduit"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"))
    (project / "contract.py").write_text(CONTRACT)
    result = subprocess.run(
        [sys.executable, "contract.py"],
        cwd=project,
        env={**os.environ, **DEPLOYED},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "19 []"
