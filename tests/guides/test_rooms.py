"""docs/guides/rooms.md in a real project."""

import http.client
import json

from tests.guides.conftest import PATIENCE, Project


def test_a_message_of_a_view_arrives_as_an_event(project: Project) -> None:
    project.apply("rooms")
    project.migrate()
    with project.serving() as visitor:
        stream = http.client.HTTPConnection("localhost", visitor.port, timeout=PATIENCE)
        stream.request("GET", "/realtime/events?room=ticket-42")
        answer = stream.getresponse()
        assert answer.status == 200
        lines = iter(answer.readline, b"")
        next(line for line in lines if line == b"\n")  # it is subscribed now
        assert visitor.get("/comment/42").json() == {"published": True}
        data = next(line for line in lines if line.startswith(b"data: {"))
        assert json.loads(data[6:])["data"] == {"event": "comment", "text": "Hello"}
        stream.close()
        for refused in ("ticket-100", "ticket-x", "staff"):
            assert visitor.get(f"/realtime/events?room={refused}").status in (401, 403)
    project.lback("test", "tests/test_comments.py")
    assert "messages of live pages deleted" in project.lback("prune")
