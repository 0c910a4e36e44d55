"""`mcp_endpoint`: operations as tools of the Model Context Protocol (revision 2026-07-28)."""

from base64 import b64encode
from collections.abc import Collection, Iterator
from typing import Annotated, Any

import msgspec
import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, NotFound, Request, Response
from lback.api import (
    Cookie,
    Event,
    File,
    Header,
    ModelStruct,
    Query,
    Resource,
    describe,
    mcp_endpoint,
)
from lback.auth import permission_required
from lback.core.exceptions import ConfigurationError
from lback.core.types import UploadedFile
from lback.database import Base
from lback.testing import Client, ClientResponse
from lback.users import User, define_role

VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"


class Plant(Base):
    __tablename__ = "mcp_plants"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


class PlantOut(ModelStruct, model=Plant):
    """A plant of the garden."""


class PlantIn(ModelStruct, model=Plant, for_create=True, exclude=("id",)):
    """A new plant."""


class Plants(Resource):
    model = Plant
    read = PlantOut
    create = PlantIn
    mcp = ("list", "create", "delete")


class Order(msgspec.Struct):
    title: str
    copies: Annotated[int, msgspec.Meta(ge=1)] = 1


class Receipt(msgspec.Struct):
    number: int
    text: str


@describe(mcp=True)
def order(
    request: Request,
    shop: str,
    body: Order,
    urgent: bool = False,
    tags: Annotated[tuple[str, ...], Query()] = (),
    trace: Annotated[str, Header(alias="X-Trace")] = "",
) -> Receipt:
    """Order a book.

    The receipt has a number.
    """
    text = f"{body.copies} {body.title} from {shop} {urgent} {list(tags)} {trace}".strip()
    return Receipt(7, text)


@describe(mcp=True)
@permission_required("garden.dig")
def dig(request: Request) -> str:
    """Dig a hole."""
    return "dug"


def secret(request: Request, shop: str) -> Receipt:
    """Not offered to programs."""
    return Receipt(1, "secret")


@describe(mcp=True)
def broken(request: Request) -> Receipt:
    raise RuntimeError("the password is swordfish")


@describe(mcp=True)
def sums(numbers: Annotated[list[int], Query()]) -> int:
    """Add numbers up."""
    return sum(numbers)


@describe(mcp=True)
def picture(request: Request) -> Response:
    return Response(b"\x89PNG", 200, None, "image/png")


@describe(mcp=True)
def endless(request: Request) -> Response:
    return Response("x" * (1024 * 1024 + 1), 200, None, "text/plain")


@describe(mcp=True)
def gone(request: Request, shop: str) -> Receipt:
    raise NotFound("This shop has closed.")


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL="sqlite://",
        API_TITLE="Garden",
    )
    app.db_manager.create_tables(Base.metadata)
    app.add_route("/mcp", mcp_endpoint, ["POST"])
    app.add_route("/shops/{shop}/orders", order, ["POST"], "order", requires_auth=False)
    app.add_route("/shops/{shop}/orders/secret", secret, ["POST"], "secret", requires_auth=False)
    app.add_route("/shops/{shop}/closed", gone, ["GET"], "gone", requires_auth=False)
    app.add_route("/dig", dig, ["POST"], "dig")
    app.add_route("/broken", broken, ["GET"], "broken")
    app.add_route("/sums", sums, ["GET"], "sums")
    app.add_route("/picture", picture, ["GET"], "picture")
    app.add_route("/endless", endless, ["GET"], "endless")
    for pattern, view, methods, name, requires_auth in Plants.routes("/plants"):
        app.add_route(pattern, view, methods, name, requires_auth)
    yield app
    app.db_manager.dispose()


PERMISSIONS = ("garden.dig", "plant.view", "plant.add", "plant.delete")


def key_of(app: Application, name: str = "ada", permissions: Collection[str] = ()) -> str:
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        user = app.user_manager.register(session, name, "correct horse battery")
        user.roles = [define_role(session, name, permissions)]
        key: str = keys.create(session, user, "tests")[0]
    return key


