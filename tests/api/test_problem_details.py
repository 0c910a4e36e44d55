"""Errors as problem details (RFC 9457): for typed views, below API_PREFIXES, and where set."""

from typing import Annotated, Any

import msgspec
import pytest

from lback import (
    Application,
    BadRequest,
    Forbidden,
    HTTPException,
    NotFound,
    Request,
    ServerError,
    SimpleMiddleware,
    ValidationError,
)
from lback.api import Cookie, InvalidInput, Problem
from lback.core.exceptions import ServiceUnavailable
from lback.middleware import RequestIDMiddleware
from lback.testing import Client, ClientResponse

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROBLEM = "application/problem+json"


class Out(msgspec.Struct):
    id: int


def build(**settings: Any) -> Application:
    return Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["testserver", "localhost"],
        **settings,
    )


def raising(error: Exception, *, typed: bool = True, **settings: Any) -> Client:
    app = build(**settings)

    def typed_view(request: Request) -> Out:
        raise error

    def plain_view(request: Request) -> str:
        raise error

    app.add_route(
        "/api/it", typed_view if typed else plain_view, ["GET"], "it", requires_auth=False
    )
    return Client(app)


def members(response: ClientResponse) -> dict[str, Any]:
    assert response.headers["content-type"] == PROBLEM
    found: dict[str, Any] = response.json()
    assert found["status"] == response.status_code  # RFC 9457 section 3.1.2
    return found


def test_rfc_9457_section_3_1_members() -> None:
    error = Problem(
        403,
        type="https://example.com/probs/out-of-credit",
        title="You do not have enough credit.",
        detail="Your current balance is 30, but that costs 50.",
        balance=30,
    )
    found = members(raising(error).get("/api/it"))
    assert found == {
        "type": "https://example.com/probs/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "Your current balance is 30, but that costs 50.",
        "balance": 30,
    }


def test_rfc_9457_section_4_2_1_about_blank_has_the_phrase_of_the_status_as_title() -> None:
    found = members(raising(NotFound()).get("/api/it"))
    assert found == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_rfc_9457_section_3_1_5_the_instance_is_the_request_id() -> None:
    client = raising(NotFound())
    client.application.add_middleware(RequestIDMiddleware)  # type: ignore[attr-defined]
    response = client.get("/api/it")
    request_id = response.headers["x-request-id"]
    assert members(response)["instance"].replace("-", "") == f"urn:uuid:{request_id}"


def test_rfc_9457_section_3_2_extensions() -> None:
    with pytest.raises(ValueError, match="'instance' of a problem cannot be set"):
        Problem(400, instance="urn:x")
    assert members(raising(Problem(409, retry=True)).get("/api/it"))["retry"] is True


@pytest.mark.parametrize("status", [200, 399, 600, "404"])
def test_a_problem_is_an_error(status: Any) -> None:
    with pytest.raises(ValueError, match="from 400 to 599"):
        Problem(status)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (BadRequest("Send less."), 400, "Send less."),
        (Forbidden("Not yours."), 403, "Not yours."),
        (HTTPException("Taken.", 409), 409, "Taken."),
        (HTTPException("Changed.", 412), 412, "Changed."),
        (HTTPException("Send If-Match.", 428), 428, "Send If-Match."),
    ],
)
def test_http_exceptions_are_problems(error: Exception, status: int, detail: str) -> None:
    found = members(raising(error).get("/api/it"))
    assert (found["status"], found["detail"]) == (status, detail)


def test_validation_errors_of_forms_name_their_fields() -> None:
    error = ValidationError({"title": ["is required", "is short"], "a/b": ["is wrong"]})
    found = members(raising(error).get("/api/it"))
    assert found["status"] == 422
    assert found["errors"] == [
        {"pointer": "/title", "detail": "is required", "code": "invalid"},
        {"pointer": "/title", "detail": "is short", "code": "invalid"},
        {"pointer": "/a~1b", "detail": "is wrong", "code": "invalid"},
    ]


def test_other_data_of_an_exception_is_kept() -> None:
    error = HTTPException("Taken.", 409, data={"by": "Emma"})
    assert members(raising(error).get("/api/it"))["details"] == {"by": "Emma"}


def test_header_fields_of_the_exception_are_sent() -> None:
    response = raising(HTTPException("Slower.", 429, headers={"Retry-After": "7"})).get("/api/it")
    assert (members(response)["status"], response.headers["retry-after"]) == (429, "7")
    assert raising(ServiceUnavailable()).get("/api/it").headers["retry-after"] == "5"


@pytest.mark.parametrize("error", [RuntimeError("secret"), ServerError("secret")])
def test_a_500_gives_no_detail(error: Exception) -> None:
    response = raising(error).get("/api/it")
    assert members(response) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }


def test_a_problem_of_500_keeps_its_title_and_extensions_and_no_detail() -> None:
    found = members(raising(Problem(503, title="Closed", detail="secret", until=9)).get("/api/it"))
    assert found == {"type": "about:blank", "title": "Closed", "status": 503, "until": 9}


