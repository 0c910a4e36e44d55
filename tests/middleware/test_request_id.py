"""Request ids: one for each request, believed from proxies alone, and in every log line."""

import logging
import re
from typing import Any

import pytest

from lback import Application, Request
from lback.middleware import RequestIDFilter
from lback.testing import Client

OURS = re.compile(r"[0-9a-f]{32}").fullmatch


def build(**settings: Any) -> Application:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=["lback.middleware.RequestIDMiddleware"],
        **settings,
    )
    app.add_route("/", lambda request: str(request.get_context("request_id")), requires_auth=False)
    return app


def test_each_request_has_an_id_that_the_answer_tells() -> None:
    client = Client(build())
    answers = [client.get("/") for _ in range(3)]
    assert len({answer.text for answer in answers}) == 3
    for answer in answers:
        assert OURS(answer.text)
        assert answer.headers["x-request-id"] == answer.text


def test_a_stranger_does_not_choose_it() -> None:
    answer = Client(build()).get("/", headers={"X-Request-ID": "mine"})
    assert OURS(answer.text)


@pytest.mark.parametrize("sent", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "a.b:c_d"])
def test_a_trusted_proxy_chooses_it(sent: str) -> None:
    client = Client(build(TRUSTED_PROXIES=["127.0.0.1"]))
    assert client.get("/", headers={"X-Request-ID": sent}).text == sent


@pytest.mark.parametrize("sent", ["", "a b", "a\tb", "<b>", "é", "x" * 129, '"', "a;b"])
def test_invalid_id_is_replaced(sent: str) -> None:
    client = Client(build(TRUSTED_PROXIES=["127.0.0.1"]))
    sent = sent.encode().decode("latin-1")
    assert OURS(client.get("/", headers={"X-Request-ID": sent}).text)


def test_log_lines_carry_it(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test.request_id")
    app = build()

    def view(request: Request) -> str:
        logger.warning("inside")
        return str(request.get_context("request_id"))

    app.add_route("/log", view, requires_auth=False)
    caplog.handler.addFilter(RequestIDFilter())
    inside = Client(app).get("/log").text
    logger.warning("outside")
    ids = [getattr(r, "request_id", None) for r in caplog.records if r.name == logger.name]
    assert ids == [inside, "-"]


def test_a_request_that_was_refused_before_has_none() -> None:
    answer = Client(build()).get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "x-request-id" not in answer.headers
