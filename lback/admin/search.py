"""Search: words that a list is narrowed by, looked for in columns that the options name."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, or_
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstrumentedAttribute

from lback.admin.columns import build_column
from lback.admin.options import ModelAdmin
from lback.core.exceptions import ConfigurationError

MAX_LENGTH = 200
MAX_WORDS = 8
# Greater than every character, so that all that begins with a word lies below word + this.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A column, and how a word is looked for in it."""

    name: str
    expression: ColumnElement[Any]
    path: tuple[InstrumentedAttribute[Any], ...]
    how: str

    def matches(self, word: str, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that the column holds a word."""
        column = self.expression
        if self.how == "=":
            return column == word
        if self.how == "^":
            if dialect.name == "sqlite":
                # LIKE ignores case there, and so every index.
                return and_(column >= word, column < word + _LAST)
            return column.startswith(word, autoescape=True)
        return column.icontains(word, autoescape=True)


def build_search(options: ModelAdmin, name: str, where: str) -> SearchTerm:
    """Return what a name in `search_columns` means.

    Raises:
        ConfigurationError: It names no column.
    """
    how = name[:1] if name[:1] in ("^", "=") else ""
    column = build_column(options, name.removeprefix(how), where)
    if column.sort is None:
        raise ConfigurationError(f"{where} names {name!r}, which is no column that can be searched")
    expression = column.sort
    if not isinstance(expression.type, String):
        expression = cast(expression, String(255))
    return SearchTerm(column.name, expression, column.path, how)


def words_of(text: Any) -> list[str]:
    """Return the words of a search that somebody sent; too long ones are cut."""
    if not isinstance(text, str) or "\0" in text:
        return []
    cleaned = text[:MAX_LENGTH].encode("utf-8", "ignore").decode()
    return cleaned.split()[:MAX_WORDS]


def condition(terms: list[SearchTerm], text: str, dialect: Dialect) -> ColumnElement[bool] | None:
    """Return the condition that each word is found somewhere, or the text as a whole is."""
    words = words_of(text)
    if not words or not terms:
        return None
    whole = " ".join(words)
    # A name that is compared with its beginning or as a whole may have several words itself.
    exact = [term.matches(whole, dialect) for term in terms if term.how] if words[1:] else []
    each = and_(*(or_(*(term.matches(word, dialect) for term in terms)) for word in words))
    return or_(each, *exact) if exact else each
