"""docs/guides/websockets.md in a real project, met by programs and by a browser."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.guides.conftest import PATIENCE, Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE = Origin("http://localhost:8000")


@pytest.fixture
def port(project: Project) -> int:
    """A free port, which the files of the guide name instead of 8765."""
    project.new_app("live", "--minimal")
    project.apply("websockets")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    for name in ("settings.py", "live/commands.py"):
        file = project.folder / name
        file.write_text(file.read_text().replace("8765", str(port)))
    return port


@contextmanager
def chatting(project: Project, port: int, **environment: str) -> Iterator[None]:
    with project.running("live", **environment) as (_, output):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("localhost", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.03)
        yield
    assert "Traceback" not in output.read_text(), output.read_text()


def join(port: int, origin: Origin = PAGE) -> ClientConnection:
    return connect(f"ws://localhost:{port}/", origin=origin)


def test_what_one_says_all_are_told(project: Project, port: int) -> None:
    with chatting(project, port), join(port) as ada, join(port) as grace:
        ada.send("hello")
        assert [ada.recv(PATIENCE), grace.recv(PATIENCE)] == ["hello", "hello"]


def test_other_pages_may_not_connect_and_large_messages_end_a_connection(
    project: Project, port: int
) -> None:
    with chatting(project, port):
        with pytest.raises(InvalidStatus, match="403"):
            join(port, Origin("https://evil.example"))
        with join(port) as ada:
            ada.send("x" * 1_048_577)
            with pytest.raises(ConnectionClosed):
                ada.recv(PATIENCE)
            assert ada.protocol.close_code == 1009


def test_a_stop_tells_clients_that_the_server_goes_away(project: Project, port: int) -> None:
    with ExitStack() as client:
        with chatting(project, port):
            ada = client.enter_context(join(port))
            ada.send("hello")
            ada.recv(PATIENCE)
        with pytest.raises(ConnectionClosed):
            ada.recv(PATIENCE)
        assert ada.protocol.close_code == 1001


def test_two_browsers_chat(project: Project, port: int, chromium: "Browser") -> None:
    with project.serving() as visitor:
        url = f"http://localhost:{visitor.port}"
        with chatting(project, port, LIVE_ORIGINS=url):
            pages = [chromium.new_page() for _ in range(2)]
            for page in pages:
                page.goto(f"{url}/live/")
                page.wait_for_function("socket.readyState === WebSocket.OPEN")
            pages[0].fill("input", "<b>hello</b>")
            pages[0].click("button")
            for page in pages:
                page.wait_for_selector("li")
                assert page.text_content("li") == "<b>hello</b>"
                page.close()
