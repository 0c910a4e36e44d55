"""`lback prune`: deletes what has reached its age limit."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click
from sqlalchemy import delete, inspect

from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.project import open_project
from lback.database import Base
from lback.realtime.engines import engine_of
from lback.realtime.rooms import import_rooms
from lback.tasks.overview import Overview
from lback.tasks.queues import DatabaseQueue

if TYPE_CHECKING:
    from lback.application import Application


@click.command(cls=Command, examples=("lback prune", "0 4 * * * lback prune  # in a crontab"))
@json_option
def prune(as_json: bool) -> None:
    """Delete finished tasks, ended sessions and other rows that have reached their age limit."""
    app = open_project()
    tables = set(inspect(app.db_manager.engine).get_table_names())
    deleted = {
        what: delete_old(app) for (table, what), delete_old in PRUNED.items() if table in tables
    }
    if as_json:
        print_json({"deleted": deleted})
        return
    for what, number in deleted.items():
        click.echo(f"{number} {what} deleted.")


def _tasks(app: "Application") -> int:
    queue = DatabaseQueue(app.db_manager)
    return Overview(queue).prune(app.config.TASK_RETENTION)


def _messages(app: "Application") -> int:
    if not app.config.REALTIME:
        return 0
    import_rooms(app.config)  # rules may shorten the history
    return engine_of(app.dependencies).trim()


def _expired(column: str) -> Callable[["Application"], int]:
    """Return a function that deletes the rows of a table whose time has passed."""
    table, _, name = column.partition(".")

    def delete_old(app: "Application") -> int:
        columns = Base.metadata.tables[table]
        statement = delete(columns).where(columns.c[name] <= time.time())
        with app.db_manager.session() as session:
            return int(session.connection().execute(statement).rowcount)

    return delete_old


# By the table and what its rows are called.
PRUNED: Mapping[tuple[str, str], Callable[["Application"], int]] = {
    ("lback_tasks", "finished tasks"): _tasks,
    ("lback_realtime_messages", "messages of live pages"): _messages,
    ("lback_sessions", "ended sessions"): _expired("lback_sessions.expires_at"),
    ("lback_attempts", "ended counts of attempts"): _expired("lback_attempts.ends_at"),
    ("lback_refresh_tokens", "refresh tokens"): _expired("lback_refresh_tokens.expires_at"),
    ("lback_refresh_families", "token families"): _expired("lback_refresh_families.expires_at"),
}
