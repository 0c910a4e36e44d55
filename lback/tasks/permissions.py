"""Permissions for the pages of background tasks, which are no registered model of the admin."""

TASK_VIEW, TASK_CHANGE = "task.view", "task.change"
