"""Which names belong to secrets: one answer for settings, columns, header fields and messages."""

import pytest

from lback.core.settings.secret_names import is_credential, is_secret


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "DB_PASSWORD", "MAIL_PASSWORD", "JWT_KEY", "API_TOKEN",
     "STRIPE_KEY", "STRIPE_KEY_LIVE", "STRIPE_SECRET", "AWS_SECRET_ACCESS_KEY", "PRIVATE_PEM",
     "PRIVATE_KEY", "API_KEYS", "S3_CREDENTIALS", "API_KEY_2", "API_KEY2", "DATABASE_URL",
     "REDIS_URL", "BROKER_URL", "api_token", "apikey", "password",
     "password_hash", "password1", "new_password", "password_confirmation", "token_hash",
     "csrftoken", "dbpassword", "passphrase", "client_secret", "X-Auth-Token", "SECRET_KEY_BASE",
     "secret_answer", "private_key"],
)  # fmt: skip
def test_a_name_of_a_secret(name: str) -> None:
    assert is_secret(name)
    assert is_secret(name.lower())
    assert is_credential(name) or name.endswith(("_URL", "PEM"))


@pytest.mark.parametrize(
    "name",
    ["MIN_PASSWORD_LENGTH", "PASSWORD_VALIDATORS", "PASSWORD_RESET_SECONDS", "TOKEN_URL",
     "TOKEN_LIFETIME", "SECRET_NAME", "KEYBOARD", "PUBLIC_KEY", "STRIPE_PUBLISHABLE_KEY",
     "PRIMARY_KEY", "CACHE_KEY", "MONKEY", "SECRETARY", "secretary_name", "tokens_used", "key",
     "password_changed_at", "SEALED_KEY_ENCRYPTED", "LOGIN_URL", "STATIC_URL", "PRIVATE",
     "is_private", "MAX_TOKENS_PER_USER", "", "_", "42"],
)  # fmt: skip
def test_a_name_of_something_else(name: str) -> None:
    assert not is_secret(name)
    assert not is_secret(name.lower())


def test_the_value_may_show_that_it_is_not_a_secret() -> None:
    assert not is_secret("REQUIRE_PASSWORD", True)
    assert not is_secret("DATABASE_URL", "sqlite:///db.sqlite3")
    assert not is_secret("REDIS_URL", "redis://127.0.0.1:6379/0")
    assert is_secret("DATABASE_URL", "postgresql://app:hunter2@db/shop")
    assert is_secret("DATABASE_URL", "postgresql://db/shop?password=hunter2")
    assert is_secret("SECRET_KEY", 12345678)


@pytest.mark.parametrize("name", ["author", "authors", "encoding", "keyboard", "Accept", "page"])
def test_a_parameter_that_lets_no_one_in(name: str) -> None:
    assert not is_credential(name)


@pytest.mark.parametrize("name", ["apiKey", "APIKey", "accessToken", "passwordConfirmation"])
def test_a_name_of_a_secret_in_camel_case(name: str) -> None:
    assert is_secret(name)
    assert is_credential(name)
