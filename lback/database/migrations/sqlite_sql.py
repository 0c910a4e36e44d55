"""Parses the SQL of SQLite's schema as far as changes of tables need it.

SQLite stores the SQL of tables, indexes and triggers. Unchanged parts stay as written: collations,
checks, conflict clauses and features of later versions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))"""
    r"""|(?P<text>'(?:[^']|'')*')"""
    r"""|(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<word>[^\W\d][\w$]*)"""
    r"""|(?P<number>\d[\w.]*|\.\d\w*)"""
    r"""|(?P<sign><>|<=|>=|!=|==|\|\||<<|>>|->>|->|.)""",
    re.S | re.X,
)
# Keywords that end the type of a column and start a constraint.
CLAUSES = frozenset(
    ("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "GENERATED")
) | {"REFERENCES", "AS"}
_TABLE_CONSTRAINTS = frozenset(["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])


@dataclass(frozen=True, slots=True)
class Token:
    """A word, quoted name, string, number or sign, with the space before it."""

    kind: str
    text: str
    space: str = ""

    @property
    def word(self) -> str:
        """The keyword in upper case; empty for other tokens."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The name without quotes."""
        if self.kind != "quoted":
            return self.text
        inner, end = self.text[1:-1], self.text[-1]
        return inner if end == "]" else inner.replace(end * 2, end)


def tokens(sql: str) -> list[Token]:
    """Split SQL into tokens. `join` restores the text.

    Example:
        >>> [token.text for token in tokens("DROP TABLE t -- now")]
        ['DROP', 'TABLE', 't']
    """
    found, space = [], ""
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "space":
            space += match[0]
        else:
            found.append(Token(match.lastgroup or "", match[0], space))
            space = ""
    return found


def join(parts: list[Token]) -> str:
    """Return the SQL of tokens."""
    return "".join(token.space + token.text for token in parts).strip()


def normal(sql: str | None) -> str:
    """Return SQL in a normal form, without differences in spaces, case, quotes and outer brackets.

    Example:
        >>> normal('( "Price">0 )')
        'price > 0'
    """
    shown = [t.text if t.kind == "text" else t.name.lower() for t in tokens(sql or "")]
    while len(shown) > 1 and shown[0] == "(" and _closing(shown) == len(shown) - 1:
        shown = shown[1:-1]
    return " ".join(shown)


def quoted(name: str) -> str:
    """Return a name quoted for SQL.

    Example:
        >>> quoted("order")
        '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def mentions(sql: str, name: str) -> bool:
    """Return True if SQL contains a name, in any case.

    Args:
        sql: SQL text.
        name: Name without quotes.

    Example:
        >>> mentions('SELECT "Price" FROM t', "price"), mentions("SELECT 'price'", "price")
        (True, False)
    """
    return any(
        token.kind in ("word", "quoted") and token.name.lower() == name.lower()
        for token in tokens(sql)
    )


@dataclass(slots=True)
class Column:
    """A column of a table: its name, its type, and its clauses such as NOT NULL."""

    name: str
    type_: list[Token]
    clauses: list[list[Token]]

    def clause(self, *words: str) -> list[Token] | None:
        """Return the first clause that starts with some keywords, not counting its name."""
        return next((c for c in self.clauses if _begins(_unnamed(c), words)), None)

    def drop(self, *words: str) -> None:
        """Remove all clauses that start with some keywords."""
        self.clauses = [c for c in self.clauses if not _begins(_unnamed(c), words)]

    def add(self, sql: str) -> None:
        """Add a clause."""
        self.clauses.append([Token(t.kind, t.text, t.space or " ") for t in tokens(sql)])

    @property
    def is_generated(self) -> bool:
        """Whether the column is generated (computed)."""
        return any(self.clause(word) for word in ("GENERATED", "AS"))

    @property
    def declared_type(self) -> str:
        """The declared type as SQL; empty without one."""
        return join(self.type_)

    def sql(self) -> str:
        """Return the column as it is written in CREATE TABLE."""
        parts = [quoted(self.name), self.declared_type, *map(join, self.clauses)]
        return " ".join(part for part in parts if part)


@dataclass(slots=True)
class Table:
    """A CREATE TABLE statement whose parts can be changed.

    Attributes:
        name: Name of the table.
        columns: Its columns, in order.
        constraints: Its constraints, each as tokens.
        options: Options after the closing bracket, such as WITHOUT ROWID.
    """

    name: str
    columns: list[Column]
    constraints: list[list[Token]]
    options: str

    def column(self, name: str) -> Column | None:
        """Return a column by its name in any case; None if it does not exist."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def drop_constraint(self, name: str) -> bool:
        """Remove a constraint by its name in any case, and return True if it existed."""
        kept = [c for c in self.constraints if constraint_name(c) != name.lower()]
        found = len(kept) < len(self.constraints)
        self.constraints = kept
        for column in self.columns:
            clauses = [c for c in column.clauses if constraint_name(c) != name.lower()]
            found = found or len(clauses) < len(column.clauses)
            column.clauses = clauses
        return found

    def sql(self, name: str) -> str:
        """Return the CREATE TABLE statement for a name."""
        parts = [column.sql() for column in self.columns] + [join(c) for c in self.constraints]
        inner = ",\n\t".join(parts)
        return f"CREATE TABLE {quoted(name)} (\n\t{inner}\n) {self.options}".rstrip()


def constraint_name(clause: list[Token]) -> str:
    """Return the name of a constraint in lower case; empty without one."""
    return clause[1].name.lower() if clause and clause[0].word == "CONSTRAINT" else ""


def read_table(sql: str) -> Table:
    """Parse a CREATE TABLE statement.

    Raises:
        ValueError: The statement is another one, such as for a virtual table.

    Example:
        >>> table = read_table("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
        >>> [(column.name, column.declared_type) for column in table.columns]
        [('id', 'INTEGER'), ('title', 'TEXT')]
    """
    parts = tokens(sql)
    start = next((n for n, token in enumerate(parts) if token.text == "("), len(parts))
    words = [token.word for token in parts[:start]]
    if words[:2] != ["CREATE", "TABLE"]:
        raise ValueError(f"not a table: {sql[:60]}")
    end = start + _closing([token.text for token in parts[start:]])
    columns, constraints = [], []
    for item in _items(parts[start + 1 : end]):
        if item[0].word in _TABLE_CONSTRAINTS:
            constraints.append(item)
        else:
            columns.append(_column(item))
    return Table(parts[start - 1].name, columns, constraints, join(parts[end + 1 :]))


def checks(table: Table) -> Iterator[tuple[str, str]]:
    """Yield name and condition of each CHECK constraint; the name is empty without one."""
    clauses = [*table.constraints, *(c for column in table.columns for c in column.clauses)]
    for clause in clauses:
        if _begins(_unnamed(clause), ("CHECK",)):
            yield constraint_name(clause), join(in_brackets(_unnamed(clause)))


def default_of(column: Column) -> str | None:
    """Return the value of DEFAULT as SQL; None without one."""
    clause = column.clause("DEFAULT")
    return None if clause is None else join(_unnamed(clause)[1:])


def generation_of(column: Column) -> str | None:
    """Return the expression of a generated column; None for any other column."""
    clause = column.clause("GENERATED") or column.clause("AS")
    return None if clause is None else join(in_brackets(_unnamed(clause)))


def constrained_columns(clause: list[Token]) -> set[str]:
    """Return the names in the first brackets of a constraint, in lower case."""
    inner = in_brackets(_unnamed(clause))
    return {t.name.lower() for t in inner if t.kind in ("word", "quoted")}


def in_brackets(parts: list[Token]) -> list[Token]:
    """Return the tokens in the first brackets."""
    start = next((n for n, token in enumerate(parts) if token.text == "("), None)
    if start is None:
        return []
    end = start + _closing([token.text for token in parts[start:]])
    return parts[start + 1 : end]


def _unnamed(clause: list[Token]) -> list[Token]:
    return clause[2:] if clause and clause[0].word == "CONSTRAINT" else clause


def _begins(clause: list[Token], words: tuple[str, ...]) -> bool:
    return tuple(token.word for token in clause[: len(words)]) == words


def _closing(texts: list[str]) -> int:
    """Return the position of the bracket that closes the first one."""
    depth = 0
    for place, text in enumerate(texts):
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return place
    return len(texts)


def _items(parts: list[Token]) -> Iterator[list[Token]]:
    """Split at commas outside of brackets."""
    depth, item = 0, list[Token]()
    for token in parts:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            yield item
            item = []
        else:
            item.append(token)
    if item:
        yield item


def _column(item: list[Token]) -> Column:
    clauses: list[list[Token]] = []
    type_: list[Token] = []
    depth = 0
    for place, token in enumerate(item[1:], 1):
        if depth == 0 and token.word in CLAUSES and _starts_clause(item, place):
            clauses.append([])
        (clauses[-1] if clauses else type_).append(token)
        depth += (token.text == "(") - (token.text == ")")
    return Column(item[0].name, type_, clauses)


def _starts_clause(item: list[Token], place: int) -> bool:
    """Return True if a keyword starts a clause, False if it continues the previous one."""
    before, word = item[place - 1].word, item[place].word
    if item[place - 2].word == "CONSTRAINT" and place > 2:
        return False
    continued = {
        "NULL": ("NOT", "SET", "DEFAULT"),
        "DEFAULT": ("SET",),
        "AS": ("ALWAYS",),
        "NOT": (),
    }
    if word == "NOT" and item[place + 1 : place + 2] and item[place + 1].word == "DEFERRABLE":
        return False
    return before not in continued.get(word, ()) and before != "CONSTRAINT"
