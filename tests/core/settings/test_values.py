"""How the text of an environment variable becomes the value of a setting."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.DEFAULTS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", " On "])
def test_words_that_switch_on(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", text)
    assert Config(None).DEBUG is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False", " OFF "])
def test_words_that_switch_off(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", text)
    assert Config(None, settings={"DEBUG": True}).DEBUG is False


@pytest.mark.parametrize("text", ["maybe", "2", "t", "None"])
def test_other_words_for_a_switch_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", text)
    with pytest.raises(ConfigurationError, match=r"DEBUG = '.*' \(environment\): write true or"):
        Config(None)


@pytest.mark.parametrize("name", ["DEBUG", "PORT", "ALLOWED_HOSTS", "LOGGING"])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_unset_where_no_text_is_wanted(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    assert Config(None).get(name) == Config.DEFAULTS[name]
    assert Config(None).source_of(name) == "default"


def test_an_empty_text_is_a_value_where_text_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "")
    config = Config(None)
    assert (config.HOST, config.source_of("HOST")) == ("", "environment")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("a.org", ["a.org"]),
        (" a.org , b.org,", ["a.org", "b.org"]),
        ('["a.org", "b.org"]', ["a.org", "b.org"]),
    ],
)
def test_a_list_is_written_with_commas_or_as_json(
    text: str, hosts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", text)
    config = Config(None)
    assert config.get("ALLOWED_HOSTS") == hosts


def test_a_mapping_is_written_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGGING", '{"version": 1}')
    assert Config(None).LOGGING == {"version": 1}


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("PORT", "80a", "write a whole number"),
        ("PORT", "80.5", "write a whole number"),
        ("ALLOWED_HOSTS", "[a", "write a list: items with commas"),
        ("LOGGING", "version=1", "write a JSON object"),
        ("LOGGING", "[]", "write a JSON object"),
    ],
)
def test_text_that_is_not_of_the_type_says_what_would_be(
    name: str, text: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError) as caught:
        Config(None)
    assert f"{name} = {text!r} (environment): {rule}" in str(caught.value)


@given(st.integers())
def test_every_whole_number_survives_the_environment(number: int) -> None:
    os.environ["SHOP_LIMIT"] = str(number)
    try:
        config = Config(None, settings={"SHOP_LIMIT": 0})
        assert config.get("SHOP_LIMIT") == number
    finally:
        del os.environ["SHOP_LIMIT"]
