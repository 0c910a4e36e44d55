"""Origins: written in one way, so that two that are the same are equal and no others are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.http.origins import Origins, listed_origin, origin_of, origin_of_url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.Example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("tauri://localhost:443", "tauri://localhost:443"),
        ("Moz-Extension://0D1E2F30-aa", "moz-extension://0d1e2f30-aa"),
        ("chrome-extension://" + "a" * 32, "chrome-extension://" + "a" * 32),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: str) -> None:
    assert origin_of(text) == origin
    assert origin_of_url(f"{text}/path?a=://b#c") == origin
    assert origin_of_url(f"{text}?a") == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "*", "a.example", "//a.example", "ftp://a.example", "https://", "https:///",
        "https://a.example/", "https://a@b", "https://a b", "https://a.example:", "file://x",
        "https://a.example:123456", "https://.a", "javascript://a", "https://a,b", "https://é",
        "https://a.example\n", " https://a.example",
        "data://a", "blob://a", "wss://a.example", "capacitor://", "a://localhost", "1a://b",
        "capacitor://localhost/", "capacitor://a@b", "x" * 100 + "://a",
    ],
)  # fmt: skip
def test_invalid_origin_is_none(text: str) -> None:
    assert origin_of(text) is None


@pytest.mark.parametrize("url", ["", "/path", "about:blank", "https://a@b/", "https://[::1/x"])
def test_a_url_without_a_plain_host_has_no_origin(url: str) -> None:
    assert origin_of_url(url) is None


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("https://a.example:443", "https://a.example"),
        ("HTTPS://*.A.example", "https://*.a.example"),
        ("https://*.shop.a.example:8443", "https://*.shop.a.example:8443"),
        ("http://*.localhost:8000", "http://*.localhost:8000"),
        *((text, None) for text in [
            "https://*", "https://*.", "https://*.com", "https://*.com.", "https://*a.example",
            "https://a.*.example", "https://*.*.example", "https://*.[::1]", "https://*.a.example/",
            "*.a.example", "*", "null", "://*.a.example",
        ]),
    ],
)  # fmt: skip
def test_an_entry_of_a_list_may_be_all_subdomains(text: str, listed: str | None) -> None:
    assert listed_origin(text) == listed


def test_subdomains_are_those_of_this_scheme_and_port() -> None:
    origins = Origins(["https://*.a.example", "http://*.localhost:8000", "https://b.example"])
    for origin in [
        "https://x.a.example", "https://x.y.a.example", "http://x.localhost:8000",
        "https://b.example",
    ]:  # fmt: skip
        assert origin in origins, origin
    for other in [
        "https://a.example", "http://x.a.example", "https://x.a.example:8443", "https://xa.example",
        "https://x.a.example.evil.example", "https://x.b.example", "http://localhost:8000",
        "http://x.localhost", "https://*.a.example.evil", "null", "", None,
    ]:  # fmt: skip
        assert other not in origins, other
    assert "https://x.a.example" not in Origins([])
    assert (len(origins), len(Origins(["null"])), origins.has_all) == (3, 0, False)
    assert Origins(["*"]).has_all
    assert "https://a.example" not in Origins(["*"])


@given(st.text(max_size=40))
def test_no_text_is_a_failure(text: str) -> None:
    assert origin_of(text) in (None, origin_of(text.lower()))
    origin_of_url(text)
    assert text not in Origins(["https://*.a.example"]) or text.endswith(".a.example")
    listed_origin(text)
