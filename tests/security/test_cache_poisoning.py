"""Cache poisoning (class 14): nobody is shown what was made for another, or by another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lback import (
    Application,
    HTMLResponse,
    NotFound,
    Request,
    Response,
    SimpleMiddleware,
    StreamingResponse,
    render,
)
from lback.cache import RedisCache, cache_page
from lback.middleware import csrf_token
from lback.testing import Client

MakeCache = Callable[..., RedisCache]


class Counter:
    """Counts the answers that a view made itself."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


@pytest.fixture
def counter() -> Counter:
    return Counter()


def build(view: Any, **settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["localhost", ".example"],
            "MIDDLEWARES": [],
            **settings,
        }
    )
    methods = ["GET", "POST", "DELETE"]
    app.add_route("/page", view, methods, requires_auth=False)
    app.add_route("/page/{rest:path}", view, methods, requires_auth=False)
    return app


def page(counter: Counter, answer: Any = None, **options: Any) -> Any:
    @cache_page(**{"ttl": 60, **options})
    def view(request: Request, rest: str = "") -> Any:
        number = counter()
        return f"page {number}" if answer is None else answer(request)

    return view


def fetched(app: Application, path: str = "/page", **options: Any) -> str:
    return Client(app).get(path, **options).text


# What is kept.


def test_a_page_is_made_once_for_everyone(counter: Counter) -> None:
    app = build(page(counter))
    first, second = Client(app).get("/page"), Client(app).get("/page")
    assert first.text == second.text == "page 1"
    assert first.headers["cache-control"] == second.headers["cache-control"] == "max-age=60"
    assert "age" not in first.headers
    assert second.headers["age"] == "0"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["content-length"] == "6"


def test_it_comes_out_of_redis_as_it_went_in(
    counter: Counter, make_cache: MakeCache, prefix: str, redis_url: str
) -> None:
    fields: dict[str, Any] = {"X-A": ["1", "2"], "Content-Language": "de"}
    view = page(counter, lambda request: HTMLResponse("Grüße", 200, fields))
    caches = {"default": {"backend": "redis", "url": redis_url, "prefix": prefix}}
    first, second = (Client(build(view, CACHES=caches)).get("/page") for _ in range(2))
    assert counter.made == 1
    assert first.body == second.body == "Grüße".encode()
    without_age = [pair for pair in second.header_list if pair[0] != "Age"]
    assert sorted(without_age) == sorted(first.header_list)


def test_after_its_time_it_is_made_again(counter: Counter) -> None:
    class Clock:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    app = build(page(counter, clock=clock))
    Client(app).get("/page")
    clock.now += 17.9
    assert Client(app).get("/page").headers["age"] == "17"
    app.cache.clear()
    assert fetched(app) == "page 2"


def test_head_is_answered_from_it_and_fills_nothing(counter: Counter) -> None:
    app = build(page(counter))
    assert Client(app).head("/page").status_code == 200
    assert app.cache.keys() == []
    Client(app).get("/page")
    assert counter.made == 2
    assert Client(app).head("/page").headers["content-length"] == "6"
    assert counter.made == 2


def test_a_method_of_a_class_can_be_kept(counter: Counter) -> None:
    class Page:
        @cache_page(60)
        def get(self, request: Request, rest: str = "") -> str:
            return f"page {counter()}"

        def post(self, request: Request, rest: str = "") -> str:
            return "posted"

        def delete(self, request: Request, rest: str = "") -> str:
            return "deleted"

    app = build(Page)
    assert [fetched(app), fetched(app)] == ["page 1", "page 1"]
    assert Client(app).post("/page").text == "posted"


# What tells one page from another.


