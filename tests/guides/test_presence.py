"""docs/guides/presence.md in a real project."""

from lback.database import DatabaseManager
from lback.realtime.engines.database import DatabaseEngine
from tests.guides.conftest import Project


def test_the_view_says_who_is_present(project: Project) -> None:
    project.apply("presence")
    project.migrate()
    manager = DatabaseManager.from_url(f"sqlite:///{project.folder / 'db.sqlite3'}")
    presence = DatabaseEngine(manager).presence
    with project.serving() as visitor:
        assert visitor.get("/readers/7").json() == {"present": []}
        presence.beat("process")
        presence.change("document-7", "process", {"a": "3", "b": "3", "c": "12"}, [])
        assert visitor.get("/readers/7").json() == {"present": ["12", "3"]}
        assert visitor.get("/realtime/events?room=document-7").status in (401, 403)
    manager.dispose()
