"""Endpoints: what a view is called with, and what becomes of what it returns."""

import json
from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache, partial, partialmethod, wraps
from typing import Any

import pytest

from lback.core.exceptions import ConfigurationError, MethodNotAllowed
from lback.core.request import Request
from lback.core.response import HTMLResponse, JSONResponse, Response
from lback.core.router import Route
from lback.core.routing.endpoint import build_endpoint, response_of


def call(
    view: Any, path: str = "/", method: str = "GET", /, pattern: str = "/", **dependencies: object
) -> Any:
    """Send one request to a view, and return what it returned."""
    route = Route(pattern, view)
    params = route.match(path, method)
    assert params is not None
    return build_endpoint(route, dependencies)(Request(path, method, None, {}, {}), params)


def refusal(view: Any, pattern: str = "/", **dependencies: object) -> str:
    """Return why a view cannot be registered."""
    with pytest.raises(ConfigurationError) as refused:
        build_endpoint(Route(pattern, view), dependencies)
    return str(refused.value)


# Functions, and what else can be called.


def test_the_request_comes_first_whatever_it_is_called() -> None:
    def view(anything: Request) -> str:
        return anything.path

    assert call(view, "/here", pattern="/{name}") == "/here"


def test_path_variables_come_by_name_and_converted() -> None:
    def view(request: Request, page: int, *, name: str) -> object:
        return page, name

    assert call(view, "/ann/7", pattern="/{name}/{page:int}") == (7, "ann")


def test_a_view_takes_the_variables_it_wants() -> None:
    def view(request: Request, page: int) -> object:
        return page

    assert call(view, "/ann/7", pattern="/{name}/{page:int}") == 7


def test_a_view_with_a_double_star_takes_all_variables() -> None:
    def view(req: Request, **values: object) -> object:
        return values

    def with_name(req: Request, name: str, **values: object) -> object:
        return name, values

    assert call(view, "/ann/7", pattern="/{name}/{page:int}") == {"name": "ann", "page": 7}
    assert call(view) == {}
    assert call(with_name, "/ann/7", pattern="/{name}/{page:int}") == ("ann", {"page": 7})


def test_a_variable_named_as_the_request_parameter_stays_on_the_request() -> None:
    def view(item: Request, **values: object) -> object:
        return item.path, values

    class Page:
        def get(self, item: Request, **values: object) -> object:
            return item.path, values

    assert call(view, "/1/2", pattern="/{item}/{other}") == ("/1/2", {"other": "2"})
    assert call(Page, "/1/2", pattern="/{self}/{other}") == ("/1/2", {"other": "2"})


def test_a_request_by_position_only_leaves_its_name_free() -> None:
    def view(item: Request, /, **values: object) -> object:
        return values

    assert call(view, "/1", pattern="/{item}") == {"item": "1"}


def test_a_default_stands_where_no_variable_comes() -> None:
    def view(request: Request, page: int = 1, config: str = "mine") -> object:
        return page, config

    assert call(view, config="theirs") == (1, "mine")
    assert call(view, "/5", pattern="/{page:int}", config="theirs") == (5, "mine")


def test_the_request_may_come_into_a_star() -> None:
    def all_of_it(*args: Any, **values: object) -> object:
        return len(args), args[0].path, values

    def keyword_only(*args: Any, name: str) -> object:
        return len(args), name

    assert call(all_of_it, "/ann", pattern="/{name}") == (1, "/ann", {"name": "ann"})
    assert call(keyword_only, "/ann", pattern="/{name}") == (1, "ann")


class Callable_:  # noqa: N801  an instance that can be called, and nothing more
    def __call__(self, request: Request, name: str) -> str:
        return f"called {name}"

    def method(self, request: Request, name: str) -> str:
        return f"bound {name}"


def two(first: str, request: Request, name: str, last: str = "") -> str:
    return f"{first} {name} {last}"


def decorated(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **values: Any) -> Any:
        return f"decorated {view(*args, **values)}"

    return wrapper


@decorated
def greeting(request: Request, name: str, shop: str) -> str:
    return f"{name} in {shop}"


@pytest.mark.parametrize(
    ("view", "result"),
    [
        (lambda request, name: f"lambda {name}", "lambda ann"),
        (Callable_(), "called ann"),
        (Callable_().method, "bound ann"),
        (partial(two, "partial", last="!"), "partial ann !"),
        (partial(two, "partial"), "partial ann "),
        (greeting, "decorated ann in books"),
    ],
)
def test_whatever_can_be_called_is_a_view(view: Any, result: str) -> None:
    assert call(view, "/ann", pattern="/{name}", shop="books") == result


# Dependencies and attributes of the request.


def test_a_required_parameter_is_filled_with_the_dependency_of_its_name() -> None:
    def view(request: Request, mailer: object, *, cache: object) -> object:
        return mailer, cache

    assert call(view, mailer="m", cache="c", other="o") == ("m", "c")


