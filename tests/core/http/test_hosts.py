"""Hosts: which names a request may carry, and whose word about them counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.http.hosts import (
    LOOPBACK_HOSTS,
    ascii_name,
    client_address,
    host_name,
    is_allowed,
    is_trusted_proxy,
    plain_address,
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "example.com"),
        ("Example.COM:8000", "example.com"),
        ("example.com.", "example.com"),
        ("a_b.example", "a_b.example"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[2001:DB8::1]:8000", "[2001:db8::1]"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 254, "a" * 254),
    ],
)
def test_a_host_has_a_name(host: str, name: str) -> None:
    assert host_name(host) == name


HOSTILE = [
    "", " ", "a b", "a/b", "a\\b", "a@b", "user:pass@host", "a?b", "a#b", "a:b", "a:", "a:123456",
    "a,b", "a\n", "a\r\nX: y", "a\0", "ä.example", ".example.com", "-a", "[::1", "::1", "[x]",
    "[::1]x", "[:::1]", "[1.2.3.4]", "[::1::]",
    "a%2fb", "<script>", "a;b", "a'b", 'a"b', "a:80:80", "a" * 255, "*", "\uff3fa",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE)
def test_a_malformed_host_has_none_and_is_never_allowed(host: str) -> None:
    assert host_name(host) is None
    assert not is_allowed(host, ["*"])
    assert not is_allowed(host, [host])


@given(st.text(max_size=30))
def test_a_name_holds_nothing_that_could_move_a_url(host: str) -> None:
    name = host_name(host)
    assert name is None or not set(name) & set("/\\@?# \r\n\t%<>\"'")


@pytest.mark.parametrize(
    ("host", "patterns", "allowed"),
    [
        ("example.com", ["example.com"], True),
        ("EXAMPLE.com.:8000", ["Example.Com"], True),
        ("example.com", ["other", "example.com"], True),
        ("example.com", ["*"], True),
        ("www.example.com", [".example.com"], True),
        ("a.b.example.com", [".EXAMPLE.com"], True),
        ("example.com", [".example.com"], True),
        ("example.com", [], False),
        ("example.com", [""], False),
        ("www.example.com", ["example.com"], False),
        ("notexample.com", [".example.com"], False),
        ("example.com.evil.org", [".example.com", "example.com"], False),
        ("evil.org", ["*.org"], False),
    ],
)
def test_a_host_is_allowed_by_a_name_a_domain_or_a_star(
    host: str, patterns: list[str], allowed: bool
) -> None:
    assert is_allowed(host, patterns) is allowed


def test_loopback_has_several_names() -> None:
    for host in ("localhost", "localhost:8000", "app.localhost", "127.0.0.1:80", "[::1]:8000"):
        assert is_allowed(host, LOOPBACK_HOSTS)
    for host in ("localhost.example.com", "127.0.0.1.example.com", "0.0.0.0", "example.com"):
        assert not is_allowed(host, LOOPBACK_HOSTS)


@pytest.mark.parametrize(
    ("address", "proxies", "trusted"),
    [
        ("10.0.0.1", ["10.0.0.1"], True),
        ("10.0.0.1", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["10.0.0.5/8"], True),
        ("::1", ["127.0.0.1", "::1"], True),
        ("2001:db8::5", ["2001:db8::/32"], True),
        ("::ffff:10.0.0.1", ["10.0.0.0/8"], True),
        ("11.0.0.1", ["10.0.0.0/8"], False),
        ("::ffff:11.0.0.1", ["10.0.0.0/8"], False),
        ("10.0.0.1", ["::/0"], False),
        ("10.0.0.1", [], False),
        ("", ["0.0.0.0/0"], False),
        (None, ["0.0.0.0/0"], False),
        ("unix:", ["0.0.0.0/0"], False),
        ("10.0.0.1, 10.0.0.2", ["0.0.0.0/0"], False),
        ("", ["unix"], True),
        (None, ["10.0.0.1", "unix"], True),
        ("10.0.0.1", ["unix"], False),
        ("10.0.0.1", ["unix", "10.0.0.1"], True),
    ],
)
def test_a_proxy_is_trusted_by_its_address(
    address: str | None, proxies: list[str], trusted: bool
) -> None:
    assert is_trusted_proxy(address, proxies) is trusted


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("example.com", "example.com"),
        ("Example.com", "Example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("日本.example", "xn--wgv71a.example"),
        ("straße.example", None),
        ("ü..example", None),
        ("ü" * 70, None),
    ],
)
def test_a_name_has_an_ascii_form_if_that_means_the_same(name: str, encoded: str | None) -> None:
    assert ascii_name(name) == encoded


PROXIES = ["10.0.0.0/8", "::1"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", " 203.0.113.9 ", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2,10.0.0.3", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("::ffff:10.0.0.1", "2001:DB8::0:1", "2001:db8::1"),
        ("::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("::1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, ", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, 1.2.3.4\r\nX: y", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, evil, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "'; DROP TABLE", "10.0.0.1"),
        ("", "203.0.113.9", ""),
        (None, "203.0.113.9", ""),
    ],
)
def test_the_client_is_the_first_address_that_no_trusted_proxy_has(
    peer: str | None, forwarded: str | None, client: str
) -> None:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(environ, PROXIES) == client
    assert client_address(environ, []) == plain_address(peer or "")


def test_a_proxy_behind_a_unix_socket_may_tell_the_client() -> None:
    environ = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9"}
    assert client_address(environ, ["unix"]) == "203.0.113.9"


@given(st.text(max_size=60))
def test_an_address_is_an_address_or_nothing(text: str) -> None:
    address = plain_address(text)
    assert address == plain_address(address)
    assert address.isprintable()
    assert " " not in address
