"""docs/guides/async-views.md in a real project."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.guides.conftest import Project


class Shop(BaseHTTPRequestHandler):
    """Answers a request when another one has arrived too, so that one after the other fails."""

    meeting = threading.Barrier(2, timeout=30)

    def do_GET(self) -> None:
        self.meeting.wait()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def shops() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield f"{address}/7 {address}/9"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [("runserver",), ("serve", "--workers", "1")])
def test_a_view_calls_two_services_at_once(
    project: Project, shops: str, command: tuple[str, ...]
) -> None:
    project.apply("async-views")
    with project.serving(*command, SHOP_ADDRESSES=shops) as visitor:
        assert visitor.get("/prices").json() == {"prices": ["/7", "/9"]}
        assert visitor.get("/prices").status == 200  # the loop of the thread goes on
