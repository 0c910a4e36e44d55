"""The parts of a `urlpatterns` list: `path`, `include`, and how a prefix and a pattern join."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.urls_utils import Include, include, is_local_url, join_paths, load_routes, path


def view(request: object) -> None:
    """Stands at the end of a path."""


# path


def test_a_path_is_closed_unnamed_and_for_every_method_unless_told_otherwise() -> None:
    assert path("/books", view) == ("/books", view, None, None, True)


def test_a_path_keeps_what_it_is_given() -> None:
    entry = path("/books", view, methods=["GET"], name="books", requires_auth=False)
    assert entry == ("/books", view, ["GET"], "books", False)
    assert path("/books", view, ["GET"], "books", False) == entry


# include


def test_include_builds_an_include() -> None:
    included = include("shop.urls", "/shop/")
    assert isinstance(included, Include)
    assert (included.module_path, included.prefix, included.requires_auth) == (
        "shop.urls",
        "/shop/",
        None,
    )


@pytest.mark.parametrize("build", [include, Include])
def test_an_include_has_no_prefix_and_no_word_on_auth_of_its_own(build: Any) -> None:
    included = build("shop.urls")
    assert (included.module_path, included.prefix, included.requires_auth) == (
        "shop.urls",
        "",
        None,
    )


@pytest.mark.parametrize("requires_auth", [True, False, None])
def test_an_include_may_open_or_guard_a_whole_module(requires_auth: bool | None) -> None:
    assert include("shop.urls", requires_auth=requires_auth).requires_auth is requires_auth


def test_an_include_shows_itself_as_it_is_written() -> None:
    assert repr(include("shop.urls", "shop")) == "include('shop.urls', '/shop/')"


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [
        ("", ""),
        ("/", "/"),
        ("//", "/"),
        ("shop", "/shop/"),
        ("/shop", "/shop/"),
        ("shop/", "/shop/"),
        ("/shop/", "/shop/"),
        ("//shop//", "/shop/"),
        ("shop/books", "/shop/books/"),
        ("{lang}", "/{lang}"),
        ("/{lang}", "/{lang}"),
        ("/{lang}/", "/{lang}/"),
        ("shop/{shop_id:int}", "/shop/{shop_id:int}"),
    ],
)
def test_a_prefix_is_kept_between_slashes_unless_it_ends_in_a_variable(
    prefix: str, kept: str
) -> None:
    assert include("shop.urls", prefix).prefix == kept


@pytest.mark.parametrize("module_path", ["", None, 5, ["shop.urls"], re])
def test_an_include_names_its_module_by_text(module_path: Any) -> None:
    with pytest.raises(ValueError, match=r'write include\("shop.urls", "/shop/"\)') as error:
        include(module_path)
    assert repr(module_path) in str(error.value)


# joining


@pytest.mark.parametrize(
    ("prefix", "pattern", "joined"),
    [
        ("", "", "/"),
        ("", "/", "/"),
        ("", "books", "/books"),
        ("", "/books", "/books"),
        ("", "books/", "/books/"),
        ("/", "books", "/books"),
        ("/shop/", "", "/shop/"),
        ("/shop/", "/", "/shop/"),
        ("/shop/", "books", "/shop/books"),
        ("/shop/", "/books", "/shop/books"),
        ("/shop/", "//books/", "/shop/books/"),
        ("/{lang}", "books", "/{lang}/books"),
        ("/{lang}", "/books", "/{lang}/books"),
        ("/shop/", "{book_id:int}", "/shop/{book_id:int}"),
    ],
)
def test_prefix_and_pattern_join_with_one_slash(prefix: str, pattern: str, joined: str) -> None:
    assert join_paths(prefix, pattern) == joined


SEGMENTS = st.lists(st.sampled_from(["a", "b-c", "{x}", "{n:int}"]), max_size=3)
SLASHES = st.sampled_from(["", "/", "//"])


@given(SLASHES, SEGMENTS, SLASHES, SLASHES, SEGMENTS, st.sampled_from(["", "/"]))
def test_however_the_slashes_are_written_the_segments_stay_apart(
    before: str,
    outer: list[str],
    between: str,
    leading: str,
    inner: list[str],
    trailing: str,
) -> None:
    included = include("shop.urls", before + "/".join(outer) + between)
    joined = join_paths(included.prefix, leading + "/".join(inner) + trailing)
    assert joined.startswith("/")
    assert "//" not in joined
    assert [part for part in joined.split("/") if part] == outer + inner


def test_prefixes_come_before_the_patterns_of_included_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "site_of_prefixes.py").write_text(
        "from lback.core.urls_utils import include, path\n"
        "def view(request): ...\n"
        "urlpatterns = [\n"
        "    path('', view), path('about', view),\n"
        "    include('shop_of_prefixes', 'shop'), include('shop_of_prefixes', '/{lang}'),\n"
        "    include('shop_of_prefixes'),\n"
        "]\n"
    )
    (tmp_path / "shop_of_prefixes.py").write_text(
        "from lback.core.urls_utils import include, path\n"
        "from site_of_prefixes import view\n"
        "urlpatterns = [path('/', view), path('books', view), path('/cart/', view)]\n"
    )
    routes = load_routes("site_of_prefixes")
    assert [route.path for route in routes] == [
        "/",
        "/about",
        "/shop/",
        "/shop/books",
        "/shop/cart/",
        "/{lang}/",
        "/{lang}/books",
        "/{lang}/cart/",
        "/",
        "/books",
        "/cart/",
    ]


# where a client may be sent


@pytest.mark.parametrize(
    "url", ["/", "/books", "/books?page=2#top", "/a//b", "/?next=https://example.com", "/é", "/a b"]
)
def test_a_path_on_this_host_is_local(url: str) -> None:
    assert is_local_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "books",
        "?page=2",
        "https://evil.example/",
        "http:evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\b",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " /books",
        "/\x00",
        "/\u2028",
        "/\ud800",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert not is_local_url(url)


def read_by_a_browser(url: str) -> str:
    """Apply what the URL standard does first: drop tab and newline, take a backslash for a slash.

    See https://url.spec.whatwg.org/#concept-basic-url-parser.
    """
    stripped = url.strip("".join(map(chr, range(0x21))))
    return stripped.translate({9: None, 10: None, 13: None}).replace("\\", "/")


@given(st.text(alphabet="/\\\t\r\n :.a@\x00\x0b", max_size=8))
def test_no_local_url_leaves_the_host_in_a_browser(url: str) -> None:
    if is_local_url(url):
        assert read_by_a_browser(url).startswith("/")
        assert not read_by_a_browser(url).startswith("//")
