"""Reads the operations of a migration from its source, in order, without running it."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.script import Script
from sqlalchemy.types import TypeEngine

from lback.database.migrations.sources import parsed

# The name of a step that is not an operation of Alembic on a table, and may do anything.
UNKNOWN = ""
_TABLES = ("table_name", "old_table_name", "source_table")


class Unreadable(ValueError):
    """An expression has a value only while the migration runs."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation in the source of a migration.

    Attributes:
        name: Name of the operation, such as `"add_column"`; `UNKNOWN` for other code.
        schema: Schema of its table.
        table: Name of its table; empty if it is computed.
        arguments: Expressions of the other arguments.
        options: Expressions of the keyword arguments.
        names: Global names of the migration.
    """

    name: str
    schema: str | None
    table: str
    arguments: Sequence[ast.expr]
    options: Mapping[str, ast.expr]
    names: Mapping[str, Any]

    def text(self, position: int, option: str = "") -> str:
        """Return an argument that is text, by its position after the table or its name.

        Args:
            position: Position after the table.
            option: Name of the keyword argument.

        Raises:
            Unreadable: The argument is missing, computed or not text.
        """
        node = self.options.get(option)
        if node is None and position < len(self.arguments):
            node = self.arguments[position]
        value = None if node is None else evaluate(node, self.names)
        if not isinstance(value, str):
            raise Unreadable(option)
        return value

    def option(self, name: str) -> Any:
        """Return the value of a keyword argument; None without one.

        Raises:
            Unreadable: The value is computed.
        """
        node = self.options.get(name)
        return None if node is None else evaluate(node, self.names)

    def columns(self) -> Iterator[tuple[str, TypeEngine[Any] | None]]:
        """Yield name and type of each column among the arguments; None for a computed type."""
        for node in self.arguments:
            if isinstance(node, ast.Call) and _called(node)[-1:] == ["Column"] and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield name.value, self._type_in(node)

    def _type_in(self, column: ast.Call) -> TypeEngine[Any] | None:
        given = [*column.args[1:2], *(k.value for k in column.keywords if k.arg == "type_")]
        try:
            values = [evaluate(node, self.names) for node in given]
        except Unreadable:
            return None
        return next(
            (type_ for type_ in map(as_type, values) if type_ is not None), sa.types.NullType()
        )


def as_type(value: Any) -> TypeEngine[Any] | None:
    """Return a type or a class of types as a type; None for any other value."""
    if isinstance(value, type) and issubclass(value, TypeEngine):
        value = value()
    return value if isinstance(value, TypeEngine) else None


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression of literals, names and calls, such as `sa.String(40)`.

    Args:
        node: The expression.
        names: Global names of the migration.

    Raises:
        Unreadable: The value is known only while the migration runs.

    Example:
        >>> evaluate(ast.parse("sa.String(40)", mode="eval").body, {"sa": sa})
        String(length=40)
    """
    evaluator = _EVALUATORS.get(type(node))
    if evaluator is None:
        raise Unreadable(ast.unparse(node))
    try:
        return evaluator(node, names)
    except (AttributeError, KeyError, TypeError, ValueError, sa.exc.SQLAlchemyError) as error:
        raise Unreadable(ast.unparse(node)) from error


def _call(node: Any, names: Mapping[str, Any]) -> Any:
    arguments = [evaluate(part, names) for part in node.args]
    options = {str(keyword.arg): evaluate(keyword.value, names) for keyword in node.keywords}
    return evaluate(node.func, names)(*arguments, **options)


def _sequence(node: Any, names: Mapping[str, Any]) -> list[Any]:
    return [evaluate(part, names) for part in node.elts]


_EVALUATORS: dict[type[ast.expr], Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: lambda node, names: names[node.id],
    ast.Attribute: lambda node, names: getattr(evaluate(node.value, names), node.attr),
    ast.Call: _call,
    ast.List: _sequence,
    ast.Tuple: _sequence,
}


def steps(script: Script, dialects: Iterable[str], function: str = "upgrade") -> Iterator[Step]:
    """Yield the operations of a migration in order.

    Args:
        script: The migration.
        dialects: Names of the dialect, such as `("mysql", "mariadb")`, for conditions on it.
        function: `"upgrade"` or `"downgrade"`.
    """
    tree = parsed(Path(script.path).read_text("utf-8"))
    reader = _Reader(vars(script.module), frozenset(dialects))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for statement in node.body:
                reader.visit(statement)
    yield from reader.found


# Statements whose parts run any number of times.
_REPEATED = (ast.For, ast.While, ast.Try, ast.FunctionDef, ast.Match)


class _Reader(ast.NodeVisitor):
    """Collects the operations of a function. Loops and calls of other functions are unknown."""

    def __init__(self, names: Mapping[str, Any], dialects: frozenset[str]) -> None:
        self.found: list[Step] = []
        self._names = names
        self._dialects = dialects
        self._batches: dict[str, tuple[str | None, str]] = {}

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and _called(call) == ["op", "batch_alter_table"]:
                table, options = _first(call), _options(call)
                if isinstance(item.optional_vars, ast.Name):
                    place = self._schema(options), self._text(table)
                    self._batches[item.optional_vars.id] = place
            else:
                self._unknown()
        for statement in node.body:
            self.visit(statement)

    def visit_If(self, node: ast.If) -> None:
        meant = _meant_dialect(node.test)
        if meant is None:
            self._unknown()
        for statement in node.body if meant in (None, *self._dialects) else node.orelse:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        """Visit a statement or expression.

        Args:
            node: The statement or expression.
        """
        if isinstance(node, _REPEATED):
            self._unknown()
        super().visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = _called(node)
        if len(called) == 2 and called[0] == "op":
            self._note(called[1], node)
        elif len(called) == 2 and called[0] in self._batches:
            place = self._batches[called[0]]
            self.found.append(Step(called[1], *place, node.args, _options(node), self._names))
        elif called[0] != "sa":
            self._unknown()

    def _note(self, name: str, node: ast.Call) -> None:
        options = _options(node)
        table = self._text(next((options[t] for t in _TABLES if t in options), _first(node)))
        rest = node.args if any(t in options for t in _TABLES) else node.args[1:]
        self.found.append(Step(name, self._schema(options), table, rest, options, self._names))

    def _unknown(self) -> None:
        self.found.append(Step(UNKNOWN, None, "", (), {}, self._names))

    def _schema(self, options: Mapping[str, ast.expr]) -> str | None:
        return self._text(options.get("schema")) or None

    def _text(self, node: ast.expr | None) -> str:
        try:
            value = None if node is None else evaluate(node, self._names)
        except Unreadable:
            return ""
        return value if isinstance(value, str) else ""


def _called(node: ast.Call) -> list[str]:
    """Return the parts of the name of a called function; empty parts for other expressions."""
    parts: list[str] = []
    called = node.func
    while isinstance(called, ast.Attribute):
        parts.insert(0, called.attr)
        called = called.value
    return [called.id if isinstance(called, ast.Name) else "", *parts]


def _first(node: ast.Call) -> ast.expr | None:
    return node.args[0] if node.args else None


def _options(node: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}


def _meant_dialect(test: ast.expr) -> str | None:
    """Return the dialect of a condition such as `op.get_context().dialect.name == 'x'`."""
    match test:
        case ast.Compare(
            left=ast.Attribute(value=ast.Attribute(attr="dialect"), attr="name"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=str(name))],
        ):
            return name
    return None
