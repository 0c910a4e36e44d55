"""docs/guides/schedules.md in a real project."""

import time

from tests.guides.conftest import DEPLOYED, Project


def test_a_worker_enqueues_what_is_scheduled(project: Project) -> None:
    project.apply("schedules")
    project.migrate()
    with project.running("work", **DEPLOYED):
        deadline = time.monotonic() + 90
        while "tasks.tidy_up" not in project.lback("tasks", "list", "--state", "successful"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    project.lback("test", "tests/test_schedules.py")
