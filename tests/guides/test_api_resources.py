"""docs/guides/api-resources.md in a real project."""

import json
from typing import Any

from tests.guides.conftest import Project, Visitor

MAKE = """
for name in ("ada", "ben"):
    user = app.user_manager.register(db_session, name, "correct horse battery")
    print(app.dependencies["api_key_manager"].create(db_session, user, "diary")[0])
db_session.commit()
"""


def send(visitor: Visitor, key: str, method: str, path: str, body: Any = None, **more: str) -> Any:
    fields = {"Accept": "application/json", "Authorization": f"Bearer {key}", **more}
    if body is None:
        return visitor.send(method, path, None, **fields)
    text = json.dumps(body).encode()
    return visitor.send(method, path, text, Content_Type="application/json", **fields)


def test_programs_keep_a_diary(project: Project) -> None:
    project.new_app("diary", "--minimal")
    project.apply("api-resources")
    project.migrate()
    ada, ben = project.lback("shell", "-c", MAKE).split()
    with project.serving() as visitor:
        where = "/diary/api/entries"
        made = send(visitor, ada, "POST", where, {"title": "Tea"}, Idempotency_Key="a-1")
        assert made.status == 201, made.text
        again = send(visitor, ada, "POST", where, {"title": "Tea"}, Idempotency_Key="a-1")
        assert (again.status, again.content) == (201, made.content)
        assert again.headers["idempotency-replayed"] == "true"
        url = made.headers["location"]
        assert send(visitor, ada, "GET", url).json()["owner"] == "ada"
        assert send(visitor, ben, "GET", url).status == 404
        assert send(visitor, ben, "GET", where).json()["items"] == []
        assert visitor.get(where, Accept="application/json").status == 401

        state = made.headers["etag"]
        changed = send(visitor, ada, "PATCH", url, {"text": "Green"}, If_Match=state)
        assert changed.json()["text"] == "Green"
        assert send(visitor, ada, "PUT", url, {"title": "x"}, If_Match=state).status == 412
        assert send(visitor, ben, "DELETE", url).status == 404
        assert send(visitor, ada, "POST", where, {"title": "Tea"}).status == 409
        options = visitor.send("OPTIONS", url)
        assert "PATCH" in options.headers["allow"]
        assert send(visitor, ada, "DELETE", url).status == 204
    printed = project.lback("routes")
    assert "/diary/api/entries" in printed
