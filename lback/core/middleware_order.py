"""The order of the middlewares: what each demands of the others, held against the chain."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lback.core.exceptions import ConfigurationError

# What a middleware class may say of its place, each a tuple of class names, dotted or not. A
# subclass, and a class that names another in `stands_for`, counts as that other one.
NEEDS = "needs"  # must be in the chain, and earlier
RUNS_AFTER = "runs_after"  # earlier, if it is there
RUNS_BEFORE = "runs_before"  # later, if it is there
STANDS_FOR = "stands_for"


def check_order(middlewares: Sequence[Any]) -> None:
    """Refuse a chain in an order in which one of its middlewares cannot work.

    Raises:
        ConfigurationError: Names all that is wrong, and an order that works.
    """
    missing, misplaced = list(_missing(middlewares)), list(_misplaced(middlewares))
    if missing or misplaced:
        way_out = [_way_out(middlewares)] if misplaced else []
        lines = ["the middlewares cannot work as they are:", *missing, *misplaced, *way_out]
        raise ConfigurationError("\n- ".join(lines))


def _missing(middlewares: Sequence[Any]) -> Iterator[str]:
    for middleware in middlewares:
        for wanted in _rule(middleware, NEEDS):
            if not any(_is(other, wanted) for other in middlewares):
                yield (
                    f"{_name(middleware)} needs {_bare(wanted)}, which is not there: "
                    f"add {wanted!r} before it"
                )


def _misplaced(middlewares: Sequence[Any]) -> Iterator[str]:
    for place, middleware in enumerate(middlewares):
        for other in middlewares[place + 1 :]:
            if _must_precede(other, middleware):
                yield (f"{_name(middleware)} comes before {_name(other)}, and must come after it")


def _must_precede(first: Any, second: Any) -> bool:
    """Tell whether one of the two says that the first comes earlier."""
    before = _rule(first, RUNS_BEFORE)
    after = (*_rule(second, NEEDS), *_rule(second, RUNS_AFTER))
    return any(_is(second, name) for name in before) or any(_is(first, name) for name in after)


def _way_out(middlewares: Sequence[Any]) -> str:
    ordered: list[Any] = []
    waiting = list(middlewares)
    while waiting:
        free = next((m for m in waiting if not _is_preceded(m, waiting)), None)
        if free is None:
            names = ", ".join(map(_name, waiting))
            return f"no order can work: the rules of {names} contradict each other"
        waiting = [middleware for middleware in waiting if middleware is not free]
        ordered.append(free)
    return f"an order that works: {', '.join(map(_name, ordered))}"


def _is_preceded(middleware: Any, waiting: Iterable[Any]) -> bool:
    return any(other is not middleware and _must_precede(other, middleware) for other in waiting)


def _rule(middleware: Any, name: str) -> tuple[str, ...]:
    names = getattr(type(middleware), name, ())
    return (names,) if isinstance(names, str) else tuple(names)


def _is(middleware: Any, name: str) -> bool:
    wanted = _bare(name)
    stands_for = (_bare(other) for other in _rule(middleware, STANDS_FOR))
    return wanted in stands_for or any(k.__name__ == wanted for k in type(middleware).__mro__)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _name(middleware: Any) -> str:
    return type(middleware).__name__
