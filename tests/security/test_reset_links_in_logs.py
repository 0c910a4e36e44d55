"""Who reads the logs of a server takes no account over: no reset link is in them."""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from lback import Application, Request, Response
from lback.core.routing.patterns import PathPattern
from lback.core.routing.secret_paths import MASK, SecretPaths
from lback.testing import Client
from tests.cli.serving import Running, running

SETTINGS = """
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["lback.accounts"]
DATABASE_URL = "sqlite:///shop.sqlite3"
MAIL_BACKEND = "file"
RATE_LIMITS = ["60 per minute"]
MIDDLEWARES = [
    "lback.middleware.RequestIDMiddleware",
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.RateLimitMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.CSRFMiddleware",
    "lback.middleware.AuthenticationMiddleware",
]
"""
URLS = """
from lback import Request, Response, include, path

def home(request: Request) -> str:
    return "home"

def crash(request: Request, token: str) -> str:
    raise RuntimeError(f"cannot spend {token} of {request!r}, asked as {request.raw_path}")

def halfway(request: Request, token: str) -> Response:
    def chunks():
        yield b"first"
        raise RuntimeError(f"cannot go on with {request!r}")
    return Response(chunks())

urlpatterns = [
    path("/", home, requires_auth=False),
    path("/crash/{token}", crash, ["GET", "POST"], requires_auth=False),
    path("/halfway/{token}", halfway, requires_auth=False),
    include("lback.accounts.urls", "/accounts/"),
]
"""
PREPARE = """
from lback.core.server import build_project_application
app = build_project_application()
app.db_manager.create_tables()
with app.db_manager.session() as session:
    app.user_manager.register(session, "ada", "correct horse battery", "ada@example.org")
"""
ENVIRONMENT = {"ALLOWED_HOSTS": "localhost", "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "urls.py").write_text(URLS)
    variables = {**os.environ, **ENVIRONMENT, "DEBUG": "false"}
    subprocess.run([sys.executable, "-c", PREPARE], cwd=tmp_path, env=variables, check=True)
    return tmp_path


def ask(
    server: Running, method: str, path: str, fields: dict[str, str] | None = None, body: str = ""
) -> tuple[int, str, str]:
    """Return status, page and the cookie of an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request(method, path, body or None, {"Host": "localhost", **(fields or {})})
        response = connection.getresponse()
        cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
        try:
            page = response.read().decode()
        except http.client.HTTPException:
            page = ""
        return response.status, page, cookie


def post(server: Running, path: str, **form: str) -> int:
    """Send a form as a browser does, with the token of its page."""
    _, page, cookie = ask(server, "GET", path)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    fields = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://localhost:{server.port}",
        "Host": f"localhost:{server.port}",
        "Referer": f"http://localhost:{server.port}{path}",
    }
    return ask(server, "POST", path, fields, urlencode({"csrf_token": found[1], **form}))[0]


def link_in_mail(server: Running) -> str:
    """Return the path of the link in the mail that was sent."""
    directory = server.project / "mail"
    server.until(lambda: any(directory.glob("*")))
    text = next(directory.glob("*")).read_text().replace("=\n", "")
    found = re.search(r"http://localhost(?::\d+)?(/accounts/reset/\S+)", text)
    assert found, text
    return found[1]


def wander(server: Running, link: str, token: str) -> list[str]:
    """Open the link in all the ways that leave a line in some log; return the pages."""
    answers = [
        ask(server, method, path, fields)
        for method, path, fields in [
            ("GET", link, {}),
            ("HEAD", link, {}),
            (
                "POST",
                link,
                {"Origin": "https://evil.example", "Referer": f"http://localhost{link}"},
            ),
            ("PUT", link, {}),
            ("OPTIONS", link, {}),
            ("PURGE", link, {}),
            ("GET", f"{link}/", {}),
            ("GET", link.replace("/reset/", "//reset//"), {}),
            ("GET", link.replace("/reset/", "/RESET/"), {}),
            ("GET", link.replace("/reset/", ";v=1/reset/"), {}),
            ("GET", f"{link}%20and%20more", {}),
            ("GET", f"/?token={token}", {}),
            ("GET", f"/?{token}", {}),
            ("GET", f"/?next={quote(link, safe='')}", {}),
            ("GET", "/nowhere", {"Referer": f"http://localhost{link}"}),
            ("POST", "/crash/other-one", {"Referer": f"http://localhost{link}"}),
            ("GET", f"/crash/{token}", {}),
            ("GET", f"/crash/{token}", {"Accept": "application/json"}),
            ("GET", f"/crash/x?next={quote(link)}", {"Referer": f"http://localhost{link}"}),
            ("GET", f"/crash/{token}", {"Host": "evil.example"}),
            ("GET", f"/halfway/{token}", {}),
            *[("GET", link, {})] * 50,
        ]
    ]
    with closing(socket.create_connection(("127.0.0.1", server.port))) as connection:
        connection.sendall(f"GET {link} HTTP/9.9\r\nHost: localhost\r\n\r\n".encode())
        connection.recv(4096)
    with closing(socket.create_connection(("127.0.0.1", server.port))) as connection:
        connection.sendall(f"GET {link} nonsense HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.recv(4096)
    assert {answer[0] for answer in answers} >= {200, 403, 404, 405, 429, 500}
    return [page for _, page, _ in answers if "csrf_token" not in page]


@pytest.mark.parametrize("debug", ["false", "true"])
@pytest.mark.parametrize(
    "command",
    [
        ("serve", "--server", "gunicorn", "--workers", "1", "--force"),
        ("serve", "--server", "granian", "--workers", "1", "--force"),
        ("runserver",),
    ],
    ids=["gunicorn", "granian", "runserver"],
)
def test_a_reset_leaves_no_link_in_the_output(
    shop: Path, command: tuple[str, ...], debug: str
) -> None:
    with running(*command, "--port", "0", cwd=shop, **ENVIRONMENT, DEBUG=debug) as server:
        assert post(server, "/accounts/forgot", email="ada@example.org") == 202
        link = link_in_mail(server)
        token = link.rpartition("/")[2]
        assert len(token) > 20
        assert post(server, link, password="battery staple horse") == 303
        pages = wander(server, link, token)
        server.until(lambda: "/accounts/reset/********" in server.printed)
        server.until(lambda: "429" in server.printed)
    lines = [line for line in server.printed.splitlines() if token in line]
    assert lines == []
    assert [page for page in pages if token in page] == []


def masked(path: str, *patterns: str) -> str:
    paths = SecretPaths()
    for pattern in patterns:
        paths.add(PathPattern(pattern))
    return paths.in_path(path)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/reset/s3cret", f"/reset/{MASK}"),
        ("/reset/s3cret/", f"/reset/{MASK}/"),
        ("//reset//s3cret", f"//reset//{MASK}"),
        ("/u;v=1/7/verify/s3cret", f"/u;v=1/7/verify/{MASK}"),
        ("/u/7/verify;x/s3cret", f"/u/7/verify;x/{MASK}"),
        ("/u%3Bx%2F7%2Fverify%2Fs3cret", f"/u%3Bx%2F7%2Fverify%2F{MASK}"),
        ("/u;/7/verify/s3cret;p=1", f"/u;/7/verify/{MASK}"),
        ("/Reset/s3cret", f"/Reset/{MASK}"),
        ("/en/reset/s3cret", f"/en/reset/{MASK}"),
        ("/reset/form", "/reset/form"),
        ("/page/reset", "/page/reset"),
        ("/u/7/verify/s3cret", f"/u/7/verify/{MASK}"),
        ("/u/7/verify/s3cret/x", f"/u/7/verify/{MASK}/x"),
        ("/F47AC10B-58CC-4372-A567-0E02B2C3D479", f"/{MASK}"),
        ("/reset/./s3cret", f"/reset/./{MASK}"),
        ("/reset/.././s3cret", f"/reset/.././{MASK}"),
        ("/./reset//../s3cret", f"/./reset//../{MASK}"),
        ("/file-7-s3cret.pdf", f"/file-7-{MASK}.pdf"),
    ],
)
def test_a_link_that_no_route_takes_is_masked_too(path: str, shown: str) -> None:
    routes = [
        "/reset/form", "/{rest:path}", "/reset/{token}", "/u/{user_id:int}/verify/{code}",
        "/file-{number:int}-{key}.pdf",
    ]  # fmt: skip
    by_id = ["/{token:uuid}"]
    patterns = by_id if path.startswith("/F47AC") else routes
    assert masked(path, *patterns) == shown


@pytest.fixture
def app(caplog: pytest.LogCaptureFixture) -> Iterator[Application]:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL="sqlite://")
    yield app
    app.db_manager.dispose()


def test_what_an_own_formatter_writes_has_no_link(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    def view(request: Request, token: str) -> Response:
        raise ValueError("away")

    app.add_route("/invite/{token}", view, requires_auth=False)
    with caplog.at_level("DEBUG"):
        client = Client(app)
        for method in ("GET", "DELETE", "POST"):
            client.request(method, "/invite/an-invitation-of-ada")
        client.get("/invite/an-invitation-of-ada/")
    assert "/invite/********" in caplog.text
    assert "an-invitation-of-ada" not in caplog.text


def test_a_hostile_path_is_masked_in_one_pass() -> None:
    paths = SecretPaths()
    for index in range(20):
        paths.add(PathPattern(f"/a/{{x}}/b/{{y}}/reset{index}/{{token}}"))
    for hostile in (
        "/" * 8000,
        "/a/x/b" * 1500,
        "%2F" * 3000,
        "/a" * 4000,
        "/a/" + "x" * 8000,
        ";" * 8000,
    ):
        assert MASK not in paths.in_path(hostile)
