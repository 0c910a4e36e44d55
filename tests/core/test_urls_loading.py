"""URL configuration, read from real modules as a project has them."""

import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from lback.core.exceptions import ConfigurationError
from lback.core.router import Route
from lback.core.urls_utils import import_admin_modules, import_app_modules, load_routes

Write: TypeAlias = Callable[..., None]

VIEWS = """
def home(request): ...
def show(request, **values): ...
class Page:
    def get(self, request): ...
    def post(self, request): ...
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules of a project that Python imports from; they are gone after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write_module(name: str, source: str = "") -> None:
        *packages, last = name.split(".")
        folder = tmp_path
        for package in packages:
            folder /= package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{last}.py").write_text(dedent(source))
        invalidate_caches()

    write_module("shop.views", VIEWS)
    yield write_module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def urls(*entries: str) -> str:
    return "\n".join(
        [
            "from lback.core.router import Route",
            "from lback.core.urls_utils import include, path",
            "from shop.views import home, show, Page",
            f"urlpatterns = [{', '.join(entries)}]",
        ]
    )


def refusal(module: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_routes(module)
    return str(refused.value)


def test_an_entry_is_a_path_a_tuple_a_list_or_a_route(write: Write) -> None:
    write(
        "shop.urls",
        urls(
            'path("/", home, name="home", requires_auth=False)',
            '("/two", home)',
            '["/three", home, ["post"]]',
            '("/four", home, None, "four")',
            '("/five/{n:int}", show, ("GET",), "five", False)',
            'Route("/route", home, ["PUT"], "route", False)',
            '("/page", Page)',
        ),
    )
    rows = [(r.path, r.methods, r.name, r.requires_auth) for r in load_routes("shop.urls")]
    assert rows == [
        ("/", None, "home", False),
        ("/two", None, None, True),
        ("/three", ["POST"], None, True),
        ("/four", None, "four", True),
        ("/five/{n:int}", ["GET"], "five", False),
        ("/route", ["PUT"], "route", False),
        ("/page", ["GET", "POST"], None, True),
    ]


def test_the_views_are_those_of_the_module(write: Write) -> None:
    write("shop.urls", urls('path("/", home)', 'path("/page", Page)'))
    home, page = load_routes("shop.urls")
    assert home.view is sys.modules["shop.views"].home
    assert page.view is sys.modules["shop.views"].Page


@pytest.mark.parametrize(
    ("prefix", "pattern", "path"),
    [
        ("", "/", "/"),
        ("", "", "/"),
        ("", "books", "/books"),
        ("", "/books/", "/books/"),
        ("/shop", "/", "/shop/"),
        ("/shop/", "", "/shop/"),
        ("shop", "books", "/shop/books"),
        ("/shop/", "/books", "/shop/books"),
        ("/shop//", "//books", "/shop/books"),
        ("/u/{user}", "/books", "/u/{user}/books"),
        ("/u/{user}/", "books/{n:int}", "/u/{user}/books/{n:int}"),
        ("/", "/books", "/books"),
    ],
)
def test_prefix_and_pattern_are_joined_with_one_slash(
    write: Write, prefix: str, pattern: str, path: str
) -> None:
    write("shop.urls", urls(f"path({pattern!r}, show)"))
    write("project.urls", urls(f'include("shop.urls", {prefix!r})'))
    (direct,) = load_routes("shop.urls", prefix)
    (included,) = load_routes("project.urls")
    assert (direct.path, included.path) == (path, path)


def test_includes_nest_and_keep_the_order(write: Write) -> None:
    write("shop.books.urls", urls('("/", home)', 'Route("/{n:int}", show)'))
    write("shop.urls", urls('("/", home)', 'include("shop.books.urls", "books")', '("/z", home)'))
    write("shop.plain", urls('("/plain", home)'))
    write(
        "project.urls",
        urls('("first", home)', 'include("shop.urls", "/shop")', 'include("shop.plain")'),
    )
    assert [route.path for route in load_routes("project.urls")] == [
        "/first",
        "/shop/",
        "/shop/books/",
        "/shop/books/{n:int}",
        "/shop/z",
        "/plain",
    ]


def test_one_module_may_be_included_twice(write: Write) -> None:
    write("shop.urls", urls('("/", home)'))
    write("project.urls", urls('include("shop.urls", "a")', 'include("shop.urls", "b")'))
    assert [route.path for route in load_routes("project.urls")] == ["/a/", "/b/"]


def test_urlpatterns_may_be_a_tuple_and_may_be_empty(write: Write) -> None:
    write("shop.urls", "urlpatterns = ()")
    assert load_routes("shop.urls") == []


@pytest.mark.parametrize(
    ("outer", "inner", "flags"),
    [
        (None, None, [True, False, False]),
        (True, None, [True, True, True]),
        (False, None, [False, False, False]),
        (False, True, [False, False, True]),
        (True, False, [True, True, False]),
        (None, True, [True, False, True]),
    ],
)
def test_the_nearest_word_on_requires_auth_counts(
    write: Write, outer: bool | None, inner: bool | None, flags: list[bool]
) -> None:
    write("shop.inner", urls('("/c", home, None, None, False)'))
    write(
        "shop.urls",
        urls(
            '("/a", home)',
            'Route("/b", home, requires_auth=False)',
            f'include("shop.inner", requires_auth={inner})',
        ),
    )
    write("project.urls", urls(f'include("shop.urls", requires_auth={outer})'))
    assert [route.requires_auth for route in load_routes("project.urls")] == flags
    direct = load_routes("shop.urls", requires_auth=outer)
    assert [route.requires_auth for route in direct] == flags


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("7", "is 7, not a route; write path("),
        ("None", "is None, not a route"),
        ('"/x"', "is '/x', not a route"),
        ('("/x",)', "is ('/x',), not a route"),
        ('("/x", home, None, None, True, "more")', "not a route"),
        ("{'path': '/x'}", "not a route"),
        ("(7, home)", "begins with 7; a pattern is text"),
        ('(home, "/x")', "a pattern is text"),
        ('("/x", "shop.views.home")', "the view of '/x' cannot be called: 'shop.views.home'"),
        ('("/x", home(None))', "the view of '/x' cannot be called: None"),
        ('("/x", home, "GET")', "methods of '/x' must be a list of names: write ['GET']"),
        ('("/x", home, [])', "methods of '/x' is empty"),
        ('("/x", home, None, None, None)', "requires_auth of '/x' is True or False, not None"),
        ('("/{n:itn}", show)', "unknown converter 'itn'"),
        ('("/{n", show)', "unbalanced brace"),
    ],
)
def test_a_wrong_entry_is_named_by_module_and_index(write: Write, entry: str, message: str) -> None:
    write("shop.urls", urls('("/fine", home)', entry))
    refused = refusal("shop.urls")
    assert refused.startswith("shop.urls.urlpatterns[1]")
    assert message in refused


def test_a_wrong_entry_of_an_included_module_is_named_there(write: Write) -> None:
    write("shop.urls", urls("7"))
    write("project.urls", urls('include("shop.urls")'))
    assert refusal("project.urls").startswith("shop.urls.urlpatterns[0] is 7")


def test_a_variable_of_the_prefix_counts_with_those_of_the_pattern(write: Write) -> None:
    write("shop.urls", urls('("/{n}", show)'))
    write("project.urls", urls('include("shop.urls", "/{n}")'))
    assert "the variable 'n' occurs twice in '/{n}/{n}'" in refusal("project.urls")


def test_modules_that_include_each_other_are_a_circle(write: Write) -> None:
    write("shop.a", urls('("/", home)', 'include("shop.b")'))
    write("shop.b", urls('include("shop.a", "again")'))
    message = refusal("shop.a")
    assert message == (
        "shop.b.urlpatterns[0] closes a cycle: shop.a includes shop.b includes shop.a"
    )
    write("shop.self", urls('include("shop.self")'))
    assert "shop.self includes shop.self" in refusal("shop.self")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import nowhere_to_be_found",
            "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("urlpatterns = [", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_broken_module_is_named_with_its_fault(write: Write, source: str, message: str) -> None:
    write("shop.urls", source)
    write("project.urls", urls('include("shop.urls")'))
    with pytest.raises(ConfigurationError) as refused:
        load_routes("project.urls")
    assert "the urls module 'shop.urls' cannot be imported" in str(refused.value)
    assert message in str(refused.value)
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize("name", ["no_such_project.urls", "shop.no_urls", ".relative", "a b"])
def test_a_module_that_is_not_there_is_named(write: Write, name: str) -> None:
    assert f"the urls module {name!r} cannot be imported" in refusal(name)


@pytest.mark.parametrize("source", ["", "urlpatterns = None", "urlpatterns = {}", "urls = []"])
def test_a_module_without_urlpatterns_is_told_what_to_write(write: Write, source: str) -> None:
    write("shop.urls", source)
    message = refusal("shop.urls")
    assert "the module 'shop.urls' has no list urlpatterns" in message
    assert 'write urlpatterns = [path("/", home, requires_auth=False)]' in message


def test_routes_of_a_module_are_built_anew_at_each_loading(write: Write) -> None:
    write("shop.urls", urls('Route("/a", home)'))
    (first,), (second,) = load_routes("shop.urls"), load_routes("shop.urls", "/p")
    assert isinstance(first, Route)
    assert (first.path, second.path) == ("/a", "/p/a")


# Admin modules.


def test_the_admin_module_of_each_app_is_imported(write: Write) -> None:
    write("shop.admin", "import builtins\nREGISTERED = True")
    write("blog.models")
    write("deep.er.admin")
    assert import_admin_modules(["shop", "blog", "deep.er"]) == ["shop.admin", "deep.er.admin"]
    assert sys.modules["shop.admin"].REGISTERED
    assert import_admin_modules([]) == []


def test_the_models_of_each_app_are_imported(write: Write) -> None:
    write("shop.models", "PRICE = 3")
    write("blog.admin")
    assert import_app_modules(["shop", "blog"], "models") == ["shop.models"]
    assert sys.modules["shop.models"].PRICE == 3


def test_an_app_of_one_file_has_no_admin_module(write: Write) -> None:
    write("tiny", "")
    assert import_admin_modules(["tiny"]) == []


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('broken admin')", "import nowhere_to_be_found", "("]
)
def test_a_fault_inside_an_admin_module_is_not_passed_over(write: Write, source: str) -> None:
    write("shop.admin", source)
    with pytest.raises(ConfigurationError, match="INSTALLED_APPS names 'shop': ") as refused:
        import_admin_modules(["shop"])
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize("app", ["no_such_app", "shop.no_such_part", "", ".shop"])
def test_an_app_that_does_not_exist_is_named(write: Write, app: str) -> None:
    with pytest.raises(ConfigurationError, match=f"INSTALLED_APPS names {app!r}: "):
        import_admin_modules(["shop", app])


def test_a_fault_in_the_app_itself_is_named(write: Write, tmp_path: Path) -> None:
    (tmp_path / "shop" / "__init__.py").write_text("1 / 0")
    with pytest.raises(ConfigurationError, match="names 'shop': ZeroDivisionError"):
        import_admin_modules(["shop"])
