"""Log injection (class 21): no request starts a new log line, and no secret is in one."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from lback import Application, Config, NotFound, Request, Response
from lback.core import setup_logging
from lback.testing import Client

EVIL = "a\r\nFAKE line\n\x1b[31mred\x1b[0m\u2028\u2029\x85\x0b\x0c\x00"
SECRET = "s3cret-of-a-visitor"
SECRETS = {
    "Authorization": f"Bearer {SECRET}",
    "Cookie": f"session={SECRET}; csrf_token={SECRET}",
    "X-CSRF-Token": SECRET,
    "X-Api-Key": SECRET,
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the handler of Lback writes, at the most talkative level."""
    config = Config(None, settings={"LOGGING_LEVEL": "DEBUG"})
    setup_logging(config)
    text = io.StringIO()
    handler = next(h for h in logging.getLogger().handlers if h.get_name() == "lback")
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(text)
    yield text
    handler.setStream(io.StringIO())


def build(session_middleware: Any, **settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": False,
            "SECRET_KEY": SECRET + "-key-of-the-application",
            "ALLOWED_HOSTS": ["localhost"],
            "RATE_LIMITS": ["1000/second"],
            "MIDDLEWARES": [
                "lback.middleware.AccessLogMiddleware",
                "lback.middleware.RequestIDMiddleware",
                "lback.middleware.SecurityHeadersMiddleware",
                "lback.middleware.CORSMiddleware",
                "lback.middleware.RateLimitMiddleware",
                "lback.middleware.BodyParsingMiddleware",
            ],
            "CORS_ORIGINS": ["https://app.example"],
            **settings,
        }
    )
    app.add_middleware(session_middleware)
    app.add_route("/reset/{token}", refuses, ["GET", "POST"], requires_auth=False)
    app.add_route("/{rest:path}", fails, ["GET", "POST", "PURGE"], requires_auth=False)
    return app


def fails(request: Request, rest: str) -> Response:
    if "crash" in request.query_params:
        raise RuntimeError(f"could not read {rest}")
    raise NotFound(f"no {rest}")


def refuses(request: Request, token: str) -> Response:
    if "crash" in request.query_params:
        raise RuntimeError("the database is away")
    raise NotFound("no such link")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("crash", ["", "crash"])
@pytest.mark.parametrize("place", ["path", "query", "user-agent", "referer", "forwarded", "method"])
def test_no_request_starts_a_line_of_its_own(
    log: io.StringIO, session_middleware: Any, place: str, crash: str, debug: bool
) -> None:
    app = build(session_middleware, DEBUG=debug, TRUSTED_PROXIES=["127.0.0.1"])
    wire = EVIL.encode().decode("latin-1")
    environ = {
        "path": {"PATH_INFO": f"/{wire}"},
        "query": {"QUERY_STRING": f"{crash}&a={wire}"},
        "user-agent": {"HTTP_USER_AGENT": wire},
        "referer": {"HTTP_REFERER": wire, "HTTP_ORIGIN": wire},
        "forwarded": {
            "HTTP_X_FORWARDED_FOR": wire,
            "HTTP_X_REQUEST_ID": wire,
            "HTTP_X_FORWARDED_HOST": wire,
        },
        "method": {"REQUEST_METHOD": f"GET{wire}"},
    }[place]
    answer_to(app, {"QUERY_STRING": crash, **environ})
    written = log.getvalue()
    assert written
    for control in "\r\x1b\u2028\u2029\x85\x0b\x0c\x00":
        assert control not in written
    # The lines of a traceback are indented, so that none passes for a record.
    assert not [line for line in written.splitlines() if line.startswith("FAKE")]


@pytest.mark.parametrize(
    "hidden",
    ["\u061c", "\u200b", "\u200d", "\u2060", "\ufeff", "\u180e", "\xad", "\ud800", "\udfff",
     "\ufff9", "\u206a", "\U000e0041"],
    ids=ascii,
)  # fmt: skip
def test_what_is_not_seen_in_a_line_is_spelt(log: io.StringIO, hidden: str) -> None:
    logging.getLogger("shop").info("order of %s", f"ada{hidden}")
    assert log.getvalue().strip().endswith("order of ada" + ascii(hidden)[1:-1])
    log.getvalue().encode()  # a stream that cannot write a surrogate would lose the line


def answer_to(app: Application, variables: dict[str, Any]) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        **variables,
    }
    body = app(environ, lambda status, headers: None)
    b"".join(body)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("crash", ["", "crash"])
def test_no_secret_of_a_request_is_logged_at_any_level(
    log: io.StringIO, session_middleware: Any, crash: str, debug: bool
) -> None:
    client = Client(build(session_middleware, DEBUG=debug), headers=SECRETS)
    query = {"password": SECRET, "token": SECRET, "code": SECRET, **({crash: "1"} if crash else {})}
    client.get("/page", query=query)
    client.post("/page", query=query, data={"password": SECRET, "note": SECRET})
    client.post("/page", query=query, json={"password": SECRET})
    client.get(f"/reset/{SECRET}", query=query)
    written = log.getvalue()
    assert "/page" in written
    assert "/reset/********" in written
    assert SECRET not in written


def test_no_setting_is_logged(log: io.StringIO, session_middleware: Any) -> None:
    # The applications of a process share what they know of a server: no other test names this one.
    url = f"redis://:{SECRET}@127.0.0.2:1/0"
    caches = {"default": {"backend": "redis", "url": url}}
    app = build(session_middleware, CACHES=caches, REDIS_URL=url)
    assert Client(app).get("/page").status_code == 404
    assert "rate limits count in each worker" in log.getvalue()
    assert SECRET not in log.getvalue()
    assert SECRET not in repr(app.config)
