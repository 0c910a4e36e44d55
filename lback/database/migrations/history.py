"""The migrations of a project in order, found by name."""

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from alembic.config import Config as AlembicConfig
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from lback.database.migrations.errors import MigrationError, place_in, reason
from lback.database.migrations.lineage import ancestors


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration and whether it is applied.

    Attributes:
        name: Name of the migration and its file, such as `"0001_initial"`.
        message: Description.
        applied: Whether the database has it.
        is_head: Whether no other migration follows it.
    """

    name: str
    message: str
    applied: bool
    is_head: bool


class History:
    """Reads the files of migrations and sorts them.

    Args:
        config: Configuration of Alembic.
        directory: Directory of the migrations, for messages.

    Raises:
        MigrationError: A file cannot be loaded or names a missing migration.
    """

    def __init__(self, config: AlembicConfig, directory: Path) -> None:
        self._directory = directory
        self.scripts = ScriptDirectory.from_config(config)
        self.migrations = self._load()
        self.names = [script.revision for script in self.migrations]

    def _load(self) -> list[Script]:
        try:
            with warnings.catch_warnings():
                # Alembic warns of missing and of duplicate migrations.
                warnings.filterwarnings("error", r"Revision .* (is|was) ", UserWarning)
                return list(reversed(list(self.scripts.walk_revisions())))
        except (CommandError, UserWarning) as error:
            raise MigrationError(f"{self._directory}: {error}") from error
        except Exception as error:
            place = place_in(self._directory, error) or str(self._directory)
            raise MigrationError(f"{place}: {reason(error)}") from error

    @property
    def heads(self) -> list[str]:
        """The migrations that no other migration follows."""
        return sorted(self.scripts.get_heads())

    def only_head(self) -> str | None:
        """Return the last migration, or None if there are no migrations.

        Raises:
            MigrationError: Several migrations are last ones.
        """
        heads = self.heads
        if len(heads) > 1:
            raise MigrationError(
                f"{' and '.join(heads)} follow the same migration; "
                "join them with makemigrations --merge, or make one follow the other: "
                "set down_revision of the later file to its name"
            )
        return heads[0] if heads else None

    def find(self, name: str) -> str:
        """Return the full name of a migration.

        Args:
            name: The name or the start of it, such as `"0003"`.

        Raises:
            MigrationError: No migration or several match; the message suggests similar names.
        """
        if name in self.names:
            return name
        matches = [known for known in self.names if known.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        near = matches or get_close_matches(name, [*self.names, *map(_words, self.names)], 3, 0.5)
        near = [known for known in self.names if known in near or _words(known) in near]
        hint = f"did you mean {' or '.join(near)}?" if near else self._all()
        raise MigrationError(f"unknown migration {name!r}; {hint}")

    def _all(self) -> str:
        if not self.names:
            return "none exist yet; run makemigrations"
        return f"the last ones are {', '.join(self.names[-3:])}"

    def before(
        self, names: list[str], lineage: Mapping[str, Iterable[str]] | None = None
    ) -> set[str]:
        """Return migrations and all of their ancestors that have files.

        Args:
            names: Names of migrations.
            lineage: Parents by migration, as recorded in the database.

        Raises:
            MigrationError: A migration has no file and does not follow those that have.
        """
        known = self.known(names, lineage)
        revisions = self.scripts.revision_map.get_revisions(tuple(known))
        nodes = self.scripts.revision_map._get_ancestor_nodes(revisions, check=False)
        return {node.revision for node in nodes}

    def known(
        self, names: list[str], lineage: Mapping[str, Iterable[str]] | None = None
    ) -> list[str]:
        """Return names of migrations, replacing those of later code by their ancestors with files.

        Args:
            names: Names of migrations.
            lineage: Parents by migration, as recorded in the database.

        Raises:
            MigrationError: A migration has no file and does not follow those that have.
        """
        known: list[str] = []
        for name in names:
            if name in self.names:
                known.append(name)
                continue
            followed = ancestors(lineage or {}, name) & set(self.names)
            if not set(self.heads) <= followed:
                raise MigrationError(
                    f"the database is at {name!r}, which is not in {self._directory}: it was "
                    "migrated by other code, whose migrations do not follow these. Check out that "
                    "code, or check that DATABASE_URL names the database of this project"
                )
            known.extend(sorted(followed))
        return known

    def parents(self, name: str) -> list[str]:
        """Return the migrations that a migration follows."""
        below = self.scripts.get_revision(name).down_revision
        return [below] if isinstance(below, str) else list(below or ())


def _words(name: str) -> str:
    return re.sub(r"^\d+_", "", name)