def test_a_path_variable_goes_before_a_dependency_of_its_name() -> None:
    def view(request: Request, user: object, mailer: object) -> object:
        return user, mailer

    assert call(view, "/ann", pattern="/{user}", user="dependency", mailer="m") == ("ann", "m")


def test_a_parameter_may_be_an_attribute_of_the_request() -> None:
    def view(
        request: Request,
        user: object,
        current_user: object,
        app_session: object,
        db_session: object,
    ) -> object:
        return user, current_user, app_session, db_session

    route = Route("/", view)
    request = Request("/", "GET", None, {}, {})
    endpoint = build_endpoint(route, {})
    assert endpoint(request, {}) == (None, None, None, None)
    request.user = "ann"
    request.set_context(session="basket", db_session="database")
    assert endpoint(request, {}) == ("ann", "ann", "basket", "database")


def test_a_parameter_that_nothing_fills_is_refused_with_near_misses() -> None:
    def view(request: Request, user_idd: int) -> None: ...

    message = refusal(view, "/{user_id:int}")
    assert f"nothing fills the parameter 'user_idd' of the view {__name__}" in message
    assert "of '/{user_id:int}'" in message
    assert "did you mean 'user_id'" in message
    assert "'mailer'" in refusal(lambda request, mailr: None, mailer=1)
    assert "'db_session'" in refusal(lambda request, dbsession: None)


def test_where_nothing_is_near_all_that_there_is_is_named() -> None:
    assert "path variables: item; dependencies: a, b" in refusal(
        lambda request, qqqq: None, "/{item}", a=1, b=2
    )
    assert "path variables: none; dependencies: none" in refusal(lambda request, qqqq: None)


@pytest.mark.parametrize("name", ["set_context", "_context", "from_environ", "fault"])
def test_methods_and_private_parts_of_the_request_fill_nothing(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def view(request, {name}): ...", namespace)
    assert f"nothing fills the parameter {name!r}" in refusal(namespace["view"])


def test_a_view_without_a_place_for_the_request_is_refused() -> None:
    class Page:
        def get(self) -> None: ...

    def keyword_only(*, request: Request) -> None: ...

    def only_double_star(**values: object) -> None: ...

    for view in (lambda: None, keyword_only, only_double_star, Page):
        assert "takes no request: give it a first parameter" in refusal(view)


def test_a_further_parameter_by_position_only_is_refused_unless_it_has_a_default() -> None:
    def required(request: Request, item: str, /) -> None: ...

    def optional(request: Request, item: str = "x", /) -> str:
        return item

    assert "takes 'item' by position only" in refusal(required, "/{item}")
    assert call(optional, "/7", pattern="/{item}") == "x"


def test_a_view_whose_parameters_cannot_be_read_is_refused() -> None:
    message = refusal(max)
    assert "the parameters of the view builtins.max of '/' cannot be read" in message
    assert "wrap it in a function, def view(request)" in message


# Classes.


class Page:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def get(self, request: Request, item: str = "none") -> object:
        self.seen.append(item)
        return self.seen

    def post(self, request: Request, mailer: object) -> object:
        return mailer


def test_each_request_gets_an_instance_of_its_own() -> None:
    endpoint = build_endpoint(Route("/{item}", Page), {"mailer": "m"})
    for item in ("a", "b"):
        assert endpoint(Request("/", "GET", None, {}, {}), {"item": item}) == [item]


def test_the_handler_of_the_method_answers_with_what_it_asks_for() -> None:
    assert call(Page, "/", "POST", mailer="m") == "m"


def test_head_is_answered_by_get_unless_there_is_a_head() -> None:
    class OwnHead(Page):
        def head(self, request: Request) -> str:
            return "head"

    assert call(Page, "/a", "HEAD", pattern="/{item}", mailer=1) == ["a"]
    assert call(OwnHead, "/", "HEAD", mailer=1) == "head"


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PURGE"])
def test_a_method_without_a_handler_names_those_that_have_one(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        call(Page, "/", method, mailer=1)
    assert refused.value.allowed_methods == ["GET", "HEAD", "POST"]
    assert refused.value.method == method


def test_dispatch_gets_every_method_and_the_path_variables() -> None:
    class Dispatching:
        def dispatch(self, request: Request, item: str, mailer: object) -> object:
            return str(request.method), item, mailer

        def get(self, request: Request, nothing_fills_this: object) -> None: ...

    assert call(Dispatching, "/7", "PURGE", pattern="/{item}", mailer="m") == ("PURGE", "7", "m")


def plain_wrapper(handler: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **values: Any) -> Any:
        return handler(*args, **values)

    return wrapper


class Handlers:
    """A handler of every kind that a class can have."""

    @staticmethod
    def get(request: Request, item: str) -> str:
        return f"static {item}"

    @classmethod
    def post(cls, request: Request, item: str) -> str:
        return f"{cls.__name__} {item}"

    def _any(self, prefix: str, request: Request, item: str) -> str:
        return f"{prefix} {item}"

    put = partialmethod(_any, "partial")
    patch = plain_wrapper(lambda self, request, item: f"wrapped {item}")
    delete = Callable_()
    head = lru_cache(lambda self, request, item: f"cached {item}")

    def options(*args: Any, item: str) -> str:
        return f"{len(args)} {item}"


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("GET", "static 7"),
        ("POST", "Handlers 7"),
        ("PUT", "partial 7"),
        ("PATCH", "wrapped 7"),
        ("HEAD", "cached 7"),
        ("OPTIONS", "2 7"),
    ],
)
def test_handlers_come_in_every_kind_of_method(method: str, result: str) -> None:
    assert call(Handlers, "/7", method, pattern="/{item}", name="x") == result


