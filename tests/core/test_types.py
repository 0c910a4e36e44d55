"""The types of a request: methods that compare with text, sessions that know they were changed."""

from typing import Any
from uuid import UUID, uuid4

import pytest

import lback.core.types
from lback.core.http.methods import is_token
from lback.core.types import AppSession, HTTPMethod, IntegerConverter, TypeConverter, UUIDConverter

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]


def test_the_module_is_one_door_to_them() -> None:
    for name in lback.core.types.__all__:
        assert getattr(lback.core.types, name).__name__ == name


# Methods.


def test_the_standard_methods_are_members() -> None:
    assert sorted(member.value for member in HTTPMethod) == sorted(METHODS)
    assert all(member.name == member.value for member in HTTPMethod)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_its_name_in_any_case(name: str) -> None:
    method = HTTPMethod[name]
    for text in (name, name.lower(), name.title(), HTTPMethod(name)):
        assert method == text
        assert text == method
        assert (method != text) is False
        assert (text != method) is False


@pytest.mark.parametrize("other", ["", "POST", "GETS", " GET", HTTPMethod.POST, None, 1, b"GET"])
def test_a_method_is_nothing_else(other: Any) -> None:
    method: Any = HTTPMethod.GET
    assert (method != other) is (other != method) is True
    assert (method == other) is (other == method) is False


def test_a_method_goes_wherever_text_goes() -> None:
    method = HTTPMethod.PATCH
    assert isinstance(method, str)
    assert str(method) == f"{method}" == "PATCH"
    assert method.lower() == "patch"
    assert "-".join([method, method]) == "PATCH-PATCH"


def test_sets_and_dicts_find_a_method_by_its_upper_case_name() -> None:
    assert "GET" in {HTTPMethod.GET}
    assert HTTPMethod.GET in {"GET"}
    views: dict[str, int] = {HTTPMethod.GET: 1}
    assert views["GET"] == 1
    assert len({HTTPMethod.GET, "GET", HTTPMethod("GET")}) == 1
    assert "get" not in {HTTPMethod.GET}
    assert hash(HTTPMethod.GET) == hash("GET")


@pytest.mark.parametrize("text", ["GET", "PROPFIND", "M-SEARCH", "get", "a!#$%&'*+.^_`|~1"])
def test_a_token_can_be_a_method(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "GE T", "GET\n", "GÉT", "GET/", "(GET)", "G\0", "a:b", "a,b"])
def test_no_other_text_can(text: str) -> None:
    assert not is_token(text)


# Converters, whose rules are told in test_converters.py.


def test_converters_turn_the_text_of_a_url_into_values_and_back() -> None:
    value = uuid4()
    cases: list[tuple[TypeConverter, str, Any]] = [
        (IntegerConverter(), "12", 12),
        (UUIDConverter(), str(value), value),
    ]
    for converter, text, expected in cases:
        assert converter.to_python(text) == expected
        assert converter.to_url(expected) == text
    assert isinstance(UUIDConverter().to_python(str(value)), UUID)
    assert IntegerConverter().openapi_type["type"] == "integer"
    assert UUIDConverter().openapi_type["format"] == "uuid"


# Sessions.


def test_a_new_session_is_empty_and_unchanged() -> None:
    session = AppSession()

    assert session.session_id is None
    assert not session.modified
    assert len(session) == 0
    assert list(session) == []
    assert "user_id" not in session
    assert session.get("user_id") is None
    assert session.get("user_id", 7) == 7
    with pytest.raises(KeyError):
        session["user_id"]
    assert not session.modified


def test_a_session_begins_with_a_copy_of_its_values() -> None:
    data = {"a": 1}
    session = AppSession(data, "an-id")
    session["a"] = 2

    assert data == {"a": 1}
    assert session == {"a": 2}
    assert session.session_id == "an-id"


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.set("b", 2),
        lambda session: session.update(b=2),
        lambda session: session.setdefault("b", 2),
        lambda session: session.__setitem__("a", 1),
        lambda session: session.delete("a"),
        lambda session: session.__delitem__("a"),
        lambda session: session.pop("a"),
        lambda session: session.popitem(),
        lambda session: session.clear(),
    ],
)
def test_a_session_remembers_that_it_was_changed(change: Any) -> None:
    session = AppSession({"a": 1})
    assert not session.modified
    change(session)
    assert session.modified


@pytest.mark.parametrize(
    "look",
    [
        lambda session: session["a"],
        lambda session: session.get("b"),
        lambda session: session.setdefault("a", 2),
        lambda session: session.pop("b", None),
        lambda session: session.delete("b"),
        lambda session: dict(session.items()),
        lambda session: "a" in session,
        repr,
    ],
)
def test_looking_changes_nothing(look: Any) -> None:
    session = AppSession({"a": 1})
    look(session)
    assert session == {"a": 1}
    assert not session.modified


def test_a_value_changed_in_place_goes_unnoticed_until_one_says_so() -> None:
    session = AppSession({"cart": []})
    session["cart"].append("book")
    assert not session.modified
    session.modified = True
    assert session.modified


def test_the_repr_of_a_session_shows_no_value_and_no_id() -> None:
    assert repr(AppSession({"token": "secret"}, "an-id")) == "<AppSession of 1 values>"
