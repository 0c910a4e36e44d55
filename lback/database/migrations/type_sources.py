"""Writes column types of a project as Python source."""

import ast
import sys
from collections.abc import Iterator

from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import generic_repr

from lback.database.migrations.kinds import Type
from lback.database.migrations.steps import Unreadable, evaluate


def source_of(type_: Type, dialect: Dialect) -> str | None:
    """Return an expression that makes a type of a project.

    SQLAlchemy writes a `TypeDecorator` with the arguments of the type that it decorates, which its
    class may not take.

    Args:
        type_: The type.
        dialect: Dialect of the database.

    Returns:
        The expression; None for a `TypeDecorator` that needs a `__repr__` of its own.
    """
    kind = type(type_)
    written = kind.__qualname__ + repr(type_).removeprefix(kind.__name__)
    if not isinstance(type_, TypeDecorator) or kind.__repr__ is not TypeDecorator.__repr__:
        return repr(type_) if kind.__repr__ not in _GENERIC else written
    for text in (written, kind.__qualname__ + generic_repr(type_).removeprefix(kind.__name__)):
        if any(made == type_.compile(dialect) for made in _compiled(text, kind, dialect)):
            return text
    return None


_GENERIC = (TypeEngine.__repr__, TypeDecorator.__repr__)


def _compiled(text: str, kind: type[object], dialect: Dialect) -> Iterator[str]:
    """Yield the SQL of the type that an expression makes, if it makes one."""
    root = kind.__qualname__.partition(".")[0]
    names = {root: getattr(sys.modules.get(kind.__module__), root, None)}
    try:
        made = evaluate(ast.parse(text, mode="eval").body, names)
    except (SyntaxError, Unreadable):
        return
    if isinstance(made, TypeEngine):
        yield made.compile(dialect)
