"""Background tasks: functions that are enqueued with the data of a request and run by workers."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.tasks.definitions import Task, TaskOptions, task
    from lback.tasks.exceptions import TaskArgumentsError
    from lback.tasks.handles import TaskHandle, TaskQueue, TaskRecord
    from lback.tasks.running import checkpoint, progress, saved_cursor
    from lback.tasks.scheduling import Scheduler, schedule
    from lback.tasks.workers import Worker

__all__ = [
    "Scheduler",
    "Task",
    "TaskArgumentsError",
    "TaskHandle",
    "TaskOptions",
    "TaskQueue",
    "TaskRecord",
    "Worker",
    "checkpoint",
    "progress",
    "saved_cursor",
    "schedule",
    "task",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Scheduler": "lback.tasks.scheduling",
        "Task": "lback.tasks.definitions",
        "TaskArgumentsError": "lback.tasks.exceptions",
        "TaskHandle": "lback.tasks.handles",
        "TaskOptions": "lback.tasks.definitions",
        "TaskQueue": "lback.tasks.handles",
        "TaskRecord": "lback.tasks.handles",
        "Worker": "lback.tasks.workers",
        "checkpoint": "lback.tasks.running",
        "progress": "lback.tasks.running",
        "saved_cursor": "lback.tasks.running",
        "schedule": "lback.tasks.scheduling",
        "task": "lback.tasks.definitions",
    },
)