def test_a_handler_may_be_an_object_that_can_be_called() -> None:
    assert call(Handlers, "/7", "DELETE", pattern="/{item}", name="x") == "called x"


def test_a_handler_may_be_inherited() -> None:
    class Derived(Page):
        pass

    assert call(Derived, "/7", pattern="/{item}", mailer=1) == ["7"]


def test_data_that_bears_the_name_of_a_method_is_no_handler() -> None:
    class WithData(Page):
        options = ("a", "b")

    with pytest.raises(MethodNotAllowed):
        call(WithData, "/", "OPTIONS", mailer=1)


def test_a_class_without_handlers_is_refused() -> None:
    class Empty:
        def __call__(self, request: Request) -> None: ...

    message = refusal(Empty)
    assert "Empty of '/' has no dispatch and no handler: give it a method get, post" in message


def test_a_class_that_needs_arguments_is_refused() -> None:
    class Needy:
        def __init__(self, database: object) -> None: ...

        def get(self, request: Request) -> None: ...

    message = refusal(Needy, database=1)
    assert "is built without arguments for each request" in message
    assert "'database'" in message


def test_a_class_upon_one_that_does_not_tell_its_arguments_is_believed() -> None:
    class Counting(dict[str, int]):
        def post(self, request: Request) -> int:
            return len(self)

        get = None  # type: ignore[assignment]  # that of dict is no handler

    assert call(Counting, "/", "POST") == 0


def test_a_dispatch_that_cannot_be_called_is_refused() -> None:
    class Wrong:
        dispatch = 7

    assert "cannot be read" in refusal(Wrong)


# What comes back.


def view(request: Request) -> None: ...


Pair = namedtuple("Pair", ["value", "status"])


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ("<p>", 200, "text/html; charset=utf-8", "<p>"),
        ("", 200, "text/html; charset=utf-8", ""),
        (("gone", 410), 410, "text/html; charset=utf-8", "gone"),
        ({"a": [1, None]}, 200, "application/json; charset=utf-8", {"a": [1, None]}),
        ([1, "é"], 200, "application/json; charset=utf-8", [1, "é"]),
        ([], 200, "application/json; charset=utf-8", []),
        (({"id": 7}, 201), 201, "application/json; charset=utf-8", {"id": 7}),
        (({"id": 7}, 201, None), 201, "application/json; charset=utf-8", {"id": 7}),
        (Pair("made", 201), 201, "text/html; charset=utf-8", "made"),
    ],
)
def test_plain_values_become_responses(
    result: Any, status: int, content_type: str, body: Any
) -> None:
    response = response_of(result, view)
    assert response.status_code == status
    assert response.content_type == content_type
    is_json = content_type.startswith("application/json")
    assert (json.loads(response.body) if is_json else response.body) == body


def test_headers_come_third() -> None:
    response = response_of(("made", 201, {"Location": "/7", "X-Part": ["a", "b"]}), view)
    assert response.headers["location"] == "/7"
    assert response.headers["X-Part"] == ["a", "b"]
    assert response_of(({}, 200, {"X-A": "1"}), view).headers["X-A"] == "1"


@pytest.mark.parametrize("response", [Response("x"), HTMLResponse("x", 404), JSONResponse({})])
def test_a_response_is_sent_as_it_is(response: Response) -> None:
    assert response_of(response, view) is response


@pytest.mark.parametrize(
    ("result", "name"),
    [(None, "NoneType"), (b"x", "bytes"), (7, "int"), ({1}, "set"), (True, "bool")],
)
def test_anything_else_is_refused_by_view_and_type(result: Any, name: str) -> None:
    for returned in (result, (result, 200)):
        with pytest.raises(TypeError, match=f"the view {__name__}.view returned {name}; a view"):
            response_of(returned, view)


@pytest.mark.parametrize("result", [(), ("x",), ("x", 200, {}, "more")])
def test_a_tuple_of_another_length_is_refused(result: Any) -> None:
    with pytest.raises(TypeError, match=rf"a tuple of {len(result)}; return \(value, status\)"):
        response_of(result, view)


def test_a_response_in_a_tuple_is_refused() -> None:
    with pytest.raises(TypeError, match="a Response inside a tuple; give the status"):
        response_of((Response("x"), 404), view)


@pytest.mark.parametrize("status", ["404", 99, 600, None, True])
def test_a_status_that_is_none_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="is no HTTP status"):
        response_of(("x", status), view)