def test_every_part_of_the_address_counts(counter: Counter) -> None:
    app = build(page(counter, query=("a", "b")))
    addresses: list[tuple[str, dict[str, Any]]] = [
        ("/page", {}),
        ("/page/", {}),
        ("/page/x", {}),
        ("/page/X", {}),
        ("/page/x%2Fy", {}),
        ("/page/x;a=1", {}),
        ("/page/x%3Fa=1", {}),
        ("/page?a=1", {}),
        ("/page?a=2", {}),
        ("/page?a=1&b=2", {}),
        ("/page?a=1&a=2", {}),
        ("/page?a=1;b=2", {}),
        ("/page?b=2&a=1", {}),
        ("/page", {"headers": {"Host": "other.example"}}),
        ("/page", {"headers": {"Host": "other.example:8000"}}),
        ("/page", {"environ": {"wsgi.url_scheme": "https"}}),
        ("/page", {"environ": {"SCRIPT_NAME": "/app"}}),
    ]
    texts = [fetched(app, path, **options) for path, options in addresses]
    assert len(set(texts)) == len(addresses)
    assert [fetched(app, path, **options) for path, options in addresses] == texts


def test_a_semicolon_separates_no_parameters(counter: Counter) -> None:
    view = page(counter, lambda request: f"<a={request.query_params.get('a')}>", query=("a", "x"))
    app = build(view)
    assert fetched(app, "/page?a=good") == "<a=good>"
    assert fetched(app, "/page?a=good;a=evil") == "<a=good;a=evil>"
    assert fetched(app, "/page?x=1;a=evil") == "<a=None>"
    assert fetched(app, "/page?a=good") == "<a=good>"


@pytest.mark.parametrize("query", ["?", "?utm_source=x", "?a=1&evil=1", "?a=1&=", "?evil"])
def test_a_parameter_that_is_not_named_fills_no_cache(counter: Counter, query: str) -> None:
    app = build(page(counter, query=("a",)))
    fetched(app, f"/page{query}")
    fetched(app, f"/page{query}")
    if query == "?":
        assert counter.made == 1
    else:
        assert counter.made == 2
        assert app.cache.keys() == []


@pytest.mark.parametrize(
    "field",
    [
        "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "X-Original-URL",
        "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Host", "Forwarded",
    ],
)  # fmt: skip
def test_a_field_that_is_not_part_of_the_address_changes_no_page(
    counter: Counter, field: str
) -> None:
    def answer(request: Request) -> str:
        return f"{request.method} {request.build_absolute_uri()}"

    app = build(page(counter, answer))
    assert fetched(app, headers={field: "evil.example"}) == "GET http://localhost/page"
    assert fetched(app) == "GET http://localhost/page"
    assert counter.made == 1


def test_fields_that_a_page_varies_on_tell_pages_apart(counter: Counter) -> None:
    def answer(request: Request) -> Response:
        language = request.headers.get("Accept-Language", "en")
        return HTMLResponse(f"in {language}", 200, {"Vary": "Accept-Language, X-Theme"})

    app = build(page(counter, answer))
    for _ in range(2):
        assert fetched(app, headers={"Accept-Language": "de"}) == "in de"
        assert fetched(app, headers={"Accept-Language": "fr"}) == "in fr"
        assert fetched(app) == "in en"
        assert fetched(app, headers={"X-Theme": "dark"}) == "in en"
    assert counter.made == 4


# What is never kept.


def with_cookie(request: Request) -> Response:
    response = HTMLResponse("cookie")
    response.set_cookie("a", "b")
    return response


def fails(request: Request) -> Response:
    raise NotFound


@pytest.mark.parametrize(
    "answer",
    [
        with_cookie,
        fails,
        lambda request: HTMLResponse("x", 404),
        lambda request: ("x", 201),
        lambda request: HTMLResponse("x", 206),
        lambda request: StreamingResponse(iter(["x"])),
        lambda request: HTMLResponse("x", 200, {"Cache-Control": "private"}),
        lambda request: HTMLResponse("x", 200, {"Cache-Control": "max-age=5, No-Store"}),
        lambda request: HTMLResponse("x", 200, {"Cache-Control": ["max-age=5", "no-cache"]}),
        lambda request: HTMLResponse("x", 200, {"Vary": "*"}),
        lambda request: HTMLResponse("x", 200, {"Vary": "Accept, Cookie"}),
        lambda request: HTMLResponse("x", 200, {"Vary": ["Accept", "cookie"]}),
    ],
)
def test_an_answer_that_is_not_for_everyone_is_not_kept(counter: Counter, answer: Any) -> None:
    app = build(page(counter, answer))
    for _ in range(2):
        fetched(app)
    assert counter.made == 2
    assert app.cache.keys() == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_only_get_is_kept(counter: Counter, method: str) -> None:
    app = build(page(counter))
    for _ in range(2):
        Client(app).request(method, "/page")
    assert counter.made == 2
    fetched(app)
    assert Client(app).request(method, "/page").text == "page 4"


