"""Migrations: files that change the tables of a database to match the models."""

from lback.database.migrations.enum_members import change_members
from lback.database.migrations.environment import run_environment
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.history import MigrationState
from lback.database.migrations.manager import Migrations
from lback.database.migrations.questions import Answers, Rename, UnfilledColumn
from lback.database.migrations.stored import temporary_default

__all__ = [
    "Answers",
    "MigrationError",
    "MigrationState",
    "Migrations",
    "Rename",
    "UnfilledColumn",
    "change_members",
    "run_environment",
    "temporary_default",
]
