"""Routes and the router: adding, finding, removing, and the URLs of named routes."""

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import MethodNotAllowed, RouteNotFound
from lback.core.http.methods import HTTPMethod
from lback.core.router import Route, Router
from lback.core.routing.views import view_name

STANDARD = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]


def view(request: object, **values: object) -> None: ...


def other(request: object, **values: object) -> None: ...


class Page:
    def get(self, request: object) -> None: ...

    def post(self, request: object) -> None: ...


@pytest.fixture
def router() -> Router:
    return Router()


def test_a_route_keeps_what_it_was_built_with() -> None:
    route = Route("/users/{user_id:int}", Page, ["get", "GET", "Post"], "user", False)
    assert route.path == "/users/{user_id:int}"
    assert route.view is Page
    assert route.methods == ["GET", "POST"]
    assert route.name == "user"
    assert route.requires_auth is False
    assert repr(route) == f"<Route GET,POST '/users/{{user_id:int}}' {__name__}.Page>"
    assert repr(Route("/", view)) == f"<Route * '/' {__name__}.view>"


def test_a_route_is_closed_and_answers_every_method_unless_told_otherwise() -> None:
    route = Route("/", view)
    assert route.requires_auth is True
    assert route.name is None
    assert route.methods is None
    assert all(route.match("/", method) == {} for method in [*STANDARD, "PURGE"])


def test_a_match_gives_variables_a_wrong_method_gives_the_right_ones() -> None:
    route = Route("/users/{user_id:int}", view, ["POST", "GET"])
    assert route.match("/users/7", "GET") == {"user_id": 7}
    assert route.match("/users/7", "get") == {"user_id": 7}
    assert route.match("/users/7", HTTPMethod.POST) == {"user_id": 7}
    assert route.match("/users/7", "PUT") == {
        "_method_mismatch": True,
        "_allowed_methods": ["POST", "GET"],
    }
    assert route.match("/users/x", "GET") is None
    assert route.match("/users/x", "PUT") is None
    assert route.match("/users/7\n", "GET") is None


def test_what_a_mismatch_lists_is_a_copy() -> None:
    route = Route("/", view, ["GET"])
    mismatch = route.match("/", "PUT")
    assert mismatch is not None
    mismatch["_allowed_methods"].append("PUT")
    assert route.methods == ["GET"]


@pytest.mark.parametrize("methods", [["GET"], ("GET",), {"GET"}, frozenset({"GET"}), {"GET": 1}])
def test_methods_come_in_any_collection(methods: Collection[str]) -> None:
    assert Route("/", view, methods).methods == ["GET"]
    assert Route("/", view, [HTTPMethod.GET]).methods == ["GET"]


def test_malformed_methods_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"methods of '/x' must be a list of names: write \['GET'\]"
    ):
        Route("/x", view, "GET")
    with pytest.raises(ValueError, match="methods of '/x' is empty: nothing could reach the view"):
        Route("/x", view, [])
    for bad in ("", "GET POST", "GET,POST", "GÉT", "GET\n"):
        with pytest.raises(ValueError, match="in methods of '/x' is not a method name"):
            Route("/x", view, ["GET", bad])


def test_a_view_that_cannot_be_called_is_refused() -> None:
    for wrong in ("shop.views.home", None, 7):
        with pytest.raises(TypeError, match="the view of '/x' cannot be called"):
            Route("/x", wrong)  # type: ignore[arg-type]  # the slip under test


class Coroutines:
    async def get(self, request: object) -> None: ...

    async def __call__(self, request: object) -> None: ...


class GeneratorDispatch:
    async def dispatch(self, request: object) -> Any:
        yield "part"


async def generator_view(request: object) -> Any:
    yield "part"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (generator_view, "generator_view"),
        (partial(generator_view), "functools.partial"),
        (GeneratorDispatch, "GeneratorDispatch.dispatch"),
    ],
)
def test_a_view_that_is_an_asynchronous_generator_is_refused(wrong: Any, name: str) -> None:
    with pytest.raises(TypeError, match="is an asynchronous generator") as refused:
        Route("/x", wrong)
    assert f"{name} of '/x'" in str(refused.value)


def test_a_dispatch_may_lead_to_coroutines_of_its_own() -> None:
    class Bridge(Coroutines):
        def dispatch(self, request: object) -> None: ...

    assert Route("/x", Bridge).view is Bridge


@pytest.mark.parametrize("wrong", [None, 0, 1, "", "False"])
def test_a_route_is_opened_by_false_and_by_nothing_else(wrong: Any) -> None:
    with pytest.raises(TypeError, match="requires_auth of '/x' is True or False, not"):
        Route("/x", view, requires_auth=wrong)


