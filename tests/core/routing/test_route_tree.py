"""The tree of routes answers as a walk over all routes would, and sooner."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lback.core.exceptions import RouteNotFound
from lback.core.http.methods import METHODS, HTTPMethod
from lback.core.router import Route, Router
from lback.core.routing.converters import CONVERTERS, TypeConverter
from lback.core.routing.route_tree import RouteTree

Found: TypeAlias = tuple[Route, dict[str, Any]] | None

PIECES = ["a", "b", "", "a-1", "{v}", "{v:int}", "{v:path}", "{v}-{w}", "{v:int}.{w}", "a{v}"]
SEGMENTS = ["a", "b", "", "1", "12", "a-1", "1.b", "-", "é", "a\n", "ab", "a-b-c"]
NAMES = ["GET", "POST", "PURGE"]
ASKED = [*NAMES, "HEAD", HTTPMethod.GET]

method_lists = st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)
patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(
    lambda pieces: "".join(
        f"/{piece.replace('{v', f'{{v{i}').replace('{w', f'{{w{i}')}"
        for i, piece in enumerate(pieces)
    )
)
paths = st.lists(st.sampled_from(SEGMENTS), max_size=5).map(lambda parts: "/" + "/".join(parts))
odd_paths = paths | st.sampled_from(["", "*", "a", "a/b", "//", "///", "/a\n", "\n/a"]) | st.text()


def view(*args: object, **values: object) -> None: ...


def asked_one_by_one(routes: list[Route], path: str, method: str) -> Found:
    for route in routes:
        params = route.match(path, method)
        if params is not None and "_method_mismatch" not in params:
            return route, params
    return None


def allowed_one_by_one(routes: list[Route], path: str) -> list[str] | None:
    fitting = [route for route in routes if route.pattern.match(path) is not None]
    return sorted({m for r in fitting for m in r.methods or ()}) if fitting else None


@settings(max_examples=300)
@given(
    st.lists(st.tuples(patterns, method_lists), max_size=12),
    st.lists(odd_paths, min_size=1, max_size=6),
)
def test_the_answer_is_that_of_asking_every_route_in_order(
    table: list[tuple[str, list[str] | None]], asked: list[str]
) -> None:
    tree, routes = RouteTree(), [Route(path, view, methods) for path, methods in table]
    for route in routes:
        tree.add(route)
    for path in asked:
        assert tree.allowed_methods(path) == allowed_one_by_one(routes, path)
        for method in ASKED:
            assert tree.find(path, method) == asked_one_by_one(routes, path, method)


few_patterns = st.sampled_from(
    [
        "/a",
        "/b",
        "/{v}",
        "/{v:int}",
        "/{v}-{w}",
        "/{v:path}",
        "/a/{v}",
        "/{v}/a",
        "/a/a",
        "/a/",
        "/",
    ]
)
additions = st.tuples(st.just("add"), few_patterns, method_lists)
removals = st.tuples(st.just("remove"), few_patterns, method_lists)


class Numbered:
    """A view that is known by its number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, request: object) -> None: ...


def number_of(route: Route) -> int:
    assert isinstance(route.view, Numbered)
    return route.view.number


