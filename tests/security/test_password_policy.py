"""Long and unusual passwords pass; what guessers try first does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.security import PasswordPolicy
from tests.growth import assert_linear

policy = PasswordPolicy()


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "battery staple",
        "Schiff ahoi Kapitän",
        "李小龍在香港學功夫很多年",
        "🌷🌻🌹🌷🌻🍀🌹🌼🌺🌸🌷🍀",
        "gT7#kQz9!mWp",
        "        x y z w v k q",
        "a much longer sentence with spaces in it",
    ],
)
def test_good_ones_pass(password: str) -> None:
    assert policy.problems(password, ["ada", "ada@example.org", None]) == []


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd2024!",
        "qwerty123456",
        "qwertzuiop12",
        "azertyuiop99",
        "aaaaaaaaaaaaaa",
        "abcabcabcabc",
        "123456789012",
        "987654321098",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "Summer2024!!!!",
        "iloveyou12345",
        "passwordpassword",
        "LETMEIN-letmein",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff441234",
        "admin123admin123",
        "Liverpool2023",
    ],
)
def test_what_is_guessed_first_does_not(password: str) -> None:
    assert policy.problems(password) == ["This password is easy to guess. Choose another one."]


@pytest.mark.parametrize(
    "password",
    ["adalovelace99", "ada.lovelace!!", "ecalevol1815x", "example-org99", "Lovelace-4711"],
)
def test_nor_does_what_is_known_of_its_owner(password: str) -> None:
    about = ["Ada Lovelace", "ada.lovelace@example.org"]
    assert policy.problems(password, about) == [
        "This password is too similar to your name or email address. Choose another one."
    ]


def test_a_name_in_a_long_sentence_is_fine() -> None:
    assert policy.problems("the ada I know builds engines", ["ada"]) == []


def test_length_comes_first_and_is_counted_in_characters() -> None:
    assert "at least 12 characters" in policy.problems("kurz")[0]
    assert "at least 12 characters" in policy.problems("")[0]
    assert policy.problems("x" * 1025) == ["Use at most 1024 characters."]
    # Eleven letters, however a keyboard writes them.
    assert "at least 12" in policy.problems("a\u0308o\u0308u\u0308xyqkbwmz"[:14])[0]


def test_a_site_has_words_of_its_own() -> None:
    own = PasswordPolicy(words=("engineworks",))
    assert policy.problems("Engineworks-42") == []
    assert own.problems("Engineworks-42") != []


@given(st.text(max_size=200), st.lists(st.text(max_size=50), max_size=3))
def test_any_text_gets_an_answer(password: str, about: list[str]) -> None:
    assert len(policy.problems(password, about)) <= 1


@pytest.mark.parametrize("unit", ["a", "ab", "abcde", "12", "é", "-", "pass"])
def test_a_password_of_repetitions_is_judged_in_linear_time(unit: str) -> None:
    about = [unit * (254 // len(unit))]
    assert_linear(lambda text: policy.problems(text, about), unit * (1024 // len(unit)))
    assert_linear(lambda text: policy.problems(text, about), (unit * 1024)[:1000] + "xq9")
