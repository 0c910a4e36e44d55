"""Endpoints: what a view is called with, and what becomes of what it returns."""

import json
from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache, partial, partialmethod, wraps
from typing import Any

import pytest

from lback.auth import login_required
from lback.cache import cache_page
from lback.core.dependencies import Dependencies, Unavailable
from lback.core.exceptions import ConfigurationError, MethodNotAllowed
from lback.core.request import Request
from lback.core.response import HTMLResponse, JSONResponse, RedirectResponse, Response
from lback.core.router import Route
from lback.core.routing.endpoint import build_endpoint, response_of
from lback.middleware import rate_limit


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


# Views that name what they need, and not the request.


class Shelf:
    """A view of every kind that names a path variable first."""

    def get(self, item: int) -> object:
        return "method", item

    @staticmethod
    def post(item: int) -> object:
        return "static", item

    @classmethod
    def put(cls, item: int) -> object:
        return cls.__name__, item

    def _prefixed(self, prefix: str, item: int) -> object:
        return prefix, item

    patch = partialmethod(_prefixed, "partial")

    def delete(self, item: int, mailer: str, request: Request) -> object:
        return mailer, item, request.path


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("GET", ("method", 7)),
        ("POST", ("static", 7)),
        ("PUT", ("Shelf", 7)),
        ("PATCH", ("partial", 7)),
        ("DELETE", ("m", 7, "/7")),
    ],
)
def test_a_handler_whose_first_parameter_is_a_path_variable_gets_its_value(
    method: str, result: object
) -> None:
    assert call(Shelf, "/7", method, pattern="/{item:int}", mailer="m") == result


class Found:
    def __call__(self, item: int) -> object:
        return "called", item

    def method(self, item: int) -> object:
        return "bound", item


def show(item: int) -> object:
    return "function", item


def priced(currency: str, item: int) -> object:
    return currency, item


@pytest.mark.parametrize(
    ("view", "result"),
    [
        (show, ("function", 7)),
        (lambda item: ("lambda", item), ("lambda", 7)),
        (Found(), ("called", 7)),
        (Found().method, ("bound", 7)),
        (partial(priced, "EUR"), ("EUR", 7)),
        (decorated(show), "decorated ('function', 7)"),
        (decorated(Found().method), "decorated ('bound', 7)"),
        (lru_cache(show), ("function", 7)),
        (lambda item=1: ("default", item), ("default", 7)),
        (lambda *, item: ("keyword", item), ("keyword", 7)),
        (lambda **values: values, {"item": 7}),
    ],
)
def test_a_view_whose_first_parameter_is_a_path_variable_gets_its_value(
    view: Any, result: object
) -> None:
    assert call(view, "/7", pattern="/{item:int}") == result


def test_a_view_may_begin_with_a_service_or_a_value_of_the_request() -> None:
    def by_service(mailer: str, item: int) -> object:
        return mailer, item

    def by_value(user: object, db_session: object) -> object:
        return user, db_session

    def by_keyword(*, request: Request) -> object:
        return request.path

    assert call(by_service, "/7", pattern="/{item:int}", mailer="m") == ("m", 7)
    assert call(by_keyword, "/here", pattern="/here") == "/here"
    assert call(by_value) == (None, None)


def test_a_view_without_parameters_is_called_without_any() -> None:
    class Page:
        def get(self) -> str:
            return "page"

    assert call(lambda: "home") == "home"
    assert call(lambda: "home", "/7", pattern="/{item}") == "home"
    assert call(Page) == "page"


@pytest.mark.parametrize("annotation", [Request, "Request", "lback.Request", '"Request"'])
def test_what_is_annotated_as_the_request_is_the_request(annotation: Any) -> None:
    def view(item: Any) -> object:
        return item

    view.__annotations__["item"] = annotation
    assert isinstance(call(view, "/7", pattern="/{item}"), Request)


