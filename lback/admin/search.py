"""Search in the columns that the options list in `search_columns`."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, and_, cast, or_
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstrumentedAttribute

from lback.admin.columns import build_column
from lback.admin.options import ModelAdmin
from lback.core.exceptions import ConfigurationError
from lback.database.column_values import starts_with

MAX_LENGTH = 200
MAX_WORDS = 8


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A column to search.

    Attributes:
        name: Name of the column in the options.
        expression: Column expression, cast to text if necessary.
        path: To-one relationships from the model to the column.
        how: "^" for a prefix match, "=" for an exact match, "" for a substring.
    """

    name: str
    expression: ColumnElement[object]
    path: tuple[InstrumentedAttribute[object], ...]
    how: str

    def matches(self, word: str, dialect: Dialect) -> ColumnElement[bool]:
        """Return the SQL condition that the column matches a word.

        Args:
            word: Word to search for.
            dialect: Dialect of the database.
        """
        column = self.expression
        if self.how == "=":
            return column == word
        if self.how == "^":
            return starts_with(column, word, dialect)
        return column.icontains(word, autoescape=True)


def build_search(options: ModelAdmin, name: str, where: str) -> SearchTerm:
    """Return the search term of a name in `search_columns`.

    Args:
        options: Options of the registered model.
        name: Name of a column, with the prefix "^" or "=" if it is not a substring search.
        where: Place of the name, for error messages.

    Raises:
        ConfigurationError: The name is not a column.
    """
    how = name[:1] if name[:1] in ("^", "=") else ""
    column = build_column(options, name.removeprefix(how), where)
    if column.sort is None:
        raise ConfigurationError(f"{where} names {name!r}, which is not a searchable column")
    expression = column.sort
    if not isinstance(expression.type, String):
        expression = cast(expression, String(255))
    return SearchTerm(column.name, expression, column.path, how)


def words_of(text: object) -> list[str]:
    """Return the words of a search text from a client; at most 8 of the first 200 characters.

    Example:
        >>> from lback.admin.search import words_of
        >>> words_of("  jane  austen ")
        ['jane', 'austen']
    """
    if not isinstance(text, str) or "\0" in text:
        return []
    cleaned = text[:MAX_LENGTH].encode("utf-8", "ignore").decode()
    return cleaned.split()[:MAX_WORDS]


def condition(terms: list[SearchTerm], text: str, dialect: Dialect) -> ColumnElement[bool] | None:
    """Return the SQL condition that each word matches a column, or the whole text matches one.

    Args:
        terms: Columns to search.
        text: Search text from a client.
        dialect: Dialect of the database.

    Returns:
        The condition, or None if there are no words or no columns.
    """
    words = words_of(text)
    if not words or not terms:
        return None
    whole = " ".join(words)
    # Prefix and exact matches may consist of several words.
    exact = [term.matches(whole, dialect) for term in terms if term.how] if words[1:] else []
    each = and_(*(or_(*(term.matches(word, dialect) for term in terms)) for word in words))
    return or_(each, *exact) if exact else each
