"""Rules of rooms: what they match, what they are called with, and what is refused."""

import sys
from pathlib import Path

import pytest

from lback import Application, Config
from lback.core.exceptions import ConfigurationError
from lback.realtime import may_subscribe, room
from lback.realtime.rooms import ROOMS, check_name, find_room, import_rooms, options_of


def test_a_rule_gets_the_user_and_the_variables() -> None:
    @room("ticket-{ticket_id:int}")
    def rule(user: object, ticket_id: int) -> bool:
        return user == "ada" and ticket_id == 42

    assert may_subscribe({}, "ada", "ticket-42")
    assert not may_subscribe({}, "bob", "ticket-42")
    assert not may_subscribe({}, "ada", "ticket-43")


@pytest.mark.parametrize(
    "name",
    ["ticket-x", "ticket-", "ticket-1-2", "Ticket-1", "", "ticket-1 ",
     "ticket-1\n", "ticket-\u0661", "../ticket-1", "x" * 201]
)  # fmt: skip
def test_a_room_that_no_rule_matches_is_refused(name: str) -> None:
    room("ticket-{ticket_id:int}")(lambda ticket_id: True)

    assert find_room(name) is None
    assert not may_subscribe({}, "ada", name)


def test_a_rule_that_returns_nothing_refuses() -> None:
    room("a-{number:int}")(lambda number: None)

    assert not may_subscribe({}, "ada", "a-1")


def test_a_rule_gets_services_and_a_session_by_name(memory_app: Application) -> None:
    seen = []

    @room("a-{number:int}")
    def rule(number: int, config: Config, db_session: object) -> bool:
        seen.extend([number, config, db_session])
        return True

    assert may_subscribe(memory_app.dependencies, None, "a-1")
    assert seen[:2] == [1, memory_app.config]
    assert type(seen[2]).__name__ == "Session"


def test_an_unknown_parameter_is_named(memory_app: Application) -> None:
    room("a-{number:int}")(lambda number, confg: True)

    with pytest.raises(ConfigurationError, match=r"'confg'.*did you mean config"):
        may_subscribe(memory_app.dependencies, None, "a-1")


def test_mistakes_of_a_declaration_are_named() -> None:
    async def asynchronous(user: object) -> bool:
        return True

    with pytest.raises(ConfigurationError, match="write def"):
        room("a")(asynchronous)
    with pytest.raises(ConfigurationError, match="takes no parameter 'number'"):
        room("a-{number:int}")(lambda user: True)
    with pytest.raises(ConfigurationError, match="itn"):
        room("a-{number:itn}")(lambda number: True)
    with pytest.raises(ConfigurationError, match="without spaces"):
        room("a b")(lambda: True)
    with pytest.raises(ConfigurationError, match="at least 1"):
        room("a", history=0)
    assert not ROOMS.keys() & {"a", "a b", "a-{number:int}"}


def test_two_rules_of_one_pattern_are_refused_and_a_reload_is_not() -> None:
    def rule() -> bool:
        return True

    def other() -> bool:
        return False

    room("a")(rule)
    room("a")(rule)
    with pytest.raises(ConfigurationError, match="two rules"):
        room("a")(other)


def test_the_first_rule_that_matches_decides() -> None:
    room("a-{number:int}")(lambda number: False)
    room("a-{name}", history=5, presence=True, per_viewer=True)(lambda name: True)

    assert not may_subscribe({}, None, "a-1")
    assert may_subscribe({}, None, "a-x")
    assert options_of("a-x").history == 5
    assert options_of("a-1").history is None


def test_rooms_of_apps_and_of_the_project_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "livetickets"
    app.mkdir()
    (app / "__init__.py").touch()
    text = "from lback.realtime import room\n@room('{}')\ndef rule():\n    return True\n"
    (app / "rooms.py").write_text(text.format("of-app"))
    (tmp_path / "rooms.py").write_text(text.format("of-project"))
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"INSTALLED_APPS": ["livetickets"], "PROJECT_ROOT": str(tmp_path)}
    config = Config(None, settings=settings)

    try:
        assert import_rooms(config) == ["livetickets.rooms", "rooms"]
        assert {"of-app", "of-project"} <= ROOMS.keys()
        (app / "rooms.py").write_text("1 / 0")
        del sys.modules["livetickets.rooms"]
        with pytest.raises(ConfigurationError, match="ZeroDivisionError"):
            import_rooms(config)
    finally:
        sys.modules.pop("rooms", None)


@pytest.mark.parametrize("name", ["", "a b", "ä", "a\n", "x" * 201])
def test_names_that_code_gives_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a room"):
        check_name(name)
