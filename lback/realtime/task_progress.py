"""The progress of background tasks on live pages, and on the page of a task in the admin."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lback.realtime.engines import engine_of
from lback.realtime.fragments import publish_now
from lback.realtime.rooms import FRAMEWORK_ROOMS, INTERNAL, RoomOptions, RoomRule, find_room
from lback.tasks.permissions import TASK_VIEW

if TYPE_CHECKING:
    from lback.core.router import Router

logger = logging.getLogger(__name__)

TEMPLATE = "realtime/_task_progress.html"
# What the page of a task in the admin shows, in a room that only those may enter who may view it.
ADMIN_TEMPLATE = "admin/_task.html"
ADMIN_ROOM = f"{INTERNAL}task-"
_ENDED = frozenset({"successful", "failed", "cancelled"})


def may_view_task(admin_user: Any, task_id: str) -> bool:  # noqa: ARG001  of the pattern
    """Return True if a user of the admin may view the pages of tasks.

    Args:
        admin_user: The user of the admin, or None.
        task_id: Id of the task.
    """
    return (
        admin_user is not None
        and admin_user.is_active
        and bool(admin_user.has_permission(TASK_VIEW))
    )


_PATTERN = f"{ADMIN_ROOM}{{task_id}}"
FRAMEWORK_ROOMS[_PATTERN] = RoomRule(
    _PATTERN, may_view_task, RoomOptions(per_viewer=True, on_demand=True)
)


def room_of_task(task_id: str) -> str:
    """Return the name of the room of a task, for which a project declares a rule.

    Args:
        task_id: Id of the task.
    """
    return f"task-{task_id}"


def publish_task(services: Mapping[str, Any], task_id: str) -> None:
    """Swap the progress of a task on the pages that show it with `task_progress`.

    Nothing is published if no rule matches the room `task-…`: then no page can show it. The page
    of the task in the admin is told if it was opened.

    Args:
        services: Services of the application, by name.
        task_id: Id of the task.
    """
    engine = engine_of(services)
    room, admin_room = room_of_task(task_id), f"{ADMIN_ROOM}{task_id}"
    try:
        if find_room(room) is not None:
            publish_now(services, room, TEMPLATE, progress_of(services, task_id))
        if _has_admin_page(services) and engine.position(admin_room).epoch:
            publish_now(services, admin_room, ADMIN_TEMPLATE, {})
    except engine.errors as error:
        # The task itself goes on; the page is right again after the next change.
        logger.warning("progress of a task not published: %s", error)


def _has_admin_page(services: Mapping[str, Any]) -> bool:
    router: Router = services["router"]
    return router.get_route_by_name("admin-task") is not None


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
