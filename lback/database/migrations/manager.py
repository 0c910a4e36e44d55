"""The migrations of a project: creates, applies, reverts and lists them."""

import shutil
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.operations.ops import MigrationScript
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import ConfigurationError
from lback.database.creation import is_missing
from lback.database.engine import DatabaseManager
from lback.database.migrations import lineage, progress, transaction
from lback.database.migrations.changes import revise
from lback.database.migrations.environment import ATTRIBUTE, Run
from lback.database.migrations.errors import MigrationError, place_in, reason
from lback.database.migrations.history import History, MigrationState
from lback.database.migrations.names import describe, name_for
from lback.database.migrations.questions import Answers
from lback.database.models import Base

Revise: TypeAlias = Callable[[MigrationContext, MigrationScript], bool]

LAYOUT = Path(__file__).with_name("layout")
NOTHING_YET = "base"


class Migrations:
    """The migrations of a project in `migrations/versions`, where plain `alembic` works as well.

    Args:
        db_manager: Database manager of the application.
        root: Directory of the project.
        metadata: Tables of all models, which must be imported.
    """

    def __init__(
        self,
        db_manager: DatabaseManager,
        root: str | Path,
        *,
        metadata: MetaData = Base.metadata,
    ) -> None:
        # Locks belong to a session, which a pooler such as PgBouncer does not keep.
        self._db_manager = db_manager.direct
        self._root = Path(root).resolve()
        self._metadata = metadata
        self.directory = self._root / "migrations"

    @property
    def exist(self) -> bool:
        """Whether the project has a directory for migrations."""
        return (self.directory / "env.py").is_file()

    @property
    def names(self) -> list[str]:
        """The names of all migrations in order, read from their files.

        Raises:
            MigrationError: A file cannot be read.
        """
        return self._history().names if self.exist else []

    def create_layout(self) -> list[Path]:
        """Create the files that Alembic needs unless they exist, and return the created ones."""
        places = {
            "alembic.ini": self._root / "alembic.ini",
            "env.py": self.directory / "env.py",
            "script.py.mako": self.directory / "script.py.mako",
        }
        (self.directory / "versions").mkdir(parents=True, exist_ok=True)
        missing = {name: path for name, path in places.items() if not path.exists()}
        for name, path in missing.items():
            shutil.copyfile(LAYOUT / name, path)
        return list(missing.values())

    def make(
        self,
        message: str = "",
        *,
        answers: Answers | None = None,
        empty: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> Path | None:
        """Create a migration from the differences between database and models.

        Args:
            message: Description; derived from the changes if empty.
            answers: Answers to questions, such as what was renamed.
            empty: Create a migration without changes, to write by hand.
            warn: Called with each warning about changes that break older code.

        Returns:
            Path of the file, or None if nothing changed.

        Raises:
            MigrationError: The database is not at the last migration, or an answer is missing.
            ConfigurationError: The database cannot be reached.
        """
        self.create_layout()
        history = self._history()
        head = history.only_head()
        if empty:
            name = name_for(message or "change by hand", history.names)
            created = command.revision(self._config(), message or "change by hand", rev_id=name)
            return _path(created)
        self._check_at_head(history)
        words = message or ("" if head else "initial")
        revised = partial(revise, words, answers or Answers(), warn)
        with self._explained():
            created = command.revision(self._config(self._run(revised)), message, autogenerate=True)
        return _path(created)

    def changes(self) -> str:
        """Return a short description of what `make` would write; empty if nothing changed.

        Raises:
            MigrationError: There are no migrations, or the database is not at the last one.
            ConfigurationError: The database cannot be reached.
        """
        self._check_at_head(self._history())
        changes: list[str] = []

        def collect(_: MigrationContext, script: MigrationScript) -> bool:
            if script.upgrade_ops is not None and not script.upgrade_ops.is_empty():
                changes.append(describe(script.upgrade_ops.ops))
            return False

        with self._explained():
            command.revision(self._config(self._run(collect)), autogenerate=True)
        return ", ".join(changes)

    def merge(self, message: str = "") -> Path | None:
        """Create a migration that joins branches.

        Args:
            message: Description; derived from the names of the branches if empty.

        Returns:
            Path of the file, or None if there is only one branch.
        """
        history = self._history()
        heads = history.heads
        if len(heads) < 2:
            return None
        message = message or f"join {' and '.join(heads)}"
        name = name_for("join", history.names)
        return _path(command.merge(self._config(), "heads", message=message, rev_id=name))

    def current(self) -> list[str]:
        """Return the last applied migrations; several if branches are not joined.

        Raises:
            ConfigurationError: The database cannot be reached.
        """
        return self._current(self._history())

    def _current(self, history: History) -> list[str]:
        current: list[str] = []

        def note(heads: tuple[str, ...], _: MigrationContext) -> list[object]:
            current.extend(heads)
            return []

        config = self._config(self._run())
        with (
            self._explained(),
            EnvironmentContext(config, history.scripts, fn=note, dont_mutate=True),
        ):
            history.scripts.run_env()
        return current

    def later(self) -> list[str]:
        """Return the last applied migrations that only later code has; usually empty.

        Raises:
            MigrationError: The database was migrated by unrelated code.
            ConfigurationError: The database cannot be reached.
        """
        history = self._history()
        return self._later(history, self._current(history))

    def _later(self, history: History, current: list[str]) -> list[str]:
        unknown = [name for name in current if name not in history.names]
        if unknown:
            history.known(unknown, self._lineage())
        return unknown

    def _lineage(self) -> dict[str, list[str]]:
        with self._db_manager.engine.connect() as connection:
            return lineage.read(connection)

    def _applied(self, history: History, current: list[str] | None = None) -> set[str]:
        """Return the applied migrations that have files."""
        current = self._current(history) if current is None else current
        unknown = set(current) - set(history.names)
        return history.before(current, self._lineage() if unknown else None)

    def status(self) -> list[MigrationState]:
        """Return the state of all migrations in order.

        Raises:
            MigrationError: A file cannot be read, or the database was migrated by unrelated code.
            ConfigurationError: The database cannot be reached.
        """
        history = self._history()
        applied, heads = self._applied(history), history.heads
        return [
            MigrationState(script.revision, script.doc, script.revision in applied, is_head)
            for script in history.migrations
            for is_head in [script.revision in heads]
        ]

    def migrate(
        self,
        name: str = "",
        *,
        fake: bool = False,
        wait: float | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> list[str]:
        """Apply pending migrations, and return their names.

        All of them are applied or none, except on MySQL and MariaDB, which cannot roll back
        changes of tables. A database that later code migrated is not changed; see `later`.

        Args:
            name: The last migration to apply; all if empty.
            fake: Mark migrations as applied without running them, for existing tables.
            wait: Seconds to wait for another process that migrates; None for 60.
            on_wait: Called every few seconds of waiting with the seconds so far.

        Raises:
            MigrationError: A migration failed, the database is past `name`, or branches are not
                joined.
            ConfigurationError: The database cannot be reached.
        """
        history = self._history()
        target = history.find(name) if name else history.only_head()
        current = self.current()
        if not fake:
            self._check_uninterrupted(but=lambda title: not progress.is_rollback(title))
        applied = self._applied(history, current)
        if target is None or (target in applied and not name):
            return []
        if target in applied:
            if history.before([target]) == applied:
                return []
            raise MigrationError(
                f"the database is past {target}; to revert later migrations, run: rollback {target}"
            )
        go = command.stamp if fake else command.upgrade
        run = self._run(wait=wait, on_wait=on_wait)
        return self._go(partial(go, revision=target), run, is_first=not current)

    def rollback(self, target: str = "1") -> list[str]:
        """Revert migrations, the last one first, and return their names.

        Args:
            target: Number of migrations, the name of the one to go back to, or `"base"` for all.

        Raises:
            MigrationError: A migration cannot be reverted, or the target is not applied.
            ConfigurationError: The database cannot be reached.
        """
        undone = self.undone_by(target)
        self._check_uninterrupted(but=progress.is_rollback)
        if not undone:
            return []
        # For a merge any parent: Alembic reverts everything after it.
        before = [*self._history().parents(undone[-1]), NOTHING_YET][0]
        return self._go(partial(command.downgrade, revision=before), self._run(), is_first=False)

    def undone_by(self, target: str = "1") -> list[str]:
        """Return the migrations that `rollback` would revert, the last one first.

        Args:
            target: Number of migrations, the name of the one to go back to, or `"base"` for all.

        Raises:
            MigrationError: The target is unknown or not applied.
            ConfigurationError: The database cannot be reached.
        """
        history = self._history()
        current = self._current(history)
        self._refuse_later(history, current)
        applied = self._applied(history, current)
        latest = [name for name in reversed(history.names) if name in applied]
        if target == NOTHING_YET:
            return latest
        if not _is_count(target):
            name = history.find(target)
            if name not in applied:
                raise MigrationError(f"{name} is not applied; to apply it, run migrate")
            return [found for found in latest if found != name and name in history.before([found])]
        count = int(target)
        if count > len(latest):
            raise MigrationError(f"only {len(latest)} migrations are applied, not {count}")
        return latest[:count]

    def _check_at_head(self, history: History) -> None:
        head = history.only_head()
        current = self._current(history)
        self._refuse_later(history, current)
        self._check_uninterrupted()
        if self._applied(history, current) != set(history.names):
            raise MigrationError(
                f"the database is not at the last migration, {head}, so changes of models cannot "
                "be detected; run migrate first"
            )

    def _refuse_later(self, history: History, current: list[str]) -> None:
        later = self._later(history, current)
        if later:
            raise MigrationError(
                f"the database is at {' and '.join(later)}, which belongs to a later version of "
                "the code; check out that version first"
            )

    def _go(self, go: Callable[[AlembicConfig], None], run: Run, *, is_first: bool) -> list[str]:
        """Run a command that changes the database, and return the names of its migrations."""
        try:
            go(self._config(run))
        except ConfigurationError:
            raise
        except Exception as error:
            raise MigrationError(self._failure(error, run, is_first)) from error
        return run.journal.done

    def _failure(self, error: Exception, run: Run, is_first: bool) -> str:
        if isinstance(error, CommandError):
            return str(error)
        place = place_in(self.directory, error)
        text = f"{place}: {reason(error)}" if place else reason(error)
        if _says_exists(text) and is_first and not run.journal.done:
            text += "; if the tables were created without migrations, run: migrate --fake"
        return f"{text}\n{self._what_stays(run)}"

    def _what_stays(self, run: Run) -> str:
        try:
            now = ", ".join(self.current()) or "no migration"
        except (ConfigurationError, SQLAlchemyError):
            return "The database cannot be reached; when it can, run: showmigrations"
        unfinished = self._unfinished()
        if unfinished:
            begun = "".join(f"\n- {entry.statement}" for entry in unfinished)
            return (
                f"The database is at {now}. These statements were begun or committed:{begun}\n"
                "Run the command again; it continues after them"
            )
        if run.journal.kept:
            kept = "\n- ".join(["These statements were committed:", *run.journal.kept])
            cause = "committed before the end of the migration"
            if not transaction.undoes_definitions(self._dialect):
                cause = "cannot roll back changes of tables"
            return (
                f"The database {cause}. It is at {now}. {kept}\n"
                "Revert them by hand, fix the migration and run it again"
            )
        return f"All changes were rolled back: the database is still at {now}"

    def _unfinished(self) -> list[progress.Recorded]:
        """Return the statements of an interrupted migration; empty without one."""
        with self._db_manager.engine.connect() as connection:
            return progress.read(connection)

    def _check_uninterrupted(self, *, but: Callable[[str], bool] = lambda _: False) -> None:
        """Check that no migration was interrupted, other than one that the command continues.

        Raises:
            MigrationError: One was; the message names the command that continues it.
        """
        for entry in self._unfinished()[:1]:
            if not but(entry.migration):
                command = "rollback" if progress.is_rollback(entry.migration) else "migrate"
                raise MigrationError(
                    f"{entry.migration} was interrupted; to continue it, run: {command}"
                )

    @property
    def _dialect(self) -> str:
        return self._db_manager.engine.dialect.name

    def _run(
        self,
        revised: Revise | None = None,
        *,
        wait: float | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> Run:
        return Run(self._db_manager, self._metadata, revise=revised, wait=wait, on_wait=on_wait)

    def _history(self) -> History:
        if not self.exist:
            raise MigrationError(
                f"no migrations in {self.directory}; run makemigrations to create the first one"
            )
        return History(self._config(), self.directory)

    def _config(self, run: Run | None = None) -> AlembicConfig:
        file = self._root / "alembic.ini"
        # Without Alembic's output, which is for its own command line.
        options = Namespace(quiet=True)
        config = AlembicConfig(str(file) if file.exists() else None, cmd_opts=options)
        config.set_main_option("script_location", str(self.directory).replace("%", "%%"))
        config.attributes[ATTRIBUTE] = run
        return config

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors into `MigrationError` with file and line.

        Raises:
            MigrationError: A file is wrong, or the database does not exist.
        """
        try:
            with warnings.catch_warnings():
                # The module `comparisons` compares both.
                warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression")
                warnings.filterwarnings("ignore", "Computed default on ")
                # The module `table_order` adds and drops the foreign keys of such tables.
                warnings.filterwarnings("ignore", "Cannot correctly sort tables")
                yield
        except MigrationError:
            raise
        except ConfigurationError as error:
            if is_missing(self._db_manager):
                shown = self._db_manager.shown_url
                message = f"the database of {shown} does not exist; to create it, run: init_db"
                raise MigrationError(message) from error
            raise
        except CommandError as error:
            raise MigrationError(str(error)) from error
        except Exception as error:
            place = place_in(self.directory, error)
            if place is None:
                raise
            raise MigrationError(f"{place}: {reason(error)}") from error


def _path(made: Script | list[Script | None] | None) -> Path | None:
    return Path(made.path) if isinstance(made, Script) else None


def _is_count(target: str) -> bool:
    """Return True for a number of migrations, False for the start of a name such as "0002"."""
    return target.isdecimal() and (target == "0" or not target.startswith("0"))


def _says_exists(text: str) -> bool:
    return "already exists" in text
