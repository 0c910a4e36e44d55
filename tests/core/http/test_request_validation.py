"""Request validation: foreign hosts, overlong URLs and oversized bodies are refused."""

import io
from typing import Any

import pytest

from lback import Application, Request
from lback.core import SignalDispatcher
from lback.testing import Client


def build(**settings: Any) -> Application:
    app = Application(
        dispatcher=SignalDispatcher(),
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["shop.example"],
            **settings,
        },
    )

    @app.route("/", ["GET", "POST"], requires_auth=False)
    def host(request: Request) -> str:
        return f"{request.get_host} {len(request.body_bytes)}"

    return app


@pytest.mark.parametrize("host", ["shop.example", "SHOP.example", "shop.example:443"])
def test_a_host_that_is_served_gets_in_each_time(host: str) -> None:
    client = Client(build(), headers={"Host": host})
    assert client.get("/").text == f"{host} 0"
    assert client.get("/").text == f"{host} 0"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "shop.example.evil.example", "evilshop.example", "shop.example@evil",
        "shop.example/evil", "shop.example evil", "", "shop.example:80:80", "shop.example:port",
        "[::1", "shop.example\\evil", "user:pass@shop.example", "shop_example", "*", ".example",
    ],
)  # fmt: skip
def test_a_hostile_host_is_a_400_each_time(host: str) -> None:
    client = Client(build(), headers={"Host": host})
    assert client.get("/").status_code == 400
    assert client.get("/").status_code == 400


def test_without_a_host_field_the_name_of_the_server_counts() -> None:
    client = Client(build(), environ={"SERVER_NAME": "shop.example"})
    environ = client._environ("GET", "/", b"", {})
    del environ["HTTP_HOST"]
    begun: list[str] = []

    def ask(name: str) -> str:
        build()({**environ, "SERVER_NAME": name}, lambda status, headers: begun.append(status))
        return begun.pop()

    assert ask("shop.example") == "200 OK"
    assert ask("evil.example") == "400 Bad Request"


def test_while_debugging_loopback_names_are_served_and_others_told_the_way() -> None:
    client = Client(build(DEBUG=True, ALLOWED_HOSTS=[]))
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "shop.localhost"):
        assert client.get("/", headers={"Host": host}).status_code == 200
    refused = client.get("/", headers={"Host": "evil.example:80"})
    assert refused.status_code == 400
    assert "add &#39;evil.example&#39; to ALLOWED_HOSTS" in refused.text


def test_no_way_out_is_shown_to_strangers() -> None:
    refused = Client(build()).get("/", headers={"Host": "evil.example"})
    assert "ALLOWED_HOSTS" not in refused.text
    assert "evil" not in refused.text


def test_a_forwarded_host_counts_only_from_a_trusted_proxy_and_when_asked_for() -> None:
    forwarded = {"Host": "shop.example", "X-Forwarded-Host": "www.shop.example"}
    hosts = ["shop.example", "www.shop.example"]
    plain = Client(build(ALLOWED_HOSTS=hosts))
    assert plain.get("/", headers=forwarded).text == "shop.example 0"
    app = build(ALLOWED_HOSTS=hosts, USE_X_FORWARDED_HOST=True, TRUSTED_PROXIES=["192.0.2.0/24"])
    stranger = Client(app, environ={"REMOTE_ADDR": "198.51.100.1"})
    assert stranger.get("/", headers=forwarded).text == "shop.example 0"
    proxy = Client(app, environ={"REMOTE_ADDR": "192.0.2.9"})
    assert proxy.get("/", headers=forwarded).text == "www.shop.example 0"
    hostile = {**forwarded, "X-Forwarded-Host": "evil.example"}
    assert proxy.get("/", headers=hostile).status_code == 400


def test_names_that_were_seen_do_not_pile_up() -> None:
    app = build(ALLOWED_HOSTS=[".shop.example"])
    client = Client(app)
    for number in range(1100):
        assert client.get("/", headers={"Host": f"s{number}.shop.example"}).status_code == 200
    assert len(app.app_controller.request_validator._known_hosts) <= 1024


def test_a_url_beyond_the_limit_is_a_414() -> None:
    client = Client(build(MAX_URL_SIZE=100), headers={"Host": "shop.example"})
    assert client.get(f"/?{'q' * 80}").status_code == 200
    assert client.get(f"/?{'q' * 100}").status_code == 414
    assert client.get(f"/{'q' * 100}").status_code == 414


class Counting(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def test_a_body_beyond_the_limit_is_a_413_and_nothing_of_it_is_read() -> None:
    source = Counting(b"x" * 2000)
    client = Client(build(MAX_REQUEST_BODY_SIZE=1000), headers={"Host": "shop.example"})
    answer = client.post("/", environ={"wsgi.input": source, "CONTENT_LENGTH": "2000"})
    assert answer.status_code == 413
    assert source.taken == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "five", "1,000", "²", "9" * 30])
def test_a_length_that_is_not_a_number_is_a_400(length: str) -> None:
    client = Client(build(), headers={"Host": "shop.example"})
    environ = client._environ("POST", "/", b"body", {"Host": "shop.example"})
    environ["CONTENT_LENGTH"] = length
    begun: list[str] = []
    build()(environ, lambda status, headers: begun.append(status))
    assert begun == ["400 Bad Request"]


def test_a_body_that_ends_by_itself_is_read_up_to_the_limit() -> None:
    client = Client(build(MAX_REQUEST_BODY_SIZE=1000), headers={"Host": "shop.example"})

    def send(size: int) -> Any:
        source = io.BytesIO(b"x" * size)
        return client.post("/", environ={"wsgi.input": source, "wsgi.input_terminated": True})

    assert send(1000).text == "shop.example 1000"
    assert send(1001).status_code == 413


def test_without_a_length_there_is_no_body() -> None:
    client = Client(build(), headers={"Host": "shop.example"})
    assert client.post("/", environ={"wsgi.input": io.BytesIO(b"x")}).text == "shop.example 0"


def test_a_body_that_is_shorter_than_it_says_is_a_400() -> None:
    client = Client(build(), headers={"Host": "shop.example"})
    answer = client.post("/", environ={"wsgi.input": io.BytesIO(b"x"), "CONTENT_LENGTH": "5"})
    assert answer.status_code == 400