def needing(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(request: Request, *args: Any, **values: Any) -> Any:
        return view(request, *args, **values)

    return wrapper


def needing_in_a_class(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(self: object, request: Request, *args: Any, **values: Any) -> Any:
        return view(self, request, *args, **values)

    return wrapper


class Guarded:
    @needing_in_a_class
    def get(self, item: int) -> None: ...


class Passing:
    @decorated
    def get(self, item: int) -> object:
        return item


@pytest.mark.parametrize(
    "view",
    [
        needing(show),
        decorated(needing(show)),
        login_required(show),
        rate_limit("5/minute")(show),
        decorated(rate_limit("5/minute")(show)),
        cache_page(60)(show),
        needing(lambda: "home"),
        Guarded,
    ],
)
def test_a_view_without_the_request_below_a_decorator_that_needs_it_is_refused(view: Any) -> None:
    message = refusal(view, "/{item:int}")
    assert "takes no request, and its decorator needs it: give it a first parameter" in message
    assert "as in def view(request)" in message


def test_a_decorator_that_passes_on_what_it_is_given_needs_no_request() -> None:
    assert call(Passing, "/7", pattern="/{item:int}") == "decorated 7"


def test_a_method_without_self_is_refused() -> None:
    class Page:
        def get() -> None: ...  # type: ignore[misc]  # the mistake

    assert "is a method without self" in refusal(Page)


def test_a_path_variable_by_position_only_is_refused() -> None:
    def view(item: int, /) -> None: ...

    assert "takes 'item' by position only" in refusal(view, "/{item:int}")


def test_suggestions_name_each_thing_once() -> None:
    message = refusal(lambda request, user_manger: None, user_manager=1)
    assert message.count("'user_manager'") == 1


def test_a_service_that_needs_a_setting_is_told_with_the_setting() -> None:
    services = Dependencies({"token_manager": Unavailable("JWT_AUDIENCE"), "user_manager": 1})
    with pytest.raises(ConfigurationError) as refused:
        build_endpoint(Route("/", lambda request, token_manager: None), services)
    assert str(refused.value).endswith("; 'token_manager' needs the setting JWT_AUDIENCE")
    assert "token_manager" not in services


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
    assert refused.value.allowed_methods == ["GET", "HEAD", "OPTIONS", "POST"]
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


def test_data_that_bears_the_name_of_a_method_is_not_a_handler() -> None:
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
    with pytest.raises(
        TypeError, match=rf"a tuple of {len(result)}; return \(value, status\), \(value, headers\)"
    ):
        response_of(result, view)


def test_a_response_in_a_tuple_takes_the_status_and_the_headers() -> None:
    page = HTMLResponse("x", 200, {"X-A": "own", "X-B": "own"})
    page.set_cookie("theme", "dark")
    response = response_of(
        (page, 404, {"X-A": "given", "Set-Cookie": "a=b", "Content-Type": "text/plain"}), view
    )
    assert response is page
    assert response.status_code == 404
    assert (response.headers["X-A"], response.headers["X-B"]) == ("given", "own")
    assert [cookie[:5] for cookie in response.headers["Set-Cookie"]] == ["theme", "a=b"]
    assert response.content_type == "text/plain"
    assert response_of((Response("x"), 404), view).status_code == 404
    assert response_of((Response("x", 201), {"X-A": "1"}), view).status_code == 201
    assert response_of((Response("x", 201), {"X-A": "1"}), view).headers["X-A"] == "1"
    assert response_of((RedirectResponse("/a"), 301), view).headers["Location"] == "/a"


@pytest.mark.parametrize("make", [lambda: "made", lambda: {"a": 1}, lambda: [1], Response])
@pytest.mark.parametrize("headers", [{"X-A": "1"}, [("X-A", "1")]])
def test_headers_may_come_without_a_status(make: Callable[[], Any], headers: Any) -> None:
    response = response_of((make(), headers), view)
    assert (response.status_code, response.headers["X-A"]) == (200, "1")
    response = response_of((make(), 201, headers), view)
    assert (response.status_code, response.headers["X-A"]) == (201, "1")


def test_headers_as_pairs_may_name_a_field_several_times() -> None:
    pairs = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "1")]
    for value in ("made", Response("made")):
        response = response_of((value, 200, pairs), view)
        assert response.headers["Set-Cookie"] == ["a=1", "b=2"]
        assert response.headers["X-A"] == "1"


@pytest.mark.parametrize("headers", ["X-A", [1], [("a", "b", "c")], 7])
def test_headers_that_are_none_are_refused(headers: Any) -> None:
    with pytest.raises(TypeError, match=r"headers are a dict, or a list of pairs \(name, value\)"):
        response_of(("x", 200, headers), view)


@pytest.mark.parametrize("status", ["404", 99, 600, None, True])
def test_a_status_that_is_none_is_refused(status: Any) -> None:
    for value in ("x", Response("x")):
        with pytest.raises(ValueError, match="is not an HTTP status"):
            response_of((value, status), view)
