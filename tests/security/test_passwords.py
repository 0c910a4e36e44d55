"""Passwords are kept as hashes that only the right password matches."""

import logging
import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from lback.security import hash_password, needs_rehash, passwords, verify_password
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


def test_a_password_no_one_could_type_is_wrong_and_not_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = hash_password("x" * MAX_PASSWORD_LENGTH)
    normalised: list[int] = []

    def normalise(form: str, text: str) -> str:
        normalised.append(len(text))
        return unicodedata.normalize(form, text)  # type: ignore[arg-type]

    monkeypatch.setattr(passwords, "unicodedata", SimpleNamespace(normalize=normalise))
    assert not verify_password("x\u0301\u0323" * 500_000, stored)
    assert max(normalised, default=0) <= MAX_PASSWORD_LENGTH


def test_who_is_unknown_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of hashes, with the same parameters: their costs follow from these."""
    checked: list[Parameters] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            checked.append(extract_parameters(str(hash)))
            return super().verify(hash, password)

    stored = hash_password("right")
    hasher = passwords._hasher
    monkeypatch.setattr(
        passwords, "_hasher", Watched(hasher.time_cost, hasher.memory_cost, hasher.parallelism)
    )
    assert not verify_password("wrong", stored)
    assert not verify_password("wrong", None)
    of_the_wrong, of_the_unknown = checked
    assert of_the_wrong == of_the_unknown


def test_no_one_has_an_empty_password() -> None:
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
