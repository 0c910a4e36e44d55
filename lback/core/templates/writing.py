"""Limits of templates from a database: what they write as text, its size, and their time."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from numbers import Number
from time import thread_time
from typing import Any

from jinja2 import Environment, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.runtime import Context as RenderContext
from jinja2.utils import Cycler, Namespace
from jinja2.visitor import NodeTransformer

from lback.core.templates.plain_data import CONTAINERS, is_plain, is_shown

# Filters that pass values on, or count them, without writing them as text.
_PASSING = frozenset(
    {"batch", "count", "d", "default", "dictsort", "first", "groupby", "items", "last", "length",
     "list", "map", "max", "min", "random", "reject", "rejectattr", "reverse", "select",
     "selectattr", "slice", "sort", "sum", "unique"}
)  # fmt: skip
_BOUNDED = ("batch", "indent", "round", "slice", "tojson", "wordwrap")
_LARGEST_ARGUMENT = 1000
_LARGEST_PRODUCT = 100_000
_LARGEST_BITS = 4096
# Characters of one text, and items in one value that is written.
LONGEST_TEXT = 10_000_000
_MOST_ITEMS = 100_000
# Processor time of one rendering.
_MOST_SECONDS = 5.0
_ends_at: ContextVar[float | None] = ContextVar("the end of the time of a rendering", default=None)
_CHECK = "_checked"
_LIMIT = "_limited"
_TEXT_KINDS = (str, bytes)
_ENGINE_KINDS = (BlockReference, Cycler, LoopContext, Macro, Namespace)


def guard_filters(environment: Environment) -> None:
    """Make the filters of an environment refuse objects as text, and large results."""
    filters = environment.filters
    for name in _BOUNDED:
        filters[name] = _bounded(filters[name])
    for name in filters.keys() - _PASSING - {"join"}:
        filters[name] = _of_text(filters[name])
    filters["join"] = _join
    filters["replace"] = _replace(filters["replace"])
    filters["sum"] = _sum(filters["sum"])
    for name in list(filters):
        filters[name] = _timed(filters[name])
    filters[_CHECK] = checked_text
    filters[_LIMIT] = _limited


@contextmanager
def limited_time() -> Iterator[None]:
    """Limit the processor time of a rendering, and of those within it."""
    if _ends_at.get() is not None:
        yield
        return
    token = _ends_at.set(thread_time() + _MOST_SECONDS)
    try:
        yield
    finally:
        _ends_at.reset(token)


def check_time() -> None:
    """Raise if the rendering has taken too long.

    Raises:
        SecurityError: It has taken five seconds of processor time.
    """
    ends_at = _ends_at.get()
    if ends_at is not None and thread_time() > ends_at:
        raise SecurityError(
            f"a template from the database may take {_MOST_SECONDS:g} seconds of processor time"
        )


def _limited(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of a loop while there is time."""
    for item in items:
        check_time()
        yield item


