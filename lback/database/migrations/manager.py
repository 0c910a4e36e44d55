"""Migrations of a project: made from its models, applied, undone and listed."""

import shutil
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

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
from lback.database.migrations import lineage, transaction
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
    """The migrations of a project, in `migrations/versions`; plain `alembic` works there as well.

    Args:
        db_manager: Opens the database.
        root: Directory of the project.
        metadata: The tables of the models, all of them imported.
    """

    def __init__(
        self,
        db_manager: DatabaseManager,
        root: str | Path,
        *,
        metadata: MetaData = Base.metadata,
    ) -> None:
        self._db_manager = db_manager
        self._root = Path(root).resolve()
        self._metadata = metadata
        self.directory = self._root / "migrations"

    @property
    def exist(self) -> bool:
        """Whether the project has migrations, or at least the place for them."""
        return (self.directory / "env.py").is_file()

    @property
    def names(self) -> list[str]:
        """The names of all migrations, the oldest first; the database is not asked.

        Raises:
            MigrationError: Files that cannot be read.
        """
        return self._history().names if self.exist else []

    def create_layout(self) -> list[Path]:
        """Write what Alembic needs, leave what is there, and return what was written."""
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
        """Write a migration from the database as it is to the models as they are.

        Args:
            message: What it does, in words; empty lets the changes speak.
            answers: What only a person knows, such as what was renamed.
            empty: Write one without changes, to be filled by hand.
            warn: Told what code from before the migration, if it still serves, breaks on.

        Returns:
            The file, or `None` where nothing changed.

        Raises:
            MigrationError: The database is not at the last migration, or an answer is missing.
            ConfigurationError: The database cannot be reached.
        """
        self.create_layout()
        history = self._history()
        head = history.only_head()
        if empty:
            name = name_for(message or "change by hand", history.names)
            made = command.revision(self._config(), message or "change by hand", rev_id=name)
            return _path(made)
        self._check_at_head(history)
        words = message or ("" if head else "initial")
        revised = partial(revise, words, answers or Answers(), warn)
        with self._told():
            made = command.revision(self._config(self._run(revised)), message, autogenerate=True)
        return _path(made)

    def changes(self) -> str:
        """Return in a few words what `make` would write; empty where nothing changed.

        Raises:
            MigrationError: There are no migrations, or the database is not at the last one.
            ConfigurationError: The database cannot be reached.
        """
        self._check_at_head(self._history())
        found: list[str] = []

        def look(_: MigrationContext, script: MigrationScript) -> bool:
            if script.upgrade_ops is not None and not script.upgrade_ops.is_empty():
                found.append(describe(script.upgrade_ops.ops))
            return False

        with self._told():
            command.revision(self._config(self._run(look)), autogenerate=True)
        return ", ".join(found)

    def merge(self, message: str = "") -> Path | None:
        """Write a migration that joins several last ones; `None` where there is one only."""
        history = self._history()
        heads = history.heads
        if len(heads) < 2:
            return None
        message = message or f"join {' and '.join(heads)}"
        name = name_for("join", history.names)
        return _path(command.merge(self._config(), "heads", message=message, rev_id=name))

    def current(self) -> list[str]:
        """Return the last migrations that the database has.

        Raises:
            ConfigurationError: The database cannot be reached.
        """
        found: list[str] = []

        def note(heads: Any, _: MigrationContext) -> list[Any]:
            found.extend(heads)
            return []

        history, config = self._history(), self._config(self._run())
        with self._told(), EnvironmentContext(config, history.scripts, fn=note, dont_mutate=True):
            history.scripts.run_env()
        return found

    def later(self) -> list[str]:
        """Return the last migrations of a database that later code migrated; empty if none did.

        Raises:
            MigrationError: The database was migrated by code of another kind.
            ConfigurationError: The database cannot be reached.
        """
        history, current = self._history(), self.current()
        unknown = [name for name in current if name not in history.names]
        if unknown:
            history.known(unknown, self._lineage())
        return unknown

    def _lineage(self) -> dict[str, list[str]]:
        with self._db_manager.engine.connect() as connection:
            return lineage.read(connection)

    def _applied(self, history: History, current: list[str] | None = None) -> set[str]:
        """Return the migrations that the database has, as far as there are files of them."""
        current = self.current() if current is None else current
        unknown = set(current) - set(history.names)
        return history.before(current, self._lineage() if unknown else None)

    def status(self) -> list[MigrationState]:
        """Return all migrations, the oldest first.

        Raises:
            MigrationError: Files that cannot be read, or that the database is ahead of.
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
        """Apply what is missing, as a whole, and return the names of what was applied.

        A database that later code has migrated already is left as it is; see `later`.

        Args:
            name: The last one to apply; empty applies all.
            fake: Only note that they are applied: the tables are there already.
            wait: For how many seconds to wait for another run; None waits for a minute.
            on_wait: Told now and then for how many seconds it has waited.

        Raises:
            MigrationError: A migration failed, the database has a later one, or there are
                several last ones.
            ConfigurationError: The database cannot be reached.
        """
        history = self._history()
        target = history.find(name) if name else history.only_head()
        current = self.current()
        applied = self._applied(history, current)
        if target is None or (target in applied and not name):
            return []
        if target in applied:
            if history.before([target]) == applied:
                return []
            raise MigrationError(
                f"the database is past {target}; to undo what follows it, run: rollback {target}"
            )
        go = command.stamp if fake else command.upgrade
        run = self._run(wait=wait, on_wait=on_wait)
        return self._go(partial(go, revision=target), run, is_first=not current)

    def rollback(self, target: str = "1") -> list[str]:
        """Undo migrations, the last one first, and return their names.

        Args:
            target: How many, or the name of the one to go back to, or `"base"` for all of them.

        Raises:
            MigrationError: One cannot be undone, or the database does not have the target.
            ConfigurationError: The database cannot be reached.
        """
        undone = self.undone_by(target)
        if not undone:
            return []
        # Of a migration that joined others, any: Alembic undoes what follows it.
        before = [*self._history().parents(undone[-1]), NOTHING_YET][0]
        return self._go(partial(command.downgrade, revision=before), self._run(), is_first=False)

    def undone_by(self, target: str = "1") -> list[str]:
        """Return what `rollback` would undo, the last one first."""
        history = self._history()
        self._refuse_later()
        applied = self._applied(history)
        latest = [name for name in reversed(history.names) if name in applied]
        if target == NOTHING_YET:
            return latest
        if not _is_count(target):
            name = history.find(target)
            if name not in applied:
                raise MigrationError(f"the database does not have {name}; to apply it, run migrate")
            return [found for found in latest if found != name and name in history.before([found])]
        count = int(target)
        if count > len(latest):
            raise MigrationError(f"the database has {len(latest)} migrations, not {count}")
        return latest[:count]

    def _check_at_head(self, history: History) -> None:
        head = history.only_head()
        self._refuse_later()
        if self._applied(history) != set(history.names):
            raise MigrationError(
                f"the database is not at the last migration, {head}, so that the changes of the "
                "models cannot be told from those of the migrations; run migrate first"
            )

    def _refuse_later(self) -> None:
        later = self.later()
        if later:
            raise MigrationError(
                f"the database is at {' and '.join(later)}, of later code than this; fetch that "
                "code first"
            )

    def _go(self, go: Callable[[AlembicConfig], None], run: Run, *, is_first: bool) -> list[str]:
        """Run a command that changes the database; return the names of what it did."""
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
            text += "; if the tables were made without migrations, run: migrate --fake"
        return f"{text}\n{self._what_stays(run)}"

    def _what_stays(self, run: Run) -> str:
        try:
            now = ", ".join(self.current()) or "no migration"
        except (ConfigurationError, SQLAlchemyError):
            return "The database does not answer any more; when it does, run: showmigrations"
        if run.journal.kept:
            kept = "\n- ".join(["These statements stay done:", *run.journal.kept])
            cause = "was asked to commit in between"
            if not transaction.undoes_definitions(self._dialect):
                cause = "cannot undo changes of tables"
            return (
                f"The database {cause}. It is at {now}. {kept}\n"
                "Undo them by hand, mend the migration, and run it again"
            )
        return f"Nothing of it stays: the database is as it was before, at {now}"

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
                f"there are no migrations in {self.directory}; run makemigrations to make the first"
            )
        return History(self._config(), self.directory)

    def _config(self, run: Run | None = None) -> AlembicConfig:
        file = self._root / "alembic.ini"
        # Without its own words on what it does, which are for another command line.
        options = Namespace(quiet=True)
        config = AlembicConfig(str(file) if file.exists() else None, cmd_opts=options)
        config.set_main_option("script_location", str(self.directory).replace("%", "%%"))
        config.attributes[ATTRIBUTE] = run
        return config

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what fails inside with file and line.

        Raises:
            MigrationError: What is wrong with a file, or that there is no database.
        """
        try:
            with warnings.catch_warnings():
                # Both are compared by `comparisons`.
                warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression")
                warnings.filterwarnings("ignore", "Computed default on ")
                yield
        except MigrationError:
            raise
        except ConfigurationError as error:
            if is_missing(self._db_manager):
                shown = self._db_manager.shown_url
                message = f"the database of {shown} does not exist; to make it, run: init_db"
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
    """Tell a number of migrations from the beginning of a name, such as "0002"."""
    return target.isdecimal() and (target == "0" or not target.startswith("0"))


def _says_exists(text: str) -> bool:
    return "already exists" in text