def test_a_request_with_authorization_neither_fills_nor_reads(counter: Counter) -> None:
    app = build(page(counter))
    headers = {"Authorization": "Bearer x"}
    assert fetched(app, headers=headers) == "page 1"
    assert app.cache.keys() == []
    assert fetched(app) == "page 2"
    assert fetched(app, headers=headers) == "page 3"


def test_a_page_made_after_the_session_was_read_is_not_kept(
    counter: Counter, session_middleware: Any
) -> None:
    app = build(page(counter, greeting))
    app.add_middleware(session_middleware)
    assert Client(app).get("/page").headers["vary"] == "Cookie"
    fetched(app)
    assert counter.made == 2
    assert app.cache.keys() == []


def test_a_page_made_after_a_cookie_was_read_is_not_kept(counter: Counter) -> None:
    def named(request: Request) -> Response:
        return Response(f"hello {request.cookies.get('name')}")

    app = build(page(counter, named))
    headers = {"Cookie": "name=mallory"}
    assert fetched(app, headers=headers) == "hello mallory"
    assert app.cache.keys() == []
    assert fetched(app) == "hello None"
    assert fetched(app, headers={"Cookie": "name=eve"}) != "hello mallory"


def test_a_page_that_left_the_session_alone_is_kept(
    counter: Counter, session_middleware: Any
) -> None:
    app = build(page(counter))
    app.add_middleware(session_middleware)
    answer = Client(app).get("/page", headers={"Cookie": "session=whatever"})
    assert "vary" not in answer.headers
    assert fetched(app) == "page 1"


def test_a_page_that_met_a_touched_session_is_not_read_from_the_cache(
    counter: Counter, session_middleware: Any
) -> None:
    class Counting:
        def process_request(self, request: Request) -> None:
            if "X-Touch" in request.headers:
                greeting(request)

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app = build(page(counter))
    app.add_middleware(session_middleware)
    app.add_middleware(Counting())
    assert fetched(app) == "page 1"
    assert fetched(app, headers={"X-Touch": "yes"}) == "page 2"
    assert fetched(app) == "page 1"


def test_a_page_made_after_the_user_was_read_is_not_kept(counter: Counter) -> None:
    def answer(request: Request) -> str:
        request.user = "Ann"
        return "for Ann"

    app = build(page(counter, answer))
    fetched(app)
    assert app.cache.keys() == []


def test_a_route_for_those_signed_in_is_not_kept(counter: Counter) -> None:
    class Signed:
        sets_user = True

        def process_request(self, request: Request) -> None:
            request.user = request.headers.get("X-User")

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app = build(lambda request: "")
    app.add_middleware(Signed())
    app.add_route("/mine", page(counter))
    assert [fetched(app, "/mine", headers={"X-User": who}) for who in ("a", "b")] == [
        "page 1",
        "page 2",
    ]
    assert Client(app).get("/mine").status_code == 401
    assert app.cache.keys() == []


def test_a_page_with_a_token_or_a_nonce_is_not_kept(counter: Counter, tmp_path: Path) -> None:
    (tmp_path / "nonce.html").write_text("{{ csp_nonce }}")
    headers = ["lback.middleware.SecurityHeadersMiddleware"]
    settings = {"MIDDLEWARES": headers, "TEMPLATE_DIRS": [str(tmp_path)]}
    app = build(page(counter, lambda request: render(request, "nonce.html")), **settings)
    assert fetched(app) != fetched(app)
    assert app.cache.keys() == []
    plain = build(page(Counter()), **settings)
    assert fetched(plain) == fetched(plain)


# Private pages.


