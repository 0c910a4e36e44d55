"""What each setting must be, and what is said where it is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError

KEY = "kT4-q9ZpW2_xR7mL8vNc"
PUBLIC: Mapping[str, Any] = {"SECRET_KEY": KEY, "ALLOWED_HOSTS": ["example.com"]}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.DEFAULTS:
        monkeypatch.delenv(name, raising=False)


def refusal(**settings: Any) -> str:
    """What `Config`, or its validation, answers to settings that cannot work."""
    with pytest.raises(ConfigurationError) as caught:
        Config.validate(Config(None, settings=settings))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("DEBUG", "False", "must be true or false, without quotes"),
        ("DEBUG", 1, "must be true or false"),
        ("PORT", True, "must be a whole number"),
        ("PORT", "x", "write a whole number"),
        ("PORT", 1.5, "must be a whole number"),
        ("HOST", 127, "must be text, in quotes"),
        ("ALLOWED_HOSTS", "example.com", "must be a list"),
        ("ALLOWED_HOSTS", [1], "must be a list of texts"),
        ("TEMPLATE_DIRS", [1], "must be a list of texts or paths"),
        ("LOGGING", [], "must be a mapping"),
        ("MIDDLEWARES", {"a": "deep secret"}, "must be a list"),
        ("DATABASE_URI", "sqlite://", "is made of other settings; write DATABASE_URL"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, rule: str) -> None:
    text = refusal(**{**PUBLIC, name: value})

    assert f"{name} = " in text
    assert f"(settings): {rule}" in text
    assert "deep secret" not in text


def test_paths_tuples_and_numbers_in_quotes_are_understood() -> None:
    config = Config(
        None,
        settings={"PROJECT_ROOT": Path("/srv"), "ALLOWED_HOSTS": ("a.org",), "DB_PORT": "5432"},
    )

    assert (config.PROJECT_ROOT, config.ALLOWED_HOSTS, config.DB_PORT) == ("/srv", ["a.org"], 5432)


@pytest.mark.parametrize(
    "host",
    [
        "https://example.com",
        "example.com:",
        "::1",
        "",
        ".",
        "a b",
        "exämple.com",
        "*.org",
        "example.com:0",
        "example.com:65536",
        "[::1]:x",
        "a:b",
    ],
)
def test_a_host_that_could_never_match_is_refused(host: str) -> None:
    assert "without scheme" in refusal(SECRET_KEY=KEY, ALLOWED_HOSTS=[host])


@pytest.mark.parametrize(
    "host", ["*", "Example.com", ".example.com", "192.0.2.1", "[::1]", "a.org:8443", "[::1]:8443"]
)
def test_hosts_are_names_domains_and_addresses(host: str) -> None:
    Config.validate(Config(None, settings={"SECRET_KEY": KEY, "ALLOWED_HOSTS": [host]}))


@pytest.mark.parametrize("proxy", ["proxy.example.com", "10.0.0.0/33", "10.0.0", ""])
def test_a_proxy_that_is_not_an_address_is_refused(proxy: str) -> None:
    assert "is not an address or a network" in refusal(**PUBLIC, TRUSTED_PROXIES=[proxy])


def test_proxies_are_addresses_and_networks() -> None:
    proxies = ["10.0.0.7/8", "192.0.2.1", "2001:db8::/32"]
    Config.validate(Config(None, settings={**PUBLIC, "TRUSTED_PROXIES": proxies}))


@pytest.mark.parametrize("name", ["se ssion", "", "a;b", "naïve"])
def test_a_cookie_name_is_a_token(name: str) -> None:
    assert "must be the name of a cookie" in refusal(**PUBLIC, SESSION_COOKIE_NAME=name)


@pytest.mark.parametrize("level", ["info", "WARNING", "Critical"])
def test_a_level_is_written_in_any_case(level: str) -> None:
    Config.validate(Config(None, settings={**PUBLIC, "LOGGING_LEVEL": level}))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (
            {"SESSION_STORE": "file"},
            "SESSION_STORE = 'file' (settings): must be one of database, memory, redis, "
            "the dotted name of a class",
        ),
        ({"SESSION_STORE": "redsi"}, "a class; did you mean redis?"),
        ({"LOGIN_ATTEMPTS_STORE": "file"}, "must be one of database, redis, memory"),
        ({"MAIL_BACKEND": "smpt"}, "smtp, console, file, memory, none; did you mean smtp?"),
        ({"MAIL_SECURITY": "ssl"}, "must be one of starttls, tls, none"),
        ({"SERVER": "gunikorn"}, "must be one of granian, gunicorn; did you mean gunicorn?"),
        ({"BEARER_SCHEMES": ["Bearer token"]}, "is not the name of an authentication scheme"),
        ({"BEARER_SCHEMES": ["Bearer", "Basic"]}, "browsers send it by themselves"),
        ({"JWT_ALGORITHM": "HS265"}, "Ed25519; did you mean HS256?"),
        ({"LOGGING_LEVEL": "INF"}, "did you mean INFO?"),
        ({"DB_ENGINE": "postgress"}, "mysql, mariadb; did you mean postgres?"),
        (
            {"DATABASE_URL": "postgress://app:hunter2@db/shop"},
            "DATABASE_URL begins with 'postgress', which must be one of sqlite, sqlite3, "
            "postgresql, postgres, mysql, mariadb; did you mean postgres?",
        ),
        (
            {"CACHES": {"default": {"backend": "reddis"}}},
            "the backend 'reddis' of 'default' must be one of memory, redis; did you mean redis?",
        ),
        ({"CACHES": {"default": {"backend": "file"}}}, "must be one of memory, redis"),
        (
            {"SECURITY_HEADERS": {"X-Frame-Options": "DENI"}},
            "'DENI' in X-Frame-Options must be one of DENY, SAMEORIGIN; did you mean DENY?",
        ),
    ],
)
def test_a_closed_set_of_names_is_listed_with_the_nearest(
    settings: dict[str, Any], rule: str
) -> None:
    text = refusal(**{**PUBLIC, **settings})

    assert rule in text
    assert "hunter2" not in text
