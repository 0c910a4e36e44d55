"""Passwords are kept as hashes that only the right password matches."""

import logging
import time
import unicodedata

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from lback.security import hash_password, needs_rehash, verify_password
from lback.security.passwords import MAX_PASSWORD_LENGTH


def test_the_right_password_matches_and_no_other() -> None:
    stored = hash_password("correct horse")
    assert verify_password("correct horse", stored)
    for wrong in ("Correct horse", "correct horse ", "", "correct", "\ud800", "a\0"):
        assert not verify_password(wrong, stored)


def test_a_hash_is_argon2id_and_salted() -> None:
    first, second = hash_password("same"), hash_password("same")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert "same" not in first


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_text_can_be_a_password_however_it_is_typed(password: str) -> None:
    stored = hash_password(password)
    assert verify_password(unicodedata.normalize("NFD", password), stored)
    assert verify_password(unicodedata.normalize("NFC", password), stored)


def test_half_a_character_is_an_ordinary_password() -> None:
    assert verify_password("\ud83d", hash_password("\ud83d"))
    assert not verify_password("\ud83e", hash_password("\ud83d"))


@pytest.mark.parametrize(("password", "rule"), [("", "empty"), ("x" * 1025, "at most 1024")])
def test_a_password_that_cannot_be_kept_is_refused(password: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as raised:
        hash_password(password)
    assert "xxx" not in str(raised.value)


def test_a_password_nobody_could_type_is_wrong_and_not_worked_on() -> None:
    stored = hash_password("x" * MAX_PASSWORD_LENGTH)
    started = time.perf_counter()
    assert not verify_password("x\u0301\u0323" * 500_000, stored)
    assert time.perf_counter() - started < 2


def test_who_is_unknown_costs_as_much_as_a_wrong_password() -> None:
    stored = hash_password("right")
    assert not verify_password("wrong", None)
    assert cost(None) == pytest.approx(cost(stored), rel=0.5)


def cost(stored: str | None) -> float:
    """Return the least processor time, in seconds, that a check of a wrong password took."""
    times = []
    for _ in range(5):
        started = time.thread_time()
        assert not verify_password("wrong", stored)
        times.append(time.thread_time() - started)
    return min(times)


def test_nobody_has_an_empty_password() -> None:
    assert not verify_password("", None)


@pytest.mark.parametrize("damaged", ["", "!", "plain text", "$argon2id$v=19$m=1", "$2b$12$abc"])
def test_a_damaged_hash_matches_nothing_and_is_reported(
    caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    with caplog.at_level(logging.ERROR):
        assert not verify_password("secret word", damaged)
    assert "a stored password hash cannot be checked" in caplog.text
    assert "secret word" not in caplog.text


def test_a_hash_with_older_parameters_matches_and_wants_to_be_renewed() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("secret")
    assert verify_password("secret", old)
    assert needs_rehash(old)
    assert not needs_rehash(hash_password("secret"))