def test_a_malformed_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown converter 'itn'.*did you mean 'int'"):
        Route("/{a:itn}", view)


def test_views_are_named_for_people() -> None:
    assert view_name(view) == f"{__name__}.view"
    assert view_name(Page) == f"{__name__}.Page"
    assert view_name(Coroutines()) == f"{__name__}.Coroutines"
    assert view_name(partial(view)) == "functools.partial"
    assert view_name(dict.get) == "builtins.dict.get"
    assert view_name([].append) == "builtins.list.append"


def test_a_new_router_knows_no_route(router: Router) -> None:
    assert router.routes == []
    assert router.find("/", "GET") is None
    assert router.allowed_methods("/") is None
    assert router.get_route_by_name("x") is None


def test_routes_are_listed_in_order_as_a_copy(router: Router) -> None:
    router.add_route("/a", view)
    router.add_route("/b", view)
    router.routes.clear()
    assert [route.path for route in router.routes] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("declared", "methods"),
    [
        (["POST"], ["POST"]),
        (("post", "PUT"), ["POST", "PUT"]),
        ({"GET"}, ["GET"]),
        ("GET", None),
        (None, None),
        (7, None),
    ],
)
def test_a_view_may_declare_its_methods(
    router: Router, declared: object, methods: list[str] | None
) -> None:
    def declaring(request: object) -> None: ...

    declaring.methods = declared  # type: ignore[attr-defined]  # views do this
    router.add_route("/", declaring)
    router.add_route("/explicit", declaring, ["DELETE"])
    assert [route.methods for route in router.routes] == [methods, ["DELETE"]]
    assert Route("/", declaring).methods is None


def test_a_class_answers_the_methods_it_has_handlers_for(router: Router) -> None:
    class WithData(Page):
        options = {"colour": "red"}  # noqa: RUF012  data that bears the name of a method

    class Dispatching(Page):
        def dispatch(self, request: object) -> None: ...

    class Empty: ...

    for number, kind in enumerate([Page, WithData, Dispatching, Empty]):
        router.add_route(f"/{number}", kind)
    assert [r.methods for r in router.routes] == [["GET", "POST"], ["GET", "POST"], None, None]


def test_the_first_route_that_fits_path_and_method_answers(router: Router) -> None:
    router.add_route("/x", view, ["POST"])
    router.add_route("/{any}", other, ["GET"], requires_auth=False)
    router.add_route("/x", view, ["GET"])
    assert router.resolve("/x", "POST") == (view, {}, True)
    assert router.resolve("/x", "get") == (other, {"any": "x"}, False)
    assert router.resolve("/x", HTTPMethod.GET) == (other, {"any": "x"}, False)


def test_no_route_for_the_path_is_not_found(router: Router) -> None:
    router.add_route("/x", view)
    for path in ("/y", "/x/", "/X", "/x\n", "//x", ""):
        with pytest.raises(RouteNotFound) as error:
            router.resolve(path, "GET")
        assert (error.value.path, error.value.method) == (path, "GET")


