"""Which migration follows which, noted in the database itself.

Code that is older than the database has no files of the later migrations. From this table it can
tell that they follow its own last one, so that the database is later, and not that of other code.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

TABLE = "lback_migrations"
_LINES = sa.Table(
    TABLE,
    sa.MetaData(),
    sa.Column("revision", sa.String(32), primary_key=True),
    # Names of migrations have no spaces; more than one where branches were joined.
    sa.Column("parents", sa.String(500), nullable=False),
)


def note(connection: Connection, parents: Mapping[str, Iterable[str]]) -> None:
    """Note the migrations that the database has, and forget the others.

    Args:
        connection: Connection to the database.
        parents: What each migration follows.
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
    """Return what each migration follows; empty in a database of an earlier Lback."""
    if not sa.inspect(connection).has_table(TABLE):
        return {}
    rows = connection.execute(sa.select(_LINES))
    return {row.revision: row.parents.split() for row in rows}


def ancestors(parents: Mapping[str, Iterable[str]], name: str) -> set[str]:
    """Return a migration and all that it follows."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        next_name = waiting.pop()
        if next_name not in found:
            found.add(next_name)
            waiting.extend(parents.get(next_name, ()))
    return found
