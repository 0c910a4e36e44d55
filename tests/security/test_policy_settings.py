"""The rules for passwords of a project: own validators by dotted name, others turned off."""

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from lback import Application
from lback.core.config import Config
from lback.core.exceptions import ConfigurationError, ValidationError

SIMILAR = "lback.security.UserAttributeSimilarityValidator"


def no_digits_only(password: str, about: Sequence[str]) -> str | None:
    return "use letters as well" if password.isdigit() else None


class NotLeaked:
    """Built with what its constructor names."""

    def __init__(self, config: Config) -> None:
        self._leaked = config.LEAKED

    def __call__(self, password: str, about: Sequence[str]) -> str | None:
        return "this password has leaked" if password in self._leaked else None


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("shop_rules")
    module.no_digits_only, module.NotLeaked, module.LIMIT = no_digits_only, NotLeaked, 3
    monkeypatch.setitem(sys.modules, "shop_rules", module)


def problem(password: str, **settings: Any) -> str:
    """What a user who chooses a password is told."""
    app = Application(DEBUG=True, DATABASE_URL="sqlite://", **settings)
    app.db_manager.create_tables()
    try:
        with app.db_manager.session() as session:
            app.user_manager.register(session, "ada", password, "ada@example.org")
    except ValidationError as error:
        return "; ".join(error.errors["password"])
    else:
        return ""
    finally:
        app.db_manager.dispose()


def test_without_settings_all_is_as_before() -> None:
    assert problem("correct horse battery") == ""
    assert "at least 12 characters" in problem("short")
    assert "easy to guess" in problem("Password2024!")
    assert "too similar to your name" in problem("ada@example.org")


def test_a_function_of_the_project_is_asked() -> None:
    mine = {"PASSWORD_VALIDATORS": ["shop_rules.no_digits_only", SIMILAR]}

    assert problem("739150264837", **mine) == "use letters as well"
    assert problem("Password2024!", **mine) == "", "the other one is turned off"
    assert "too similar to your name" in problem("ada@example.org", **mine)


def test_a_class_of_the_project_is_built_with_the_settings() -> None:
    mine = {"PASSWORD_VALIDATORS": ["shop_rules.NotLeaked"], "LEAKED": ["correct horse battery"]}

    assert problem("correct horse battery", **mine) == "this password has leaked"


def test_a_function_may_be_given_itself() -> None:
    assert problem("739150264837", PASSWORD_VALIDATORS=[no_digits_only]) == "use letters as well"


def test_the_length_is_a_setting_of_its_own_and_stays_without_validators() -> None:
    assert "at least 20 char" in problem("a" * 19, MIN_PASSWORD_LENGTH=20, PASSWORD_VALIDATORS=[])
    assert problem("a" * 20, MIN_PASSWORD_LENGTH=20, PASSWORD_VALIDATORS=[]) == ""


def test_words_of_this_very_site_are_guessed_first() -> None:
    assert problem("engineworks-1996") == ""
    assert "easy to guess" in problem("engineworks-1996", PASSWORD_WORDS=["engineworks"])


def test_the_admin_follows_the_same_settings() -> None:
    app = Application(DEBUG=True, PASSWORD_VALIDATORS=[no_digits_only])

    assert app.admin_user_manager.policy.problems("739150264837") == ["use letters as well"]


@pytest.mark.parametrize(
    ("validators", "words"),
    [
        (["shop_rules.no_digit_only"], "did you mean no_digits_only"),
        (["shop_rulez.x"], "'shop_rulez.x' cannot be imported"),
        (["shop_rules.LIMIT"], "which is not callable; write def validator(password, about)"),
        (["common"], "must be a list of functions or classes, or of their dotted names"),
        ([7], "must be a list of functions or classes"),
    ],
)
def test_a_slip_is_told_when_the_application_is_built(validators: list[Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match="PASSWORD_VALIDATORS") as told:
        Application(DEBUG=True, PASSWORD_VALIDATORS=validators).prepare()
    assert words in str(told.value)


def test_a_validator_that_returns_neither_message_nor_none_is_named() -> None:
    with pytest.raises(TypeError, match="returned bool; it must return a message, or None"):
        problem("correct horse battery", PASSWORD_VALIDATORS=[lambda password, about: True])
