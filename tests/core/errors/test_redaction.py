"""Redaction: what is masked, and what is left to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core import Config
from lback.core.errors.redaction import MASK, Redactor, redacted_fields, redacted_path
from lback.core.request import Request


def redactor(**settings: str) -> Redactor:
    return Redactor(Config(None, settings=settings))


def test_the_values_of_secret_settings_are_masked() -> None:
    hide = redactor(SECRET_KEY="sesame-open", MAIL_PASSWORD="swordfish", SHOP_NAME="Corner")
    assert hide("sesame-open swordfish Corner") == f"{MASK} {MASK} Corner"


def test_a_key_that_holds_another_is_masked_whole() -> None:
    assert redactor(SECRET_KEY="swordfish", API_TOKEN="swordfish-2")("swordfish-2") == MASK


def test_short_values_are_left_for_they_would_mask_half_of_the_page() -> None:
    assert redactor(SECRET_KEY="a")("a page about a cat") == "a page about a cat"


def test_a_key_that_was_chosen_later_is_masked_too() -> None:
    config = Config(None, settings={"DEBUG": True})
    hide = Redactor(config)
    config.develop()
    assert hide(config.SECRET_KEY) == MASK


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/d", f"postgresql://u:{MASK}@h/d"),
        ("redis://:p@h", f"redis://:{MASK}@h"),
        ("http://h:80/x", "http://h:80/x"),
        ("https://u@h/", "https://u@h/"),
    ],
)
def test_a_password_in_a_url_is_masked(url: str, shown: str) -> None:
    assert redactor()(url) == shown


@pytest.mark.parametrize(
    "name",
    ["Authorization", "COOKIE", "Set-Cookie", "X-Api-Key", "x-csrf-token", "session", "passwd",
     "reset_code", "X-Amz-Signature", "client_secret", "X-Auth"],
)  # fmt: skip
def test_a_field_that_lets_someone_in_is_masked(name: str) -> None:
    assert redacted_fields({name: "abc"}) == {name: MASK}


@pytest.mark.parametrize("name", ["Accept", "Host", "User-Agent", "page", "Keyboard", "encoding"])
def test_other_fields_are_left(name: str) -> None:
    assert redacted_fields({name: "abc"}) == {name: "abc"}


@given(st.text(), st.text())
def test_a_secret_never_comes_through(before: str, after: str) -> None:
    assert "swordfish" not in redactor(SECRET_KEY="swordfish")(f"{before}swordfish{after}")


def test_a_path_hides_the_variables_that_let_someone_in() -> None:
    request = Request("/reset/7/s3cret", "GET", None, {}, {})
    assert redacted_path(request) == "/reset/7/s3cret"
    request.path_params = {"user_id": 7, "token": "s3cret"}
    assert redacted_path(request) == f"/reset/7/{MASK}"
