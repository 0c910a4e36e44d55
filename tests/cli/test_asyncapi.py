"""`lback asyncapi`: WebSockets with their messages, events and rooms, from the table of routes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run

URLS = '''
import msgspec
from lback import path, websocket


class Move(msgspec.Struct):
    x: int


class Board(msgspec.Struct):
    moves: list[Move]


async def play(connection, message: Move, game_id: int) -> Board:
    """Play a game."""
    return Board([message])


async def talk(connection, message: str) -> None:
    pass


async def free(connection):
    await connection.receive()


class Counter:
    async def receive(self, connection, message: list[int]) -> int:
        return sum(message)


def page(request):
    return "page"


urlpatterns = [
    websocket("/games/{game_id:int}", play, name="play"),
    websocket("/talk", talk, requires_auth=False),
    websocket("/free", free),
    websocket("/count", Counter, name="play"),
    path("/", page, ["GET"], requires_auth=False),
]
'''
ROOMS = '''
from lback.realtime import room


@room("ticket-{ticket_id:int}")
def may_follow(user, ticket_id: int) -> bool:
    """What happens to a ticket."""
    return True
'''


@pytest.fixture
def live(project: Path) -> Path:
    with (project / "settings.py").open("a") as file:
        file.write('REALTIME = "database"\nAPI_TITLE = "Games"\nAPI_VERSION = "3"\n')
    (project / "urls.py").write_text(URLS)
    (project / "rooms.py").write_text(ROOMS)
    return project


@pytest.fixture
def document(lback: Run, live: Path) -> Any:
    return json.loads(lback("asyncapi", cwd=live).stdout)


def resolve(document: Any, reference: str) -> Any:
    found = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if "$ref" in part else []
        return own + [ref for value in part.values() for ref in references(value)]
    return [ref for item in part for ref in references(item)] if isinstance(part, list) else []


def test_each_route_and_room_is_a_channel(document: Any) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert document["info"] == {"title": "Games", "version": "3"}
    addresses = {name: channel["address"] for name, channel in document["channels"].items()}
    assert addresses == {
        "realtime-events": "/realtime/events",
        "play": "/games/{game_id}",
        "talk": "/talk",
        "free": "/free",
        "play-2": "/count",
        "room-ticket-ticket_id": "ticket-{ticket_id}",
    }
    assert document["channels"]["play"]["parameters"] == {"game_id": {}}
    assert document["channels"]["play"]["summary"] == "Play a game."
    assert document["channels"]["play"]["x-requires-auth"] is True
    assert document["channels"]["talk"]["x-requires-auth"] is False


def test_messages_have_the_types_of_the_handlers(document: Any) -> None:
    messages = document["channels"]["play"]["messages"]
    assert messages["received"]["payload"] == {"$ref": "#/components/schemas/Move"}
    assert messages["sent"]["payload"] == {"$ref": "#/components/schemas/Board"}
    assert document["components"]["schemas"]["Move"]["required"] == ["x"]
    counted = document["channels"]["play-2"]["messages"]
    assert counted["received"]["payload"] == {"type": "array", "items": {"type": "integer"}}
    assert counted["sent"]["payload"] == {"type": "integer"}
    talk = document["channels"]["talk"]["messages"]
    text = {"contentType": "text/plain", "payload": {"type": "string"}}
    assert talk == {"received": {"name": "received", **text}}
    # A handler that reads and writes by itself does not say what.
    free = document["channels"]["free"]["messages"]
    assert free["received"]["payload"] == free["sent"]["payload"] == {}
    room = document["channels"]["room-ticket-ticket_id"]
    assert room["summary"] == "What happens to a ticket."
    assert set(room["messages"]["published"]["payload"]["properties"]) == {"room", "id", "data"}


def test_operations_refer_to_messages_of_their_channels(document: Any) -> None:
    """The rules of the specification that a JSON schema cannot express are among them."""
    operations = document["operations"]
    assert {name: one["action"] for name, one in operations.items()} == {
        "realtime-events.send": "send",
        "play.send": "send",
        "play.receive": "receive",
        "talk.receive": "receive",
        "free.send": "send",
        "free.receive": "receive",
        "play-2.send": "send",
        "play-2.receive": "receive",
        "room-ticket-ticket_id.send": "send",
    }
    for reference in references(document):
        assert resolve(document, reference)
    for operation in operations.values():
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
    for channel in document["channels"].values():
        named = re.findall(r"\{(\w+)\}", channel["address"])
        assert sorted(channel.get("parameters", {})) == sorted(named)


def test_it_writes_a_file(lback: Run, live: Path, document: Any) -> None:
    done = lback("asyncapi", "--format", "yaml", "--output", "a.yaml", "--json", cwd=live)
    assert json.loads(done.stdout) == {"file": "a.yaml", "channels": 6, "operations": 9}
    assert yaml.safe_load((live / "a.yaml").read_text()) == document


def test_a_project_without_websockets_has_no_channels(lback: Run, project: Path) -> None:
    document = json.loads(lback("asyncapi", cwd=project).stdout)
    assert (document["channels"], document["operations"]) == ({}, {})
