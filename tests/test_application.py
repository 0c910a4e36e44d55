"""An application as its author meets it: one file, its errors, and two of them in one process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lback
from lback import Application, BaseMiddleware, Config, ConfigurationError, Request, Response
from lback.core import SignalDispatcher
from lback.middleware import rate_limit
from lback.testing import Client

SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["localhost"],
}


def test_an_application_fits_into_a_few_lines() -> None:
    app = Application()

    @app.route("/hello/{name}", requires_auth=False)
    def hello(request: Request, name: str) -> str:
        return f"Hello {name}"

    assert Client(app).get("/hello/Ann").text == "Hello Ann"
    assert app.router.reverse("hello", name="Ann") == "/hello/Ann"


def test_a_route_answers_get_unless_it_says_more() -> None:
    app = Application()
    app.add_route("/", lambda request: str(request.method), requires_auth=False)
    app.add_route("/put", lambda request: "put", ["PUT"], requires_auth=False)
    client = Client(app)
    assert client.get("/").text == "GET"
    assert client.post("/").status_code == 405
    assert client.put("/put").text == "put"


def test_a_class_answers_the_methods_it_has_a_handler_for() -> None:
    app = Application()

    @app.route("/books/{book_id:int}", requires_auth=False)
    class Book:
        def get(self, request: Request, book_id: int) -> dict[str, int]:
            return {"id": book_id}

        def delete(self, request: Request, book_id: int) -> Response:
            return Response(None, 204)

    client = Client(app)
    assert client.get("/books/7").json() == {"id": 7}
    assert client.delete("/books/7").status_code == 204
    assert client.post("/books/7").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert client.head("/books/7").status_code == 200


def test_forms_are_parsed_without_asking_for_it() -> None:
    app = Application()

    @app.route("/", ["POST"], requires_auth=False)
    def view(request: Request) -> str:
        return str(request.POST["name"])

    assert Client(app).post("/", data={"name": "Ann"}).text == "Ann"


def test_it_grows_into_modules_without_a_rewrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grown_urls.py").write_text(
        "from lback import include, path\n"
        "urlpatterns = [path('/', lambda r: 'shop', requires_auth=False),\n"
        "               include('grown_books', '/books')]\n"
    )
    (tmp_path / "grown_books.py").write_text(
        "from lback import path\n"
        "urlpatterns = [path('{n:int}', lambda r, n: f'book {n}', name='book')]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app = Application()
    app.include("grown_urls", "/shop/", requires_auth=False)
    client = Client(app)
    assert client.get("/shop/").text == "shop"
    assert client.get("/shop/books/7").text == "book 7"
    assert app.router.url_for("book", n=7) == "/shop/books/7"
    whole = Application(ROOT_URLCONF="grown_urls")
    assert Client(whole).get("/").text == "shop"


def test_two_applications_do_not_touch_each_other() -> None:
    heard: list[str] = []
    first = Application(dispatcher=SignalDispatcher(), SHOP="first")
    second = Application(dispatcher=SignalDispatcher(), SHOP="second")
    second.dispatcher.connect("request_started", lambda sender, request: heard.append("second"))
    for app in (first, second):
        app.add_route("/", lambda request: request.config.SHOP, name="home", requires_auth=False)
    first.add_route("/first", lambda request: "first", requires_auth=False)
    first.cache.set("a", 1)
    assert Client(first).get("/").text == "first"
    assert heard == []
    assert Client(second).get("/").text == "second"
    assert heard == ["second"]
    assert Client(second).get("/first").status_code == 404
    assert second.cache.get("a") is None
    assert first.config.SECRET_KEY != second.config.SECRET_KEY


# Settings.


def test_settings_are_given_as_keywords_or_as_a_config() -> None:
    config = Config(None, settings=SETTINGS)
    assert Application(config).config is config
    assert Application(**SETTINGS).config.ALLOWED_HOSTS == ["localhost"]
    with pytest.raises(ConfigurationError, match="a config or settings, not both"):
        Application(config, DEBUG=True)


def test_without_settings_another_server_is_refused_with_a_list_of_what_to_set() -> None:
    app = Application()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    with pytest.raises(ConfigurationError) as refused:
        app(environ, lambda status, headers: None)
    assert "SECRET_KEY" in str(refused.value)
    assert "ALLOWED_HOSTS" in str(refused.value)


def test_a_config_that_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        Application(Config(None, settings={"DEBUG": False}))


def test_the_client_develops_what_nothing_decides() -> None:
    app = Application()
    Client(app)
    assert app.config.DEBUG is True
    assert len(app.config.SECRET_KEY) > 30
    decided = Application(**SETTINGS)
    Client(decided)
    assert decided.config.DEBUG is False


def test_developing_comes_too_late_after_the_first_request() -> None:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    app(environ, lambda status, headers: None)
    assert app.develop().config.DEBUG is False


def test_preparing_twice_is_not_a_fault() -> None:
    app = Application(**SETTINGS)
    app.prepare()
    app.prepare()
    assert Client(app).get("/").status_code == 404


# What is refused.


def test_after_the_first_request_the_graph_is_closed() -> None:
    app = Application()
    Client(app).get("/")
    with pytest.raises(ConfigurationError, match=r"the route '/late' comes too late"):
        app.add_route("/late", lambda request: "")
    with pytest.raises(ConfigurationError, match=r"the middleware .* comes too late"):
        app.add_middleware(Stamp)
    with pytest.raises(ConfigurationError, match=r"the routes of 'late\.urls' comes too late"):
        app.include("late.urls")


@pytest.mark.parametrize(
    ("path", "view", "error", "reason"),
    [
        ("hello", print, ValueError, "write '/hello'"),
        ("/{id:itn}", print, ValueError, "did you mean 'int'"),
        ("/", "view", TypeError, "cannot be called"),
        ("/", rate_limit("5/minute")(lambda: ""), ConfigurationError, "takes no request"),
        ("/", lambda request, chache: "", ConfigurationError, "did you mean 'cache'"),
    ],
)
def test_a_route_that_cannot_work_is_refused_where_it_is_written(
    path: str, view: Any, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        Application().add_route(path, view)


class Stamp(BaseMiddleware):
    def __init__(self, config: Config, ink: str = "blue") -> None:
        self.text = f"{config.get('SHOP', 'shop')} {ink}"

    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Stamp"] = self.text
        return response


def test_a_middleware_is_given_as_class_with_params_or_as_instance() -> None:
    app = Application(SHOP="Corner")
    app.add_middleware(Stamp, ink="red")
    assert Client(app).get("/").headers["x-stamp"] == "Corner red"
    by_setting = Application(MIDDLEWARES=[{"class": Stamp, "params": {"ink": "green"}}])
    assert Client(by_setting).get("/").headers["x-stamp"] == "shop green"
    built = Application()
    built.add_middleware(Stamp(built.config, "black"))
    assert Client(built).get("/").headers["x-stamp"] == "shop black"


@pytest.mark.parametrize(
    ("middleware", "reason"),
    [(object(), "no method process_request"), (object, "no method process_request")],
)
def test_anything_but_a_middleware_is_refused(middleware: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        Application().add_middleware(middleware)


def test_the_names_of_every_day_are_in_the_package() -> None:
    assert [name for name in lback.__all__ if not hasattr(lback, name)] == []
    assert sorted(lback.__all__) == lback.__all__
    with pytest.raises(AttributeError, match="has no attribute 'Aplication'"):
        lback.Aplication  # noqa: B018
    assert lback.path("/", print)[4] is True


def test_importing_the_package_loads_no_database_library() -> None:
    script = "import lback, sys; assert 'sqlalchemy' not in sys.modules; lback.Application"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