def test_405_has_every_method() -> None:
    app = build()

    def show(request: Request) -> Out:
        return Out(1)

    app.add_route("/it", show, ["GET"], "a", requires_auth=False)
    app.add_route("/it", show, ["PUT"], "b", requires_auth=False)
    response = Client(app).post("/it")
    assert members(response)["title"] == "Method Not Allowed"
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, PUT"


class TestWhere:
    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", PROBLEM, "image/png"])
    def test_programs_get_problems(self, accept: str | None) -> None:
        headers = {"Accept": accept} if accept else {}
        response = raising(NotFound(), typed=False, API_PREFIXES=["/api/"]).get(
            "/api/it", headers=headers
        )
        assert members(response)["status"] == 404
        assert response.headers["vary"] == "Accept"

    @pytest.mark.parametrize("accept", [HTML, "text/html", "text/html, application/json;q=0.9"])
    def test_browsers_get_pages(self, accept: str) -> None:
        response = raising(NotFound()).get("/api/it", headers={"Accept": accept})
        assert response.headers["content-type"].startswith("text/html")

    def test_paths_below_a_prefix_without_a_view(self) -> None:
        client = Client(build(API_PREFIXES=["/api/"]))
        assert members(client.get("/api/nothing"))["status"] == 404
        assert client.get("/other").headers["content-type"].startswith("text/html")

    def test_plain_views_keep_the_envelope(self) -> None:
        response = raising(Forbidden("No."), typed=False).get(
            "/api/it", headers={"Accept": "application/json"}
        )
        assert response.json() == {"data": {"error": "No.", "details": None}}

    def test_a_setting_gives_plain_views_problems_too(self) -> None:
        response = raising(Forbidden("No."), typed=False, PROBLEM_DETAILS=True).get("/api/it")
        assert members(response)["detail"] == "No."

    def test_a_problem_is_one_everywhere(self) -> None:
        response = raising(Problem(409, detail="Taken."), typed=False).get("/api/it")
        assert members(response)["detail"] == "Taken."

    def test_exception_handlers_of_the_project_come_first(self) -> None:
        client = raising(NotFound())

        def handle(request: Request, error: Exception) -> str:
            return "mine"

        client.application.add_exception_handler(404, handle)  # type: ignore[attr-defined]
        assert client.get("/api/it").text == "mine"

    def test_a_prefix_is_a_path(self) -> None:
        with pytest.raises(Exception, match=r"API_PREFIXES.*'api/' is not a path; write '/api/'"):
            Client(build(API_PREFIXES=["api/"])).get("/")


def test_invalid_input_raised_by_a_view() -> None:
    error = InvalidInput(
        [{"parameter": "page", "in": "query", "detail": "Too large.", "code": "range"}]
    )
    found = members(raising(error).get("/api/it"))
    assert found["errors"] == error.errors
    assert found["detail"] == "The input is invalid."
    page = raising(error).get("/api/it", headers={"Accept": HTML})
    assert "page: Too large." in page.text


class TestBeforeTheView:
    @pytest.fixture
    def client(self) -> Client:
        class Limiting(SimpleMiddleware):
            def process_request(self, request: Request) -> None:
                if "slow" in request.query_params:
                    raise HTTPException("Too many.", 429, headers={"Retry-After": "3"})

        app = build(MAX_REQUEST_BODY_SIZE=100, MAX_COOKIE_SIZE=50)
        app.add_middleware(Limiting())

        def create(out: Out, theme: Annotated[str, Cookie()] = "") -> Out:
            return out

        app.add_route("/", create, ["POST"], "create", requires_auth=False)
        app.add_route("/closed", create, ["POST"], "closed")
        return Client(app)

    def test_rate_limits(self, client: Client) -> None:
        answer = client.post("/?slow=1", json={"id": 1})
        assert (members(answer)["status"], answer.headers["retry-after"]) == (429, "3")

    def test_sizes(self, client: Client) -> None:
        assert members(client.post("/", json={"id": 1, "x": "y" * 200}))["status"] == 413
        client.cookies = {"theme": "x" * 100}
        assert members(client.post("/", json={"id": 1}))["status"] == 431

    def test_sign_in(self, client: Client) -> None:
        answer = client.post("/closed", json={"id": 1})
        assert members(answer)["status"] == 401
        # RFC 9110 section 15.5.2: a 401 names a scheme.
        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_names_of_the_client_do_not_break_lines_of_the_log(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Strict(msgspec.Struct, forbid_unknown_fields=True):
            id: int

        def create(strict: Strict) -> str:
            return ""

        app = build()
        app.add_route("/", create, ["POST"], requires_auth=False)
        with caplog.at_level("INFO"):
            answer = Client(app).post("/", json={"id": 1, "a\nERROR forged": 1})
        assert answer.json()["errors"][0]["pointer"] == "/a\nERROR forged"
        assert "\nERROR" not in "".join(caplog.messages)


def test_debug_gives_no_detail_of_a_500_to_programs_either() -> None:
    app = Application(DEBUG=True, API_PREFIXES=["/"])

    def fail(request: Request) -> str:
        raise RuntimeError("secret")

    app.add_route("/", fail, ["GET"], requires_auth=False)
    assert "secret" not in Client(app).get("/").text
