"""docs/guides/tasks.md in a real project."""

import time

from tests.guides.conftest import Project


def test_a_view_enqueues_a_task_and_a_worker_runs_it(project: Project) -> None:
    project.apply("tasks")
    project.migrate()
    with project.serving() as visitor:
        task_id = visitor.get("/export/7").json()["task"]
        deadline = time.monotonic() + 60
        while visitor.get(f"/exports/{task_id}").json()["state"] != "successful":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        shown = visitor.get(f"/exports/{task_id}").json()
        assert shown == {"state": "successful", "result": "order 7 is exported", "progress": None}
        assert visitor.get("/exports/nothing").status == 404
    assert task_id in project.lback("tasks", "list")
    project.lback("work", "--burst", DEBUG="false", ALLOWED_HOSTS="localhost")
    project.lback("test", "tests/test_exports.py")