class Caller:
    """A client of the protocol; keyword arguments change a message before it is sent."""

    def __init__(self, app: Application, key: str = "") -> None:
        self.client = Client(app, enforce_csrf=True)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def send(
        self, method: str, headers: dict[str, str] | None = None, **params: Any
    ) -> ClientResponse:
        fields = {"MCP-Protocol-Version": VERSION, "Mcp-Method": method}
        if "name" in params:
            fields["Mcp-Name"] = params["name"]
        meta = {f"{META}protocolVersion": VERSION, f"{META}clientCapabilities": {}}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}
        sent = {**self.headers, **fields, **(headers or {})}
        return self.client.post("/mcp", json=message, headers=sent)

    def result(self, method: str, **params: Any) -> dict[str, Any]:
        response = self.send(method, **params)
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()["result"]
        assert result["resultType"] == "complete"
        return result

    def tools(self) -> dict[str, dict[str, Any]]:
        return {tool["name"]: tool for tool in self.result("tools/list")["tools"]}

    def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        return self.result("tools/call", name=name, arguments=arguments)


def text_of(result: dict[str, Any]) -> str:
    return "\n".join(item["text"] for item in result["content"])


def code_of(response: ClientResponse, status: int = 400) -> int:
    assert response.status_code == status, response.text
    code: int = response.json()["error"]["code"]
    return code


def test_the_endpoint_is_closed_to_visitors(app: Application) -> None:
    refused = Caller(app).send("tools/list")
    assert refused.status_code == 401
    assert "bearer" in refused.headers["www-authenticate"].lower()


def test_discover_tells_version_and_capabilities(app: Application) -> None:
    found = Caller(app, key_of(app)).result("server/discover")
    assert found["supportedVersions"] == [VERSION]
    assert found["capabilities"] == {"tools": {}}
    assert found["_meta"][f"{META}serverInfo"] == {"name": "Garden", "version": "1.0.0"}


def test_only_marked_operations_are_tools(app: Application) -> None:
    tools = Caller(app, key_of(app, permissions=PERMISSIONS)).tools()
    assert set(tools) == {
        *("order", "gone", "dig", "broken", "sums", "picture", "endless"),
        *("plant_list", "plant_create", "plant_delete"),
    }


def test_a_tool_describes_its_arguments_and_its_answer(app: Application) -> None:
    tool = Caller(app, key_of(app)).tools()["order"]
    assert tool["title"] == "Order a book."
    assert tool["description"] == "The receipt has a number."
    schema = tool["inputSchema"]
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"shop", "urgent", "tags", "X-Trace", "title", "copies"}
    assert sorted(schema["required"]) == ["shop", "title"]
    assert schema["additionalProperties"] is False
    assert tool["outputSchema"]["$ref"] == "#/$defs/Receipt"
    assert set(tool["outputSchema"]["$defs"]) == {"Receipt"}
    assert tool["annotations"]["readOnlyHint"] is False


def test_a_call_runs_the_route(app: Application) -> None:
    result = Caller(app, key_of(app)).call(
        "order", shop="the corner/ä", title="Emma", copies=2, urgent=True, tags=["a", "b&c"],
        **{"X-Trace": "t1"},
    )  # fmt: skip
    assert result["isError"] is True  # a slash in a variable would be another path
    result = Caller(app, key_of(app, "eve")).call(
        "order", shop="the corner ä", title="Emma", copies=2, urgent=True, tags=["a", "b&c"],
        **{"X-Trace": "t1"},
    )  # fmt: skip
    assert result["isError"] is False
    expected = "2 Emma from the corner ä True ['a', 'b&c'] t1"
    assert result["structuredContent"] == {"number": 7, "text": expected}


def test_an_argument_cannot_reach_another_route(app: Application) -> None:
    result = Caller(app, key_of(app)).call("order", shop="x/orders/secret?", title="Emma")
    assert text_of(result).startswith("404")


