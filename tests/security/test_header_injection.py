"""Header injection (class 7): whatever a view puts into a header, it stays in its line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lback import (
    Application,
    FileResponse,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    Unauthorized,
    redirect,
)
from lback.testing import Client

EVIL = [
    "x\r\nX-Injected: yes", "x\nX-Injected: yes", "x\rX-Injected: yes", "x\x00X-Injected: yes",
    "x\r\n\r\n<script>", "x\x0bX-Injected: yes", "x\x0c", "x\x85X-Injected: yes",
    "\r\nX-Injected: a",

    "x\u2028X-Injected: yes", "x\u560d\u560aX-Injected: yes", "x\x7f", "é\r\n", "\n", "x\x1b[0m",
]  # fmt: skip


def assigned(evil: str) -> Response:
    response = Response("x")
    response.headers["X-A"] = evil
    return response


def appended(evil: str) -> Response:
    response = Response("x")
    response.headers.append("X-A", evil)
    return response


def named(evil: str) -> Response:
    response = Response("x")
    response.headers[evil] = "a"
    return response


def retyped(evil: str) -> Response:
    response = Response("x")
    response.content_type = evil
    return response


def cookie(**attributes: Any) -> Response:
    response = Response("x")
    response.set_cookie(**{"name": "a", "value": "b", **attributes})
    return response


def cookie_deleted(evil: str) -> Response:
    response = Response("x")
    response.delete_cookie(evil, path=evil)
    return response


def raised(evil: str, kind: type[HTTPException]) -> Response:
    raise kind("no", headers={"WWW-Authenticate": evil})


def message(evil: str) -> Response:
    raise HTTPException(evil, 400, headers={"X-A": "fine"})


def varied(evil: str) -> Response:
    response = Response("x")
    response.headers.add_vary(evil)
    return response


PLACES: dict[str, Callable[[str], Any]] = {
    "value": lambda evil: Response("x", 200, {"X-A": evil}),
    "one of several values": lambda evil: Response("x", 200, {"X-A": ["fine", evil]}),
    "name": lambda evil: Response("x", 200, {evil: "a"}),
    "assigned": assigned,
    "appended": appended,
    "name assigned": named,
    "content type": lambda evil: Response("x", content_type=evil),
    "content type in headers": lambda evil: Response("x", 200, {"Content-Type": evil}),
    "content type assigned": retyped,
    "stream type": lambda evil: StreamingResponse(iter(["x"]), content_type=evil),
    "html": lambda evil: HTMLResponse("x", 200, {"X-A": evil}),
    "json": lambda evil: JSONResponse({}, 200, {"X-A": evil}),
    "tuple": lambda evil: ("x", 200, {"X-A": evil}),
    "redirect": redirect,
    "redirect header": lambda evil: RedirectResponse("/", 302, {"X-A": evil}),
    "redirect query": lambda evil: redirect(f"/a?next={evil}"),
    "cookie name": lambda evil: cookie(name=evil),
    "cookie value": lambda evil: cookie(value=evil),
    "cookie path": lambda evil: cookie(path=evil),
    "cookie domain": lambda evil: cookie(domain=evil),
    "cookie samesite": lambda evil: cookie(samesite=evil),
    "cookie deleted": cookie_deleted,
    "header of an error": lambda evil: raised(evil, HTTPException),
    "header of a 401": lambda evil: raised(evil, Unauthorized),
    "message of an error": message,
    "vary": varied,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: repr(evil[:6]))
def test_nothing_breaks_out_of_its_line(
    place: str, evil: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Application(DEBUG=True, MIDDLEWARES=["lback.middleware.SecurityHeadersMiddleware"])
    app.add_route("/", lambda request: PLACES[place](evil), requires_auth=False)
    answer = Client(app).get("/")
    for name, value in answer.header_list:
        assert name.isascii()
        assert name.isprintable()
        assert name.lower() != "x-injected"
        value.encode("latin-1")
        assert not any(ord(char) < 32 or ord(char) == 127 for char in value), (name, value)
    assert answer.status_code in (200, 302, 400, 401, 500)


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: repr(evil[:6]))
def test_the_name_of_a_file_stays_in_its_line(tmp_path: Path, evil: str) -> None:
    file = tmp_path / "file.txt"
    file.write_text("content")
    app = Application(DEBUG=True, MIDDLEWARES=[])

    def download(request: Request) -> Response:
        return FileResponse(str(file), filename=f'{evil}"; filename="evil.exe')

    app.add_route("/", download, requires_auth=False)
    answer = Client(app).get("/")
    assert not [name for name, _ in answer.header_list if name.lower() == "x-injected"]
    for _, value in answer.header_list:
        assert not any(ord(char) < 32 or ord(char) == 127 for char in value)
    if answer.status_code == 200:
        disposition = answer.headers["content-disposition"]
        assert disposition.replace('\\"', "").count('filename="') <= 1


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: repr(evil[:6]))
def test_what_a_client_sends_is_reflected_into_no_header(evil: str) -> None:
    app = Application(
        DEBUG=True,
        CORS_ORIGINS=["*"],
        TRUSTED_PROXIES=["127.0.0.1"],
        MIDDLEWARES=["lback.middleware.CORSMiddleware", "lback.middleware.RequestIDMiddleware"],
    )
    app.add_route("/", lambda request: "x", requires_auth=False)
    wire = evil.encode().decode("latin-1")
    fields = ("HTTP_ORIGIN", "HTTP_X_REQUEST_ID", "HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    for method in ("GET", "OPTIONS"):
        answer = Client(app, environ=dict.fromkeys(fields, wire)).request(method, "/")
        assert not any("Injected" in name + value for name, value in answer.header_list)
