"""The access log: one line for each answer; what it must not hold is in tests/security."""

import logging
import re
from typing import Any

import pytest

from lback import Application, NotFound, Request
from lback.testing import Client


def build(**settings: Any) -> Application:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=[
            "lback.middleware.AccessLogMiddleware",
            "lback.middleware.RequestIDMiddleware",
        ],
        **settings,
    )
    app.add_route("/", lambda request: "home", requires_auth=False)
    app.add_route("/gone", gone, requires_auth=False)
    app.add_route("/fails", fails, requires_auth=False)
    return app


def gone(request: Request) -> str:
    raise NotFound


def fails(request: Request) -> str:
    raise RuntimeError("boom")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "lback.access"]


def test_each_answer_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(build())
    with caplog.at_level(logging.INFO):
        for path in ("/", "/gone", "/fails"):
            client.get(path, query={"token": "x"})
    shapes = [re.sub(r"\d+\.\dms [0-9a-f]{32}", "…", line) for line in lines(caplog)]
    assert shapes == [
        "127.0.0.1 GET / 200 …",
        "127.0.0.1 GET /gone 404 …",
        "127.0.0.1 GET /fails 500 …",
    ]


def test_a_request_refused_at_the_door_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Client(build()).get("/", headers={"Host": "evil.example"})
    assert lines(caplog) == ["127.0.0.1 GET / 400 0.0ms -"]


def test_nothing_is_made_that_no_one_reads(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lback.access"):
        Client(build()).get("/")
    assert lines(caplog) == []


def test_the_client_is_the_one_a_trusted_proxy_tells_of(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(build(TRUSTED_PROXIES=["unix"]), environ={"REMOTE_ADDR": ""})
    with caplog.at_level(logging.INFO):
        client.get("/", headers={"X-Forwarded-For": "203.0.113.7"})
        client.get("/", headers={"X-Forwarded-For": "<script>"})
    assert [line.split(" ")[0] for line in lines(caplog)] == ["203.0.113.7", "-"]
