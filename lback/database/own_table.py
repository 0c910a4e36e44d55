"""A table of the framework that is created on first use where migrations are not required."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import MetaData, inspect
from sqlalchemy.exc import OperationalError, ProgrammingError

from lback.core.exceptions import ConfigurationError
from lback.database.engine import DatabaseManager

T = TypeVar("T")


class OwnTable:
    """Runs work on the table of one model, and creates the table if it is missing.

    Only this table is created: the others are created by migrations or by the project.

    Args:
        db_manager: Its engine has the table.
        model: The model.
        create: Whether a missing table may be created.
        missing: Text of the error if it may not; says what to run.
    """

    def __init__(
        self, db_manager: DatabaseManager, model: type[Any], *, create: bool, missing: str
    ) -> None:
        self._db_manager = db_manager
        self._table = model.__table__
        self._create = create
        self._missing = missing

    def run(self, work: Callable[[], T]) -> T:
        """Do the work, and do it again if the table had to be created first.

        Args:
            work: Uses the table, in a transaction of its own.

        Raises:
            ConfigurationError: The table is missing and may not be created.
            Exception: Whatever the work raised for another reason.
        """
        try:
            return work()
        except (OperationalError, ProgrammingError) as error:
            if error.connection_invalidated or self._exists():
                raise
            if not self._create:
                raise ConfigurationError(self._missing) from error
        metadata = MetaData()
        self._table.to_metadata(metadata)
        self._db_manager.create_tables(metadata)
        return work()

    def _exists(self) -> bool:
        return bool(inspect(self._db_manager.engine).has_table(self._table.name))
