"""Path confusion (class 10): only the path of a view leads to it, however it is dressed up."""

from typing import Any

import pytest

from lback import Application, Request
from lback.testing import Client

DRESSED = [
    "/admin;x", "/admin;", ";/admin", "//host/admin", "///admin", "//admin", "/ad\nmin", "/admin\n",
    "/admin\r", "/admin\r\n", "\n/admin", "/admin?x", "/admin#x", "/admin/", "/admin//", "/admin/.",
    "/./admin", "/x/../admin", "/../admin", "/admin\x00", "/admin\x00.html", "/admin ", " /admin",
    "/admin\t", "/Admin", "/ADMIN", "/admin%20", "/%61dmin", "/admin%2f", "/admin%00", "\\admin",
    "/x\\..\\admin", "/admin.html", "/admin.", "/admin\u200b", "/\uff41dmin", "/admin\u0131",
    "admin",
    "http://localhost/admin", "/admin&x", "/admin=x", "/a\u0301dmin", "/admin\x7f",
     "/admin\x85",
    "/admin\u2028",
]  # fmt: skip


def build() -> Application:
    app = Application(
        DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"], MIDDLEWARES=[]
    )
    app.add_route("/admin", lambda request: "ADMIN", requires_auth=False)
    app.add_route("/files/{name}", lambda request, name: f"<{name}>", requires_auth=False)
    return app


def answer_of(app: Application, decoded: str, script_name: str = "") -> Any:
    """Ask for a path that the server has decoded already, as PEP 3333 hands it over."""
    wire = decoded.encode().decode("latin-1")
    return Client(app, environ={"PATH_INFO": wire, "SCRIPT_NAME": script_name}).get("/")


def test_the_path_itself_leads_there() -> None:
    assert answer_of(build(), "/admin").text == "ADMIN"


@pytest.mark.parametrize("path", DRESSED, ids=repr)
def test_no_other_path_does(path: str) -> None:
    # The validator of the client wants paths to begin with a slash; a server need not.
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path.encode().decode("latin-1"),
        "HTTP_HOST": "localhost",
    }
    begun: list[str] = []
    body = b"".join(build()(environ, lambda status, headers: begun.append(status)))
    assert b"ADMIN" not in body
    assert begun[0][:3] in ("400", "404")


@pytest.mark.parametrize("path", ["/files/a/b", "/files/", "/files", "/files/a/", "/files//a"])
def test_a_variable_is_one_segment(path: str) -> None:
    assert answer_of(build(), path).status_code == 404


def test_a_variable_is_what_was_sent_once_decoded() -> None:
    for name in ("a;b", "a%2fb", "..", "a?b", "a#b", "%00", "a b", "é"):
        text = answer_of(build(), f"/files/{name}").text
        assert text == f"<{name}>"


def test_octets_that_are_not_text_are_a_400() -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/files/\xff\xfe", "HTTP_HOST": "localhost"}
    begun: list[str] = []
    b"".join(build()(environ, lambda status, headers: begun.append(status)))
    assert begun == ["400 Bad Request"]


def test_a_guard_that_looks_at_the_path_sees_what_the_router_sees() -> None:
    class Guard:
        def process_request(self, request: Request) -> Any:
            if request.path.startswith("/admin"):
                return build().error_handler.handle_403(request)
            return None

        def process_response(self, request: Request, response: Any) -> Any:
            return response

    app = build()
    app.add_middleware(Guard())
    assert answer_of(app, "/admin").status_code == 403
    for path in DRESSED:
        if path.startswith("/"):
            assert "ADMIN" not in answer_of(app, path).text
