"""A secret key that can be guessed does not start a public application."""

import secrets

import pytest

from lback import Application
from lback.core.config import Config
from lback.core.exceptions import ConfigurationError
from lback.core.settings.key_strength import weakness_of_key
from lback.testing import Client

WEAK = [
    "",
    "short",
    "a" * 64,
    "ab" * 32,
    "0123456789" * 5,
    "9876543210987654",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "changeme-changeme-changeme",
    "change-me-in-production",
    "your-secret-key-here-change-me",
    "django-insecure-change-me-now",
    "supersecretsupersecret",
    "Password1234567890!",
    "qwertyuiopasdfghjkl",
    "only for these tests",
]


@pytest.mark.parametrize("key", WEAK)
def test_a_weak_key_is_refused_in_public_without_being_shown(key: str) -> None:
    settings = {"SECRET_KEY": key, "ALLOWED_HOSTS": ["example.com"]}

    with pytest.raises(ConfigurationError, match=r"SECRET_KEY = .*token_urlsafe") as told:
        Config.validate(Config(None, settings=settings))

    assert not key or key not in str(told.value)
    Config.validate(Config(None, settings={**settings, "DEBUG": True}))


@pytest.mark.parametrize("key", [key for key in WEAK if len(key) >= 16])
def test_a_weak_key_of_before_is_refused_in_public(key: str) -> None:
    good = secrets.token_urlsafe(48)
    settings = {"SECRET_KEY": good, "SECRET_KEY_FALLBACKS": [good, key]}

    with pytest.raises(ConfigurationError, match="SECRET_KEY_FALLBACKS = "):
        Config.validate(Config(None, settings={**settings, "ALLOWED_HOSTS": ["example.com"]}))


def test_random_keys_are_taken() -> None:
    for make in (secrets.token_urlsafe, secrets.token_hex):
        for size in (16, 32, 48):
            assert not any(weakness_of_key(make(size)) for _ in range(200))


def test_the_test_client_takes_a_key_that_a_server_refuses() -> None:
    def build() -> Application:
        return Application(DEBUG=False, SECRET_KEY="k" * 40, ALLOWED_HOSTS=["localhost"])

    assert Client(build()).get("/").status_code == 404
    with pytest.raises(ConfigurationError, match="words that are guessed first"):
        build().prepare()
    with pytest.raises(ConfigurationError, match="has 5 characters, and 16 are needed"):
        Client(Application(DEBUG=False, SECRET_KEY="short", ALLOWED_HOSTS=["localhost"])).get("/")