class AddChecks(NodeTransformer):
    """Rewrites a template: checks the operands and result of `a ~ b`, and the time in loops."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  the name of Jinja
        """Return the loop with a check before each of its steps."""
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _LIMIT, [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  the name of Jinja
        """Return the expression with a check around it and around each of its operands."""
        self.generic_visit(node)
        node.nodes = [self._check(operand) for operand in node.nodes]
        return self._check(node)

    def _check(self, node: nodes.Expr) -> nodes.Expr:
        return nodes.Filter(node, _CHECK, [], [], None, None, lineno=node.lineno)


@pass_context  # so that constants are checked too; otherwise they are folded to text before
def checked_output(_: RenderContext, value: Any) -> Any:
    """Return a value that a template writes, or raise if it may not be written.

    Args:
        _: Not used.
        value: The value.
    """
    return checked_text(value)


def checked_text(value: Any) -> Any:
    """Return a value unchanged if templates from a database may write it as text.

    Raises:
        SecurityError: Its text could show more than its class allows, or is too long.
    """
    if type(value) is str and len(value) <= LONGEST_TEXT:
        return value
    size = 0
    for number, part in enumerate(_parts_of(value)):
        size += len(part) if isinstance(part, _TEXT_KINDS) else 1
        if number > _MOST_ITEMS or size > LONGEST_TEXT:
            raise SecurityError("this text is too long for a template from the database")
    return value


def _parts_of(value: Any) -> Iterator[Any]:
    """Yield the scalars that the text of a value consists of."""
    if isinstance(value, CONTAINERS) and is_plain(value):
        items = (
            [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
        )
        for item in items:
            # Inside of a container an object is written by its `__repr__`.
            if not is_plain(item):
                raise _refused(item)
            yield from _parts_of(item)
        yield None
    elif not isinstance(value, _ENGINE_KINDS) and (is_plain(value) or _says_its_text(value)):
        yield value
    else:
        raise _refused(value)


def _says_its_text(value: Any) -> bool:
    """Return True if a class that names its attributes, or a subclass, defines `__str__`."""
    if not is_shown(value):
        return False
    for kind in type(value).__mro__[:-1]:
        if "__str__" in vars(kind) or "__html__" in vars(kind):
            return True
        if "template_attributes" in vars(kind):
            return False
    return False


def _refused(value: Any) -> SecurityError:
    return SecurityError(
        f"templates from the database may not write a {type(value).__name__} as text: give plain "
        "data, or define __str__ in the class that names template_attributes"
    )


def check_sum(left: Any, right: Any) -> None:
    """Raise if the sum of two texts or lists would be too long.

    Args:
        left: Left operand.
        right: Right operand.

    Raises:
        SecurityError: It would be.
    """
    if isinstance(left, (*_TEXT_KINDS, list, tuple)) and isinstance(right, type(left)):
        limit = LONGEST_TEXT if isinstance(left, _TEXT_KINDS) else _MOST_ITEMS
        if len(left) + len(right) > limit:
            raise SecurityError("this sum is too large for a template from the database")


def check_power(base: Any, exponent: Any) -> None:
    """Raise if a power would be too large.

    Args:
        base: Left operand.
        exponent: Right operand.

    Raises:
        SecurityError: It would be.
    """
    if not (isinstance(exponent, (int, float)) and abs(exponent) <= 64 and abs(base) <= 2**64):
        raise SecurityError("this power is too large for a template from the database")


def check_product(left: Any, right: Any) -> None:
    """Raise if a product of numbers, or a repeated text or list, would be too large.

    Args:
        left: Left operand.
        right: Right operand.

    Raises:
        SecurityError: It would be.
    """
    is_small = True
    if isinstance(left, int) and isinstance(right, int):
        is_small = left.bit_length() + right.bit_length() <= _LARGEST_BITS
    for sequence, number in ((left, right), (right, left)):
        if isinstance(sequence, (*_TEXT_KINDS, list, tuple)) and isinstance(number, int):
            is_small = len(sequence) * number <= _LARGEST_PRODUCT
    if not is_small:
        raise SecurityError("this product is too large for a template from the database")


def check_method(owner: Any, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check a call of `replace` or `join` of a text, and return its arguments.

    Args:
        owner: The object whose method is called.
        name: Name of the method.
        args: Positional arguments.

    Raises:
        SecurityError: The result would be too long.
    """
    if isinstance(owner, str) and name == "replace" and len(args) > 1:
        _check_replacement(owner, args[0], args[1])
    if isinstance(owner, str) and name == "join" and args:
        return (_joinable(list(args[0]), owner), *args[1:])
    return args


def concatenated(pieces: Iterable[str]) -> str:
    """Return the text of a template, block or macro.

    Raises:
        SecurityError: It is too long.
    """
    found, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > LONGEST_TEXT:
            raise SecurityError("this text is too long for a template from the database")
        found.append(piece)
    return "".join(found)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that it refuses large arguments, which would produce large output."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, int) and value > _LARGEST_ARGUMENT:
                raise SecurityError(f"{_LARGEST_ARGUMENT} is the largest argument of this filter")
        texts = [v for v in (*args, *kwargs.values()) if isinstance(v, str)]
        for text in texts[1:]:
            _check_replacement(texts[0], "", text)
        return function(*args, **kwargs)

    return call


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that it checks the time."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        check_time()
        return function(*args, **kwargs)

    return call


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that its arguments are checked like what a template writes."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if not isinstance(value, (Environment, EvalContext, RenderContext)):
                checked_text(value)
        return function(*args, **kwargs)

    return call


@pass_eval_context
def _join(context: EvalContext, value: Any, d: str = "", attribute: str | None = None) -> str:
    """Join texts; the filter of Jinja, with checked items."""
    items = list(value)
    if attribute is not None:
        items = [make_attrgetter(context.environment, attribute)(item) for item in items]
    for item in items:
        checked_text(item)
    joined: str = do_join(context, _joinable(items, str(checked_text(d))), d)
    return joined


def _joinable(items: list[Any], separator: str) -> list[Any]:
    size = sum(len(item) if isinstance(item, str) else 1 for item in items)
    if size + len(items) * len(separator) > LONGEST_TEXT:
        raise SecurityError("this text is too long for a template from the database")
    return items


def _replace(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(context: EvalContext, s: Any, old: Any, new: Any, count: int | None = None) -> Any:
        _check_replacement(str(checked_text(s)), str(checked_text(old)), checked_text(new))
        return function(context, s, old, new, count)

    return call


def _sum(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, start: Any = 0, **kwargs: Any) -> Any:
        if not isinstance(start, Number):
            raise SecurityError("a template from the database sums numbers only")
        return function(*args, start=start, **kwargs)

    return call


def _check_replacement(text: str, old: str, new: Any) -> None:
    times = text.count(old) if old else len(text) + 1
    if len(text) + times * len(str(new)) > LONGEST_TEXT:
        raise SecurityError("this text is too long for a template from the database")
