"""Views of background tasks: queues, workers, tasks by state, and one task with its attempts."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lback.admin.access import (
    address,
    guarded,
    has_task_pages,
    user_of,
)
from lback.admin.page import page
from lback.core.exceptions import Forbidden, NotFound
from lback.core.response import RedirectResponse, Response
from lback.sessions.messages import flash
from lback.tasks.permissions import TASK_CHANGE, TASK_VIEW
from lback.translation import gettext, gettext_noop, pgettext

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.tasks.overview import Overview

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
_LENGTH_OF_ID = 36
# Sent by the script of live pages, of `lback.realtime`.
FRAGMENT_HEADER = "HTTP_X_LBACK_FRAGMENT"
GONE = gettext_noop("This task does not exist. Finished tasks are deleted after some time.")


def _overview(request: "Request", permission: str = TASK_VIEW) -> "Overview":
    if not has_task_pages(request):
        raise NotFound(
            gettext("This page does not exist, or you do not have permission to view it.")
        )
    if not user_of(request).has_permission(permission):
        raise Forbidden(gettext("You do not have permission to change tasks."))
    # Imported here, because an application without tasks does not need it.
    from lback.tasks.overview import Overview

    return Overview(request.get_service("tasks"))


@guarded
def show_tasks(request: "Request") -> Response:
    """Show queues, workers and the newest tasks.

    Args:
        request: The request; `state`, `queue` and `name` narrow the list, and `before` is the id
            of the last task shown.
    """
    overview = _overview(request)
    from lback.tasks.tables import STATES

    wanted = {name: str(request.GET.get(name, ""))[:255] for name in ("state", "queue", "name")}
    before = str(request.GET.get("before", ""))[:_LENGTH_OF_ID]
    found = overview.tasks(**wanted, before=before, limit=PAGE_SIZE + 1)
    return page(
        request,
        "tasks.html",
        title=gettext("Background tasks"),
        is_tasks=True,
        queues=overview.queues(),
        workers=overview.workers(),
        tasks=found[:PAGE_SIZE],
        following=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        states=STATES,
        work_command="lback work",
        state_names=_state_names(),
        wanted=wanted,
        may_change=user_of(request).has_permission(TASK_CHANGE),
        at=_moment,
    )


@guarded
def show_task(request: "Request", task_id: str) -> Response:
    """Show one task with the traceback of each failed attempt.

    Args:
        request: The request. While the task has not ended, and with the setting `REALTIME`, the
            page is a live page.
        task_id: Id of the task.

    Raises:
        NotFound: The task does not exist.
    """
    overview = _overview(request)
    from lback.tasks.overview import known_tasks
    from lback.tasks.tables import FAILED, FINISHED

    record = overview.queue.find(task_id[:_LENGTH_OF_ID])
    if record is None:
        raise NotFound(gettext(GONE))
    return page(
        request,
        "task.html",
        title=record.name,
        task=record,
        state_names=_state_names(),
        failures=overview.failures(record.id),
        # Whether arguments are sensitive is known only by a process that has imported the task.
        is_known=record.name in known_tasks(),
        may_retry=record.state in (FAILED, "cancelled"),
        may_cancel=record.state not in FINISHED,
        # A live page that fetches what has ended needs its fragment as well.
        is_live=bool(request.config.REALTIME)
        and (record.state not in FINISHED or FRAGMENT_HEADER in request.environ),
        may_change=user_of(request).has_permission(TASK_CHANGE),
        at=_moment,
    )


@guarded
def change_task(request: "Request", task_id: str, action: str) -> Response:
    """Retry or cancel a task.

    Args:
        request: The request.
        task_id: Id of the task.
        action: "retry" or "cancel".

    Raises:
        NotFound: The task or action does not exist.
        Forbidden: The user may not change tasks.
    """
    queue = _overview(request, TASK_CHANGE).queue
    changes = {"retry": queue.retry, "cancel": queue.cancel}
    if action not in changes or queue.find(task_id[:_LENGTH_OF_ID]) is None:
        raise NotFound(gettext(GONE))
    if changes[action](task_id):
        logger.info("task %s: %s by %s", task_id, action, user_of(request).username)
        done = {
            "retry": gettext("The task was enqueued again."),
            "cancel": gettext("The task was cancelled."),
        }
        flash(request, done[action], "success")
    else:
        flash(request, gettext("The task is in another state by now."), "warning")
    return RedirectResponse(address(request, "admin-task", task_id=task_id), 303)


@guarded
def change_queue(request: "Request", queue: str, action: str) -> Response:
    """Pause or resume a queue.

    Args:
        request: The request.
        queue: Name of the queue.
        action: "pause" or "resume".

    Raises:
        NotFound: The queue or action does not exist.
        Forbidden: The user may not change tasks.
    """
    overview = _overview(request, TASK_CHANGE)
    known = {one.name for one in overview.queues()}
    if queue not in known or action not in ("pause", "resume"):
        raise NotFound(gettext("This queue does not exist."))
    if action == "pause":
        overview.pause(queue)
    else:
        overview.resume(queue)
    logger.info("queue %s: %s by %s", queue, action, user_of(request).username)
    return RedirectResponse(address(request, "admin-tasks"), 303)


def _moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as a datetime, for templates."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _state_names() -> dict[str, str]:
    """Return the names of states, in the current language."""
    return {
        "scheduled": pgettext("state of a task", "scheduled"),
        "ready": pgettext("state of a task", "ready"),
        "running": pgettext("state of a task", "running"),
        "successful": pgettext("state of a task", "successful"),
        "failed": pgettext("state of a task", "failed"),
        "cancelled": pgettext("state of a task", "cancelled"),
    }
