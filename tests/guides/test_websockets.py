"""docs/guides/websockets.md in a real project, met by programs and by a browser."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.guides.conftest import PATIENCE, Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def chat(project: Project) -> Project:
    project.new_app("live", "--minimal")
    project.apply("websockets")
    project.lback("makemigrations")
    project.lback("migrate")
    return project


@contextmanager
def joined(
    port: int, path: str = "/live/chat/hall", origin: str = ""
) -> Iterator[ClientConnection]:
    stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sent = Origin(origin) if origin else None
    with connect(
        f"ws://localhost:{port}{path}", sock=stream, origin=sent, proxy=None
    ) as connection:
        yield connection


def line(connection: ClientConnection) -> str:
    return str(json.loads(connection.recv(PATIENCE))["data"]["text"])


def test_what_one_says_all_in_the_room_are_told(chat: Project) -> None:
    with chat.serving() as visitor:
        page = f"http://localhost:{visitor.port}"
        assert "/live/chat/hall" in visitor.get("/live/").text
        with (
            joined(visitor.port, origin=page) as ada,
            joined(visitor.port) as grace,
            joined(visitor.port, "/live/chat/other") as other,
        ):
            # The answer to a line comes after the subscription of its sender.
            other.send('{"text": "elsewhere"}')
            assert line(other) == "elsewhere"
            grace.send('{"text": "here"}')
            assert line(grace) == "here"
            ada.send('{"text": "hello"}')
            assert line(grace) == "hello"


def test_other_pages_wrong_messages_and_names_without_a_rule_are_refused(chat: Project) -> None:
    with chat.serving() as visitor:
        refused = pytest.raises(InvalidStatus, match="403")
        with refused, joined(visitor.port, origin="https://evil.example"):
            pass
        for path, sent, code in (
            ("/live/chat/hall", '{"text": 1}', 1007),
            ("/live/chat/hall", "x" * 70_000, 1009),
            ("/live/chat/not-a-word", "{}", 4403),
        ):
            with joined(visitor.port, path) as connection:
                with pytest.raises(ConnectionClosed):  # the last one perhaps before it is sent
                    connection.send(sent)
                    connection.recv(PATIENCE)
                assert connection.protocol.close_code == code


def test_two_browsers_chat(chat: Project, chromium: "Browser") -> None:
    with chat.serving() as visitor:
        pages = [chromium.new_page() for _ in range(2)]
        for page in pages:
            page.goto(f"http://localhost:{visitor.port}/live/")
            # Not `wait_for_function`, which the policy of the page forbids.
            while not page.evaluate("socket.readyState === WebSocket.OPEN"):
                page.wait_for_timeout(50)
            page.fill("input", "I am here")
            page.click("button")
            page.wait_for_selector("li")
        pages[0].fill("input", "<b>hello</b>")
        pages[0].click("button")
        for page in pages:
            page.wait_for_selector("li:has-text('<b>hello</b>')")
            page.close()
