"""Open redirects (class 8): no script runs by way of a redirect, and `next` stays on this host."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lback import Application, RedirectResponse, Request, redirect
from lback.core.urls_utils import is_local_url
from lback.testing import Client

SCRIPT = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "javascript :alert(1)",
    "java\tscript:alert(1)", "java\nscript:alert(1)", "java\rscript:alert(1)", "\x01javascript:x",
    "\tjavascript:x", "javascript\t:x", "javascript:\n//x", "data:text/html,<script>", "DATA:x",
    "vbscript:x", "\u00a0javascript:x", "\u2003javascript:x", "blob:x",
    "file:///etc/passwd", "filesystem:x", "view-source:x", "about:blank", "jar:x", "ms-settings:x",
]  # fmt: skip


@pytest.mark.parametrize("url", SCRIPT, ids=repr)
def test_a_redirect_leads_to_the_web_alone(url: str) -> None:
    with pytest.raises(ValueError, match=r"redirect"):
        redirect(url)
    with pytest.raises(ValueError, match=r"redirect"):
        RedirectResponse(url, 301)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/a b?c=d e#f g", "/a%20b?c=d%20e#f%20g"),
        ("https://exämple.com/ü", None),
        ("/grüße/", "/gr%C3%BC%C3%9Fe/"),
        ("//other.example/x", "//other.example/x"),
        ("?page=2", "?page=2"),
        ("a:b", None),
        ("./a:b", "./a:b"),
        ("/a:b", "/a:b"),
        ("HTTPS://a.example/", "HTTPS://a.example/"),
        ("", ""),
    ],
)
def test_a_location_is_ascii(url: str, location: str | None) -> None:
    try:
        sent = redirect(url).headers["Location"]
    except ValueError:
        assert location is None
        return
    assert isinstance(sent, str)
    assert sent.isascii()
    assert location is None or sent == location


FOREIGN = [
    "//evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "///evil.example",
    "////evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example",
    "\t//evil.example",
    " //evil.example", "https://evil.example", "http:evil.example", "https:/evil.example",
    "http:///evil.example", "javascript:alert(1)", "/\x00/evil.example", "", " ", "evil.example",
    "/a\\b", "//", "/\\", "\\", "//evil.example%2f..", "/%0d%0aX: y\r\n", "\u2028//evil.example",
    "/\u2028/evil", "\x1f//evil.example", "@evil.example", ".evil.example", ":80",
    "?//evil.example",
]  # fmt: skip


@pytest.mark.parametrize("url", FOREIGN, ids=repr)
def test_a_next_that_leads_elsewhere_is_not_local(url: str) -> None:
    assert not is_local_url(url)


@pytest.mark.parametrize("url", ["/", "/a", "/a/b?c=d#e", "/a//b", "/?next=//x", "/a:b", "/@evil"])
def test_a_path_on_this_host_is_local(url: str) -> None:
    assert is_local_url(url)


def host_in_a_browser(url: str) -> str:
    """Return the host that a browser would go to from https://here (WHATWG URL §4.4)."""
    text = url.strip("".join(map(chr, range(33))))
    for dropped in "\t\n\r":
        text = text.replace(dropped, "")
    scheme = text.partition(":")[0].lower()
    if ":" in text and scheme.isascii() and scheme[:1].isalpha() and "/" not in scheme:
        return "elsewhere"
    slashed = text.replace("\\", "/")
    return "elsewhere" if slashed.startswith("//") else "here"


@given(
    st.text(alphabet=st.sampled_from("/\\\t\n\r \x00\x1f:@?#.%aé\u2028"), max_size=12) | st.text()
)
@example("/\t/evil.example")
def test_no_browser_leaves_by_a_local_url(url: str) -> None:
    if is_local_url(url):
        assert host_in_a_browser(url) == "here"


def test_an_app_of_a_phone_may_be_led_to_by_a_class_of_its_own() -> None:
    class ToApp(RedirectResponse):
        schemes = frozenset({"https", "com.example.app"})

    assert ToApp("com.example.app:/done").headers["Location"] == "com.example.app:/done"
    with pytest.raises(ValueError, match=r"allowed are com\.example\.app, https"):
        ToApp("javascript:x")


def test_a_view_that_redirects_to_what_it_was_given_fails_closed() -> None:
    app = Application(MIDDLEWARES=[])

    def go(request: Request) -> Any:
        return redirect(request.query_params["to"])

    app.add_route("/go", go, requires_auth=False)
    answer = Client(app).get("/go", query={"to": "java\tscript:alert(1)"})
    assert answer.status_code == 500
    assert "location" not in answer.headers
