"""The progress of background tasks on live pages."""

import logging
from collections.abc import Mapping
from typing import Any

from lback.realtime.engines import engine_of
from lback.realtime.fragments import publish_now
from lback.realtime.rooms import find_room

logger = logging.getLogger(__name__)

TEMPLATE = "realtime/_task_progress.html"
_ENDED = frozenset({"successful", "failed", "cancelled"})


def room_of_task(task_id: str) -> str:
    """Return the name of the room of a task, for which a project declares a rule.

    Args:
        task_id: Id of the task.
    """
    return f"task-{task_id}"


def publish_task(services: Mapping[str, Any], task_id: str) -> None:
    """Swap the progress of a task on the pages that show it with `task_progress`.

    Does nothing if no rule matches the room `task-…`: then no page can show it.

    Args:
        services: Services of the application, by name.
        task_id: Id of the task.
    """
    engine = engine_of(services)
    room = room_of_task(task_id)
    if find_room(room) is None:
        return
    try:
        publish_now(services, room, TEMPLATE, progress_of(services, task_id))
    except engine.errors as error:
        # The task itself goes on; the page is right again after the next change.
        logger.warning("progress of a task not published: %s", error)


def progress_of(services: Mapping[str, Any], task_id: str) -> dict[str, object]:
    """Return the variables of the template of a task.

    Args:
        services: Services of the application, by name.
        task_id: Id of the task.

    Returns:
        `state` ("unknown" if the task does not exist), `has_ended`, `done`, `total` and `note`.
    """
    record = services["tasks"].find(task_id)
    if record is None:
        return {"state": "unknown", "has_ended": True, "done": None, "total": None, "note": ""}
    done, total, note = record.progress or (None, None, "")
    has_ended = record.state in _ENDED
    return {
        "state": record.state, "has_ended": has_ended, "done": done, "total": total, "note": note,
    }  # fmt: skip