def test_nor_can_a_language_that_is_taken_from_the_path() -> None:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL="sqlite://",
        LANGUAGES=["en", "de"],
        LANGUAGE_PREFIX=True,
    )
    app.db_manager.create_tables(Base.metadata)
    wiped: list[str] = []

    @app.route("/{shop}/{name}", methods=["DELETE"], name="remove", requires_auth=False)
    @describe(mcp=True)
    def remove(shop: str, name: str) -> Receipt:
        return Receipt(1, f"{shop} {name}")

    @app.route("/wipe", methods=["DELETE"], requires_auth=False)
    def wipe() -> dict[str, str]:
        wiped.append("all")
        return {}

    app.add_route("/mcp", mcp_endpoint, ["POST"])
    caller = Caller(app, key_of(app))
    assert caller.call("remove", shop="a", name="b")["isError"] is False
    assert caller.call("remove", shop="de", name="wipe")["isError"] is True
    assert wiped == []
    app.db_manager.dispose()


def test_wrong_arguments_are_told_to_the_model(app: Application) -> None:
    caller = Caller(app, key_of(app))
    invalid = caller.call("order", shop="x", title="Emma", copies=0)
    assert invalid["isError"] is True
    assert "422" in text_of(invalid)
    assert "/copies" in text_of(invalid)
    assert "has no argument 'shp'" in text_of(caller.call("order", shp="x", title="Emma"))
    assert "needs the argument 'shop'" in text_of(caller.call("order", title="Emma"))
    assert "control characters" in text_of(
        caller.call("order", shop="x", title="Emma", **{"X-Trace": "a\r\nCookie: b"})
    )


def test_permissions_are_those_of_the_route(app: Application) -> None:
    caller = Caller(app, key_of(app))
    assert "dig" not in caller.tools()
    refused = caller.call("dig")
    assert refused["isError"] is True
    assert text_of(refused).startswith("403 Forbidden")
    with app.db_manager.session() as session:
        define_role(session, "ada", ["garden.dig"])
    assert "dig" in caller.tools()
    assert text_of(caller.call("dig")) == "dug"


def test_errors_of_a_view_tell_no_secrets(app: Application) -> None:
    caller = Caller(app, key_of(app))
    failed = caller.call("broken")
    assert failed["isError"] is True
    assert "swordfish" not in text_of(failed)
    assert "This shop has closed." in text_of(caller.call("gone", shop="x"))


def test_answers_that_are_not_text_or_too_large(app: Application) -> None:
    caller = Caller(app, key_of(app))
    assert "image/png" in text_of(caller.call("picture"))
    assert "larger than 1048576 bytes" in text_of(caller.call("endless"))


def test_a_body_that_is_a_list_or_a_query_of_numbers(app: Application) -> None:
    result = Caller(app, key_of(app)).call("sums", numbers=[1, 2, 3])
    assert result["structuredContent"] == 6


def test_a_resource_as_tools(app: Application) -> None:
    caller = Caller(app, key_of(app, permissions=PERMISSIONS))
    created = caller.call("plant_create", name="Fern")
    assert created["structuredContent"] == {"id": 1, "name": "Fern"}
    assert "Location: /plants/1" in text_of(created)
    assert "409" in text_of(caller.call("plant_create", name="Fern"))
    assert "Fern" in text_of(caller.call("plant_list"))
    assert text_of(caller.call("plant_delete", id=1)).startswith("204")


def test_a_session_needs_a_csrf_token(app: Application) -> None:
    key_of(app)
    caller = Caller(app)
    with app.db_manager.session() as session:
        caller.client.force_login(session.query(User).one())
    assert caller.send("tools/list").status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:81"])
def test_pages_of_other_origins_are_refused(app: Application, origin: str) -> None:
    caller = Caller(app, key_of(app))
    assert caller.send("tools/list", {"Origin": origin}).status_code == 403
    assert caller.send("tools/list", {"Origin": "http://localhost"}).status_code == 200