def test_a_wrong_method_names_those_of_all_routes_of_the_path(router: Router) -> None:
    router.add_route("/x", view, ["PUT", "GET"])
    router.add_route("/{any}", view, ["GET", "DELETE"])
    router.add_route("/{number:int}", view, ["PATCH"])
    with pytest.raises(MethodNotAllowed) as error:
        router.resolve("/x", "POST")
    assert error.value.allowed_methods == ["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]
    assert router.allowed_methods("/x") == ["DELETE", "GET", "PUT"]
    with pytest.raises(MethodNotAllowed):
        router.resolve("/x", "HEAD")


def test_a_route_for_every_method_names_none(router: Router) -> None:
    router.add_route("/x", view)
    assert router.allowed_methods("/x") == []


def test_removing_a_path_removes_all_its_routes(router: Router) -> None:
    router.add_route("/x", view, ["GET"], "first")
    router.add_route("/x", other, ["POST"])
    router.add_route("/{any}", view)
    router.remove_route("/x")
    assert [route.path for route in router.routes] == ["/{any}"]
    assert router.get_route_by_name("first") is None
    assert router.resolve("/x", "GET")[1] == {"any": "x"}


def test_removing_methods_leaves_the_others(router: Router) -> None:
    router.add_route("/x", view, ["GET", "POST"], "x", requires_auth=False)
    router.remove_route("/x", ["get"])
    (route,) = router.routes
    assert (route.methods, route.view, route.name, route.requires_auth) == (
        ["POST"], view, "x", False,
    )  # fmt: skip
    assert router.get_route_by_name("x") is route
    router.remove_route("/x", ["POST", "PUT"])
    assert router.routes == []


def test_a_route_for_every_method_keeps_the_other_standard_ones(router: Router) -> None:
    router.add_route("/x", view)
    router.remove_route("/x", ["GET", "HEAD"])
    assert router.routes[0].methods == ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


def test_nothing_to_remove_changes_nothing(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lback.core.router")
    router.add_route("/x", view, ["GET"])
    before = router.routes
    router.remove_route("/y")
    router.remove_route("/x", ["POST"])
    assert router.routes == before
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG"]
    with pytest.raises(TypeError, match="methods of '/x' must be a list of names"):
        router.remove_route("/x", "GET")  # type: ignore[arg-type]  # the slip under test


def test_the_first_of_two_routes_of_a_name_keeps_it(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    router.add_route("/first", view, name="home")
    router.add_route("/second", view, name="home")
    first = router.get_route_by_name("home")
    assert first is router.routes[0]
    assert router.url_for("home") == "/first"
    assert "'home' is taken by /first; url_for uses that one, not /second" in caplog.text
    router.remove_route("/first")
    assert router.url_for("home") == "/second"


def test_the_same_route_twice_is_not_a_quarrel_over_a_name(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    route = Route("/x", view, name="x")
    router.add(route)
    router.add(route)
    assert router.routes == [route, route]
    assert not caplog.records


def test_a_url_is_built_from_the_name_of_a_route(router: Router) -> None:
    key = UUID("0b1b7a3e-8f64-4c55-9d42-6f2c1e8a7b90")
    router.add_route("/users/{user_id:int}/{page}", view, name="page")
    router.add_route("/keys/{key:uuid}", view, name="key")
    assert router.url_for("page", user_id=7, page="a b") == "/users/7/a%20b"
    assert router.url_for("key", key=key) == f"/keys/{key}"
    assert router.resolve(unquote(router.url_for("key", key=key)), "GET")[1] == {"key": key}


def test_further_values_become_the_query_string(router: Router) -> None:
    router.add_route("/{n:int}", view, name="n")
    assert router.url_for("n", n=1, q="a b&c", page=2) == "/1?q=a+b%26c&page=2"
    assert router.url_for("n", n=1, tag=["a", "b"]) == "/1?tag=a&tag=b"
    assert router.url_for("n", n=1, q=None, tag=[]) == "/1"


def test_an_unknown_name_is_refused_with_near_misses(router: Router) -> None:
    with pytest.raises(ValueError, match="no route is named 'x'; known: none"):
        router.url_for("x")
    router.add_route("/u", view, name="user-list")
    with pytest.raises(ValueError, match=r"'user_list'; did you mean 'user-list'\?"):
        router.url_for("user_list")
    with pytest.raises(ValueError, match="no route is named 'zzz'; known: user-list"):
        router.url_for("zzz")
    with pytest.raises(ValueError, match="no route is named None"):
        router.url_for(None)  # type: ignore[arg-type]  # the slip under test


def test_a_missing_or_wrong_value_is_refused(router: Router) -> None:
    router.add_route("/{n:int}/{word}", view, name="x")
    with pytest.raises(ValueError, match="needs a value for 'word'"):
        router.url_for("x", n=1)
    with pytest.raises(ValueError, match="'a' is not a non-negative whole number"):
        router.url_for("x", n="a", word="b")


@given(
    number=st.integers(min_value=-5),
    word=st.text(max_size=6),
    rest=st.text(alphabet="ab/.-é ", max_size=8),
    q=st.none() | st.text(max_size=4) | st.lists(st.text(max_size=2), max_size=2),
)
def test_a_url_leads_back_to_its_values_or_is_refused(
    number: int, word: str, rest: str, q: str | list[str] | None
) -> None:
    router = Router()
    router.add_route("/{number:int}/{word}-x/{rest:path}", view, name="all")
    try:
        url = router.url_for("all", number=number, word=word, rest=rest, q=q)
    except ValueError:
        return
    assert url.isascii()
    path, _, query = url.partition("?")
    found = router.find(unquote(path), "GET")
    assert found is not None
    assert found[1] == {"number": number, "word": word, "rest": rest}
    expected = q if isinstance(q, list) else [] if q is None else [q]
    assert parse_qsl(query, keep_blank_values=True) == [("q", value) for value in expected]


def test_routes_may_be_added_while_others_are_found(router: Router) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 100):
            router.add_route(f"/{number}", view, name=str(number))
            assert router.find(f"/{number}", "GET") is not None
            assert router.find(f"/{number}/none", "GET") is None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(0, 400, 100)))
    assert len(router.routes) == 400
    assert all(router.url_for(str(number)) == f"/{number}" for number in range(400))