def private_app(
    counter: Counter, session_middleware: Any, answer: Any = None
) -> tuple[Application, list[Client]]:
    app = build(page(counter, answer, private=True))
    app.add_middleware(session_middleware)

    def sign_in(request: Request) -> str:
        session = request.session
        assert session is not None
        session["name"] = request.query_params["name"]
        return "in"

    app.add_route("/in", sign_in, requires_auth=False)
    clients = [Client(app), Client(app)]
    for client, name in zip(clients, ["Ann", "Bob"], strict=True):
        client.get("/in", query={"name": name})
    return app, clients


def greeting(request: Request) -> str:
    session = request.session
    assert session is not None
    return f"hello {session.get('name')}"


def test_a_private_page_is_kept_for_its_visitor_alone(
    counter: Counter, session_middleware: Any
) -> None:
    app, (ann, bob) = private_app(counter, session_middleware, greeting)
    for _ in range(2):
        answer = ann.get("/page")
        assert answer.text == "hello Ann"
        assert answer.headers["cache-control"] == "private, max-age=60"
        assert answer.headers["vary"] == "Cookie"
        assert bob.get("/page").text == "hello Bob"
    assert counter.made == 2
    assert fetched(app) == "hello None"
    assert fetched(app) == "hello None"
    assert counter.made == 4, "who has no session yet is nobody in particular"


def test_a_private_page_does_not_hold_the_id_of_its_session(
    counter: Counter, session_middleware: Any
) -> None:
    app, (ann, _) = private_app(counter, session_middleware, greeting)
    ann.get("/page")
    assert app.cache.keys()
    assert ann.cookies["session"] not in repr(app.cache.keys())


def test_a_private_page_with_a_token_is_not_kept(counter: Counter, session_middleware: Any) -> None:
    app, (ann, _) = private_app(counter, session_middleware, csrf_token)
    assert ann.get("/page").text != ann.get("/page").text
    assert app.cache.keys() == []


def test_without_sessions_nothing_is_private(counter: Counter) -> None:
    app = build(page(counter, private=True))
    assert [fetched(app), fetched(app)] == ["page 1", "page 2"]


# Mistakes.


def test_an_unknown_cache_is_named(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    app = build(page(counter, cache="pages"))
    assert Client(app).get("/page").status_code == 500
    assert "cache_page(cache='pages') is not in CACHES; known caches: default" in caplog.text


@pytest.mark.parametrize("kind", ["plain", "stream", "set by a middleware"])
def test_an_answer_that_sets_a_cookie_is_private_whatever_the_view_says(kind: str) -> None:
    """A shared cache would give one session to many."""

    class SetsCookie(SimpleMiddleware):
        def process_response(self, request: Request, response: Response) -> Response:
            response.set_cookie("theme", "dark")
            return response

    def view(request: Request, rest: str = "") -> Response:
        fields = {"Cache-Control": "public, max-age=60"}
        if kind == "stream":
            response: Response = StreamingResponse(iter(["a"]), headers=fields)
        else:
            response = Response("a", headers=fields)
        if kind != "set by a middleware":
            response.set_cookie("theme", "dark")
        return response

    app = build(view, MIDDLEWARES=[SetsCookie] if kind == "set by a middleware" else [])
    for answer in (Client(app).get("/page"), Client(app).head("/page")):
        assert answer.headers["cache-control"] == "private, max-age=60"


@pytest.mark.parametrize(
    "name",
    [
        "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Netlify-CDN-Cache-Control",
        "Vercel-CDN-Cache-Control", "Surrogate-Control", "Edge-Control", "X-Accel-Expires",
    ],
)  # fmt: skip
def test_no_field_of_another_cache_shares_an_answer_that_sets_a_cookie(name: str) -> None:
    def view(request: Request, rest: str = "") -> Response:
        response = Response("a", headers={name: "max-age=60"})
        if rest == "cookie":
            response.set_cookie("theme", "dark")
        return response

    client = Client(build(view))
    assert name.lower() in client.get("/page").headers
    shared = client.get("/page/cookie")
    assert shared.text == "a"
    assert name.lower() not in shared.headers
