"""Exceptions of background tasks."""

from lback.core.exceptions import FrameworkException


class TaskArgumentsError(FrameworkException, TypeError):
    """The arguments of a task do not fit its function; the task is not tried again."""


class TaskResultError(FrameworkException, TypeError):
    """The return value of a task cannot be stored as JSON; the task is not tried again."""


class UnknownTask(FrameworkException, LookupError):
    """This worker knows no task with the name that was enqueued."""


class LeaseLost(FrameworkException):
    """The attempt is not the current one any more: cancelled, or given to another worker."""


class TaskInterrupted(BaseException):
    """Ends the function of a task from outside. Not an Exception, so that tasks do not catch it."""


class TaskStopped(TaskInterrupted):
    """The worker stops, and the task goes on from its checkpoint in another one."""


class TimeLimitExceeded(TaskInterrupted):
    """The function of a task took longer than its time limit."""