def test_messages_that_break_the_protocol(app: Application) -> None:
    caller = Caller(app, key_of(app))
    post = caller.client.post
    assert code_of(post("/mcp", data="{", headers=caller.headers)) == -32700
    bodies: list[object] = [
        [],
        1,
        {"id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": None, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"},
    ]
    for body in bodies:
        assert code_of(post("/mcp", json=body, headers=caller.headers)) == -32600
    assert code_of(post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                        headers=caller.headers)) == -32602  # fmt: skip
    assert code_of(caller.send("tools/list", {"Mcp-Method": "tools/call"})) == -32020
    assert code_of(caller.send("tools/call", {"Mcp-Name": "x"}, name="order")) == -32020
    assert code_of(caller.send("tools/list", {"MCP-Protocol-Version": "2025-11-25"})) == -32020
    assert code_of(caller.send("initialize"), 404) == -32601
    assert code_of(caller.send("tools/call", name="secret")) == -32602
    assert code_of(caller.send("tools/call", name="order", arguments=[])) == -32602
    assert code_of(caller.send("tools/list", cursor="x")) == -32602
    assert code_of(caller.send("tools/list", {"Accept": "text/html"})) == -32600


def test_another_version_is_told_which_one_is_spoken(app: Application) -> None:
    caller = Caller(app, key_of(app))
    meta = {f"{META}protocolVersion": "2099-01-01", f"{META}clientCapabilities": {}}
    response = caller.send("tools/list", {"MCP-Protocol-Version": "2099-01-01"}, _meta=meta)
    assert code_of(response) == -32022
    data = response.json()["error"]["data"]
    assert data == {"supported": [VERSION], "requested": "2099-01-01"}


def test_a_name_in_base64_and_a_notification(app: Application) -> None:
    caller = Caller(app, key_of(app))
    encoded = f"=?base64?{b64encode(b'sums').decode()}?="
    sent = caller.send("tools/call", {"Mcp-Name": encoded}, name="sums", arguments={"numbers": [1]})
    assert sent.json()["result"]["structuredContent"] == 1
    assert code_of(caller.send("tools/call", {"Mcp-Name": "=?base64?!?="}, name="sums")) == -32020
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    fields = {**caller.headers, "MCP-Protocol-Version": VERSION}
    accepted = caller.client.post("/mcp", json=note, headers=fields)
    assert (accepted.status_code, accepted.text) == (202, "")
    assert code_of(caller.client.post("/mcp", json=note, headers=caller.headers)) == -32022


def test_other_methods_are_refused(app: Application) -> None:
    refused = Client(app).get("/mcp")
    assert refused.status_code == 405
    assert "POST" in refused.headers["allow"]


def upload(picture: Annotated[UploadedFile, File()]) -> Receipt:
    return Receipt(1, picture.filename)


def watch() -> Iterator[Event[Receipt]]:
    yield Event(Receipt(1, "x"))


def remembered(theme: Annotated[str, Cookie()]) -> Receipt:
    return Receipt(1, theme)


@pytest.mark.parametrize(
    ("view", "methods", "problem"),
    [
        (upload, ["POST"], "takes multipart/form-data"),
        (watch, ["GET"], "answers with an event stream"),
        (remembered, ["GET"], "needs the cookie 'theme'"),
    ],
)
def test_what_cannot_be_a_tool_says_so(view: Any, methods: list[str], problem: str) -> None:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")
    app.add_route("/x", describe(mcp=True)(view), methods, requires_auth=False)
    with pytest.raises(ConfigurationError, match=problem):
        app.dependencies["openapi"].tools()


def test_a_hidden_operation_is_not_a_tool() -> None:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")

    @app.route("/x", requires_auth=False)
    @describe(mcp=True, hidden=True)
    def view(page: int = 1) -> Receipt:
        return Receipt(page, "x")

    with pytest.raises(ConfigurationError, match="is hidden and marked with mcp=True"):
        app.dependencies["openapi"].tools()