class Model:
    """A router as a plain list of number, pattern and methods."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, list[str] | None]] = []

    def remove(self, path: str, methods: list[str] | None) -> None:
        rows = []
        for number, pattern, names in self.rows:
            if pattern != path:
                rows.append((number, pattern, names))
            elif methods is not None:
                left = [m for m in names or list(METHODS) if m not in methods]
                rows += [(number, pattern, left)] if left else []
        self.rows = rows

    def find(self, path: str, method: str) -> int | None:
        for number, pattern, names in self.rows:
            if (names is None or method in names) and Route(pattern, view).match(
                path, ""
            ) is not None:
                return number
        return None


@settings(max_examples=200)
@given(
    st.lists(additions | additions | removals, max_size=12),
    st.lists(st.sampled_from(["/a", "/b", "/1", "/a-1", "/a/a", "/1/a", "/", "/a/"]), min_size=1),
)
def test_routes_come_and_go_in_any_order(
    steps: list[tuple[str, str, list[str] | None]], asked: list[str]
) -> None:
    router, model = Router(), Model()
    for number, (step, pattern, methods) in enumerate(steps):
        if step == "add":
            router.add_route(pattern, Numbered(number), methods)
            model.rows.append((number, pattern, methods))
        else:
            router.remove_route(pattern, methods)
            model.remove(pattern, methods)
    assert [(number_of(r), r.path, r.methods) for r in router.routes] == model.rows
    for path in asked:
        for method in NAMES:
            found = router.find(path, method)
            assert (found and number_of(found[0])) == model.find(path, method)
        assert router.allowed_methods(path) == allowed_one_by_one(router.routes, path)


def test_an_earlier_pattern_goes_before_a_later_literal() -> None:
    router = Router()
    router.add_route("/users/{name}", view, ["GET"], "pattern")
    router.add_route("/users/me", view, ["GET", "POST"], "literal")
    assert name_of(router.find("/users/me", "GET")) == "pattern"
    assert name_of(router.find("/users/me", "POST")) == "literal"


def test_an_earlier_literal_goes_before_a_later_pattern() -> None:
    router = Router()
    router.add_route("/users/me", view, ["GET"], "literal")
    router.add_route("/users/{name}", view, ["GET", "POST"], "pattern")
    router.add_route("/users/me", view, ["POST"], "late")
    assert name_of(router.find("/users/me", "GET")) == "literal"
    assert name_of(router.find("/users/me", "POST")) == "pattern"


def test_a_route_for_every_method_takes_also_those_that_a_later_one_names() -> None:
    router = Router()
    router.add_route("/files", view, name="all")
    router.add_route("/files", view, ["PROPFIND", "GET"], "late")
    assert name_of(router.find("/files", "PROPFIND")) == "all"
    assert name_of(router.find("/files", "GET")) == "all"


def test_a_refused_value_lets_the_next_route_try() -> None:
    router = Router()
    router.add_route("/{n:int}", view, name="number")
    router.add_route("/{key:uuid}", view, name="key")
    router.add_route("/{text}", view, name="text")
    assert name_of(router.find("/7", "GET")) == "number"
    assert name_of(router.find("/0b1b7a3e-8f64-4c55-9d42-6f2c1e8a7b90", "GET")) == "key"
    assert name_of(router.find(f"/{'9' * 5000}", "GET")) == "text"


def name_of(found: Found) -> str | None:
    return found[0].name if found else None


def test_a_found_literal_comes_with_variables_of_its_own() -> None:
    router = Router()
    router.add_route("/a", view)
    for _ in range(2):
        found = router.find("/a", "GET")
        assert found is not None
        assert found[1] == {}
        found[1]["left"] = "behind"


def calls_of(action: Callable[[], object]) -> int:
    """Count the Python functions that an action calls."""
    calls: list[str] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    gc.disable()  # a destructor that happens to run is no call of ours
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return len(calls)


def large_router(size: int) -> Router:
    router = Router()
    for number in range(size):
        router.add_route(f"/pages/{number}", view, ["GET"])
        router.add_route(f"/items/{number}/{{item:int}}/{{part}}", view, ["GET"])
    return router


@pytest.mark.parametrize("path", ["/pages/1", "/items/1/2/x", "/items/1/x/x", "/nowhere/1"])
def test_the_work_does_not_grow_with_the_number_of_routes(path: str) -> None:
    few, many = large_router(2), large_router(5000)
    assert len(many.routes) == 10_000
    assert (few.find(path, "GET") is None) == (many.find(path, "GET") is None)
    assert calls_of(lambda: many.find(path, "GET")) == calls_of(lambda: few.find(path, "GET"))


def test_one_catch_all_at_the_end_costs_one_more_question() -> None:
    few, many = large_router(2), large_router(5000)
    for router in (few, many):
        router.add_route("/{rest:path}", view, name="rest")
    assert name_of(many.find("/nowhere/1", "GET")) == "rest"
    work = [calls_of(partial(router.find, "/nowhere/1", "GET")) for router in (few, many)]
    assert work[0] == work[1]


def test_routes_that_contest_every_segment_are_asked_once_each() -> None:
    tree = RouteTree()
    routes = [
        Route("".join("/a" if bits >> i & 1 else f"/{{v{i}:int}}" for i in range(8)), view)
        for bits in range(255)
    ]
    for route in routes:
        tree.add(route)
    asked = calls_of(lambda: tree.find("/a" * 8, "GET"))
    assert tree.find("/a" * 8, "GET") is None
    assert asked < 10 * len(routes)


def test_a_tree_of_routes_asks_a_converter_of_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Even(TypeConverter):
        def to_python(self, value: str) -> int:
            if int(value) % 2:
                raise ValueError("odd")
            return int(value)

    monkeypatch.setitem(CONVERTERS, "even", Even())
    router = Router()
    router.add_route("/{number:even}", print, name="even")
    assert router.resolve("/4", "GET") == (print, {"number": 4}, True)
    with pytest.raises(RouteNotFound):
        router.resolve("/5", "GET")


def test_the_methods_of_a_path_are_those_of_the_routes_that_are_there_now() -> None:
    router = Router()
    router.add_route("/a", view, ["GET"])
    assert router.allowed_methods("/a") == ["GET"]
    router.allowed_methods("/a").append("PUT")  # type: ignore[union-attr]  # there is a route
    assert router.allowed_methods("/a") == ["GET"]
    router.add_route("/{name}", view, ["POST"])
    assert router.allowed_methods("/a") == ["GET", "POST"]
    router.remove_route("/a")
    assert router.allowed_methods("/a") == ["POST"]
    assert router.allowed_methods("/a/b") is None
