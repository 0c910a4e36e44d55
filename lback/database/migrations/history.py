"""The migrations of a project as they follow each other, and the names they are called by."""

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
    """A migration and whether the database has it.

    Attributes:
        name: Its name, which is that of its file.
        message: What it does, in words.
        applied: Whether the database has it.
        is_head: Whether no other one follows it.
    """

    name: str
    message: str
    applied: bool
    is_head: bool


class History:
    """Reads the files of migrations and puts them in order.

    Args:
        config: Where Alembic finds them.
        directory: The same, for messages.

    Raises:
        MigrationError: A file that cannot be loaded, or names a migration that is not there.
    """

    def __init__(self, config: AlembicConfig, directory: Path) -> None:
        self._directory = directory
        self.scripts = ScriptDirectory.from_config(config)
        self.migrations = self._load()
        self.names = [script.revision for script in self.migrations]

    def _load(self) -> list[Script]:
        try:
            with warnings.catch_warnings():
                # What follows a migration that is not there, or has the name of another one.
                warnings.filterwarnings("error", r"Revision .* (is|was) ", UserWarning)
                return list(reversed(list(self.scripts.walk_revisions())))
        except (CommandError, UserWarning) as error:
            raise MigrationError(f"{self._directory}: {error}") from error
        except Exception as error:
            place = place_in(self._directory, error) or str(self._directory)
            raise MigrationError(f"{place}: {reason(error)}") from error

    @property
    def heads(self) -> list[str]:
        """The migrations that no other one follows."""
        return sorted(self.scripts.get_heads())

    def only_head(self) -> str | None:
        """Return the last migration, `None` without any.

        Raises:
            MigrationError: There are several.
        """
        heads = self.heads
        if len(heads) > 1:
            raise MigrationError(
                f"{' and '.join(heads)} follow the same migration; "
                "join them with makemigrations --merge, or have one follow the other: "
                "write its name into down_revision of the later file"
            )
        return heads[0] if heads else None

    def find(self, name: str) -> str:
        """Return the migration of a name, of which the beginning is enough.

        Raises:
            MigrationError: There is none, or several; names those that are near.
        """
        if name in self.names:
            return name
        found = [known for known in self.names if known.startswith(name)]
        if len(found) == 1:
            return found[0]
        near = found or get_close_matches(name, [*self.names, *map(_words, self.names)], 3, 0.5)
        near = [known for known in self.names if known in near or _words(known) in near]
        hint = f"did you mean {' or '.join(near)}?" if near else self._all()
        raise MigrationError(f"there is no migration {name!r}; {hint}")

    def _all(self) -> str:
        if not self.names:
            return "there are none yet: run makemigrations"
        return f"the last ones are {', '.join(self.names[-3:])}"

    def before(
        self, names: list[str], lineage: Mapping[str, Iterable[str]] | None = None
    ) -> set[str]:
        """Return these migrations and all that they follow, as far as there are files of them.

        Args:
            names: Names of migrations.
            lineage: What each migration that the database has follows, as it is noted there.

        Raises:
            MigrationError: The database has one of them, and there is no file of it; nor does it
                follow those that there are.
        """
        known = self.known(names, lineage)
        revisions = self.scripts.revision_map.get_revisions(tuple(known))
        nodes = self.scripts.revision_map._get_ancestor_nodes(revisions, check=False)
        return {node.revision for node in nodes}

    def known(
        self, names: list[str], lineage: Mapping[str, Iterable[str]] | None = None
    ) -> list[str]:
        """Return names of migrations, with what later ones follow in the place of those.

        Raises:
            MigrationError: A migration is unknown and does not follow those that there are.
        """
        found: list[str] = []
        for name in names:
            if name in self.names:
                found.append(name)
                continue
            followed = ancestors(lineage or {}, name) & set(self.names)
            if not set(self.heads) <= followed:
                raise MigrationError(
                    f"the database is at {name!r}, and {self._directory} has no such migration: it "
                    "was migrated by other code, whose migrations do not follow these. Fetch that "
                    "code, or check that DATABASE_URL names the database of this project"
                )
            found.extend(sorted(followed))
        return found

    def parents(self, name: str) -> list[str]:
        """Return the migrations that one follows."""
        below = self.scripts.get_revision(name).down_revision
        return [below] if isinstance(below, str) else list(below or ())


def _words(name: str) -> str:
    return re.sub(r"^\d+_", "", name)
