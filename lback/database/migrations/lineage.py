"""Records in the database which migration follows which.

Older code has no files of later migrations. From this table it can tell that they follow its own
last migration, so that the database is newer and not that of another project.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

TABLE = "lback_migrations"
_LINES = sa.Table(
    TABLE,
    sa.MetaData(),
    sa.Column("revision", sa.String(32), primary_key=True),
    # Separated by spaces; several for a merge.
    sa.Column("parents", sa.String(500), nullable=False),
)


def note(connection: Connection, parents: Mapping[str, Iterable[str]]) -> None:
    """Record the applied migrations, and delete all others.

    Args:
        connection: Connection to the database.
        parents: Parents by applied migration.
    """
    if not sa.inspect(connection).has_table(TABLE):
        _LINES.create(connection)
    noted = read(connection)
    for name in noted.keys() - parents.keys():
        connection.execute(_LINES.delete().where(_LINES.c.revision == name))
    for name, follows in parents.items():
        if noted.get(name) != list(follows):
            connection.execute(_LINES.delete().where(_LINES.c.revision == name))
            connection.execute(_LINES.insert().values(revision=name, parents=" ".join(follows)))


def read(connection: Connection) -> dict[str, list[str]]:
    """Return the recorded parents by migration; empty in a database of an earlier Lback."""
    if not sa.inspect(connection).has_table(TABLE):
        return {}
    rows = connection.execute(sa.select(_LINES))
    return {row.revision: row.parents.split() for row in rows}


def ancestors(parents: Mapping[str, Iterable[str]], name: str) -> set[str]:
    """Return a migration and all that it follows.

    Args:
        parents: Parents by migration.
        name: Name of the migration.

    Example:
        >>> sorted(ancestors({"0002": ["0001"], "0003": ["0002"]}, "0002"))
        ['0001', '0002']
    """
    visited: set[str] = set()
    waiting = [name]
    while waiting:
        next_name = waiting.pop()
        if next_name not in visited:
            visited.add(next_name)
            waiting.extend(parents.get(next_name, ()))
    return visited
