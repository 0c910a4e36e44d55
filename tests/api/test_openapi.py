"""The OpenAPI document: valid, complete, the same each time, and nothing internal in it."""

import datetime
import enum
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from openapi_spec_validator import validate

from lback import Application, ConfigurationError, Request, Response
from lback.api import Cookie, Event, Form, Header, Path, Query, Status, describe
from lback.auth import PermissionRequiredMixin, permission_required
from lback.core.http.uploaded_file import UploadedFile
from lback.middleware import csrf_exempt, rate_limit
from lback.testing import Client


class Size(enum.Enum):
    """How large a shelf is."""

    SMALL = "small"
    LARGE = "large"


class Shelf(msgspec.Struct, kw_only=True):
    """A shelf of books."""

    id: int
    size: Size = Size.SMALL
    label: Annotated[str, msgspec.Meta(max_length=20, examples=["Poetry"])] | None = None
    built: datetime.date | msgspec.UnsetType = msgspec.UNSET


class NewShelf(msgspec.Struct, forbid_unknown_fields=True):
    size: Size = Size.SMALL
    price: Decimal = Decimal(0)


def list_shelves(
    page: Annotated[int, msgspec.Meta(ge=1), Query(description="Which page.")] = 1,
    size: Size | None = None,
    words: Annotated[list[str], Query(alias="q")] = [],  # noqa: B006  read, not changed
    x_trace: Annotated[str, Header()] = "",
    theme: Annotated[str, Cookie()] = "light",
) -> list[Shelf]:
    """List the shelves.

    Newest first.

    Args:
        page: Not shown.
    """
    return []


@permission_required("shelves.add")
def add_shelf(request: Request, new: NewShelf) -> Annotated[Shelf, Status(201, "The new shelf.")]:
    return Shelf(id=1)


def upload(title: Annotated[str, Form()], plan: UploadedFile, more: list[UploadedFile]) -> Shelf:
    return Shelf(id=1)


def lines(key: UUID) -> Iterator[Shelf]:
    yield Shelf(id=1)


def events() -> Iterator[Event[Shelf]]:
    yield Event(Shelf(id=1))


class ShelfView(PermissionRequiredMixin):
    """A shelf."""

    permission_required = "shelves.read"

    def get(self, request: Request, shelf_id: int) -> Shelf:
        """Show a shelf."""
        return Shelf(id=shelf_id)

    @describe(deprecated=True, tags=["old"], operation_id="removeShelf")
    def delete(self, request: Request, shelf_id: int) -> Annotated[None, Status(204)]:
        """Remove a shelf."""


def page_for_people(request: Request) -> str:
    return "<h1>Internal</h1>"


def untyped(request: Request, anything: str) -> Response:
    return Response("x")


@describe(hidden=True)
def secret(request: Request, number: int = 1) -> Shelf:
    return Shelf(id=1)


def build(**settings: Any) -> Application:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", **settings)
    app.add_route("/shelves", list_shelves, ["GET"], "list-shelves", requires_auth=False)
    app.add_route("/shelves", add_shelf, ["POST"], "add-shelf")
    app.add_route("/shelves/{shelf_id:int}", ShelfView, name="shelf")
    app.add_route("/upload", upload, ["POST"], "upload", requires_auth=False)
    app.add_route("/lines/{key:uuid}", lines, ["GET"], requires_auth=False)
    app.add_route("/events", events, ["GET"], "events", requires_auth=False)
    app.add_route("/about", page_for_people, ["GET"], "about", requires_auth=False)
    app.add_route("/secret", secret, ["GET"], "secret", requires_auth=False)
    app.add_route("/api/v1/old/{anything}", untyped, ["GET"], "untyped", requires_auth=False)
    return app


@pytest.fixture
def app() -> Application:
    return build()


@pytest.fixture
def document(app: Application) -> dict[str, Any]:
    found: dict[str, Any] = app.dependencies["openapi"].document()
    return found


@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_the_document_is_valid(app: Application, version: str) -> None:
    validate(app.dependencies["openapi"].document(version))


def test_an_application_without_an_api_has_a_valid_document() -> None:
    app = Application(DEBUG=True)
    validate(app.dependencies["openapi"].document())
    assert app.dependencies["openapi"].document()["paths"] == {}


def test_typed_views_are_documented_and_no_page_is(document: dict[str, Any]) -> None:
    assert {f"{m} {p}" for p, item in document["paths"].items() for m in item} == {
        "get /shelves",
        "post /shelves",
        "get /shelves/{shelf_id}",
        "delete /shelves/{shelf_id}",
        "post /upload",
        "get /lines/{key}",
        "get /events",
    }


def test_pages_of_lback_are_left_out_below_a_prefix_too() -> None:
    app = Application(DEBUG=True, API_PREFIXES=["/"])
    app.include("lback.admin.urls", "/admin")
    app.include("lback.accounts.urls", "/accounts")
    app.include("lback.api.urls", "/docs")
    Client(app).get("/docs/")  # adds the health checks
    assert app.dependencies["openapi"].document()["paths"] == {}


def test_an_untyped_view_below_a_prefix_has_its_path() -> None:
    document = build(API_PREFIXES=["/api/"]).dependencies["openapi"].document()
    operation = document["paths"]["/api/v1/old/{anything}"]["get"]
    assert operation["tags"] == ["old"]
    assert operation["responses"]["default"] == {"description": "The answer is not described."}
    assert operation["parameters"] == [
        {
            "name": "anything",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
    ]


def test_parameters_have_their_rules_and_defaults(document: dict[str, Any]) -> None:
    operation = document["paths"]["/shelves"]["get"]
    assert operation["summary"] == "List the shelves."
    assert operation["description"] == "Newest first."
    assert {p["name"]: (p["in"], p["schema"]) for p in operation["parameters"]} == {
        "page": ("query", {"type": "integer", "minimum": 1, "default": 1}),
        "size": ("query", {"$ref": "#/components/schemas/Size"}),
        "q": ("query", {"type": "array", "items": {"type": "string"}, "default": []}),
        "x-trace": ("header", {"type": "string", "default": ""}),
        "theme": ("cookie", {"type": "string", "default": "light"}),
    }
    assert operation["parameters"][0]["description"] == "Which page."
    assert not any("required" in p for p in operation["parameters"])


def test_what_is_sent_has_its_defaults_and_what_is_taken_may_leave_them_out(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Shelf"]["required"] == ["id", "size", "label"]  # `built` may be unset
    assert schemas["NewShelf"]["required"] == []
    assert schemas["NewShelf"]["additionalProperties"] is False


def test_answers_have_their_status_and_errors_are_problem_details(
    document: dict[str, Any],
) -> None:
    responses = document["paths"]["/shelves"]["post"]["responses"]
    assert responses["201"]["description"] == "The new shelf."
    assert set(responses) == {"201", "400", "401", "403", "406", "413", "415", "422"}
    assert responses["422"] == {"$ref": "#/components/responses/UnprocessableContent"}
    invalid = document["components"]["responses"]["UnprocessableContent"]["content"]
    assert invalid == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/InvalidInputDetails"}}
    }


def test_files_are_taken_as_multipart_alone(document: dict[str, Any]) -> None:
    body = document["paths"]["/upload"]["post"]["requestBody"]
    assert list(body["content"]) == ["multipart/form-data"]
    schema = body["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["title", "plan", "more"]
    assert schema["properties"]["plan"]["format"] == "binary"
    assert schema["properties"]["more"]["items"]["format"] == "binary"


def test_the_items_of_streams_are_typed_by_version_3_2(app: Application) -> None:
    openapi = app.dependencies["openapi"]
    paths = openapi.document("3.2")["paths"]
    content = paths["/lines/{key}"]["get"]["responses"]["200"]["content"]
    assert content == {"application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Shelf"}}}
    event = paths["/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    data = event["itemSchema"]["properties"]["data"]
    assert data["contentSchema"] == {"$ref": "#/components/schemas/Shelf"}
    older = openapi.document("3.1")["paths"]["/events"]["get"]["responses"]["200"]["content"]
    assert list(older["text/event-stream"]) == ["x-item-schema"]


def test_permissions_are_those_of_decorators_and_classes(document: dict[str, Any]) -> None:
    add = document["paths"]["/shelves"]["post"]["security"]
    assert add == [
        {"session": ["shelves.add"], "csrfToken": []},
        {"apiKey": ["shelves.add"]},
    ]
    show = document["paths"]["/shelves/{shelf_id}"]["get"]["security"]
    assert show == [{"session": ["shelves.read"]}, {"apiKey": ["shelves.read"]}]
    assert document["paths"]["/shelves"]["get"]["security"] == []
    assert set(document["components"]["securitySchemes"]) == {"session", "csrfToken", "apiKey"}


def test_only_security_schemes_that_the_application_has_are_listed() -> None:
    bare = build(MIDDLEWARES=[]).dependencies["openapi"].document()
    assert "securitySchemes" not in bare["components"]
    tokens = build(JWT_AUDIENCE="https://api.example").dependencies["openapi"].document()
    assert tokens["components"]["securitySchemes"]["accessToken"]["bearerFormat"] == "JWT"
    assert {"accessToken": []} in tokens["paths"]["/upload"]["post"]["security"]


def test_a_view_without_csrf_check_needs_no_token() -> None:
    @csrf_exempt
    def hook(new: NewShelf) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/hook", hook, ["POST"], requires_auth=False)
    operation = app.dependencies["openapi"].document()["paths"]["/hook"]["post"]
    assert operation["security"] == []


def test_rate_limits_are_an_error_with_retry_after() -> None:
    @rate_limit("5 per minute")
    def search(request: Request, words: str) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/search", search, ["GET"], requires_auth=False)
    document = app.dependencies["openapi"].document()
    assert "429" in document["paths"]["/search"]["get"]["responses"]
    assert "Retry-After" in document["components"]["responses"]["TooManyRequests"]["headers"]


def test_names_of_operations_are_those_of_routes(document: dict[str, Any]) -> None:
    names = {one["operationId"] for item in document["paths"].values() for one in item.values()}
    assert names == {
        "add_shelf", "events", "get_lines_key", "list_shelves", "removeShelf", "shelf_get",
        "upload",
    }  # fmt: skip


def test_two_operations_of_one_name_get_different_ones() -> None:
    def show(number: int) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a", show, ["GET"], "show", requires_auth=False)
    app.add_route("/c", show, ["GET"], "show", requires_auth=False)
    paths = app.dependencies["openapi"].document()["paths"]
    assert paths["/a"]["get"]["operationId"] == "show"
    assert paths["/c"]["get"]["operationId"] == "get_c"


def test_a_name_that_is_taken_is_refused() -> None:
    @describe(operation_id="show")
    def other(number: int) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a", list_shelves, ["GET"], "show", requires_auth=False)
    app.add_route("/b", other, ["GET"], "b", requires_auth=False)
    with pytest.raises(ConfigurationError, match=r"'show' of GET /b \(.* is taken by GET /a \("):
        app.dependencies["openapi"].document()


class TwoNames:
    @describe(operation_id="show")
    def get(self, number: int = 1) -> Shelf:
        return Shelf(id=1)

    @describe(operation_id="show")
    def put(self, number: int = 1) -> Shelf:
        return Shelf(id=1)


def test_a_name_that_is_taken_stops_the_start_and_both_places_are_named() -> None:
    @describe(operation_id="show")
    def first(number: int = 1) -> Shelf:
        return Shelf(id=1)

    @describe(operation_id="show")
    def second(number: int = 1) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a", first, ["GET"], requires_auth=False)
    app.add_route("/b", second, ["POST"], requires_auth=False)
    lines = [view.__code__.co_firstlineno for view in (second, first)]
    with pytest.raises(ConfigurationError) as caught:
        app.prepare()
    places = [rf"POST /b \({__name__}\..*second, line {lines[0]}\)"]
    places += [rf"GET /a \({__name__}\..*first, line {lines[1]}\)"]
    assert re.search(" is taken by ".join(places), str(caught.value))


def test_a_name_of_two_handlers_or_two_routes_stops_the_start() -> None:
    app = Application(DEBUG=True)
    app.add_route("/a", TwoNames, requires_auth=False)
    with pytest.raises(ConfigurationError, match=r"PUT /a .* is taken by GET /a"):
        app.prepare()

    app = Application(DEBUG=True)
    for path in ("/a", "/b"):
        app.add_route(path, describe(operation_id="show")(list_shelves_again), ["GET"])
    with pytest.raises(ConfigurationError, match=r"GET /b .* is taken by GET /a"):
        app.prepare()


def list_shelves_again(number: int = 1) -> list[Shelf]:
    return []


def test_a_hidden_operation_takes_no_name() -> None:
    @describe(operation_id="show", hidden=True)
    def hidden(number: int = 1) -> Shelf:
        return Shelf(id=1)

    @describe(operation_id="show")
    def shown(number: int = 1) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a", hidden, ["GET"], requires_auth=False)
    app.add_route("/b", shown, ["GET"], requires_auth=False)
    app.prepare()
    paths = app.dependencies["openapi"].document()["paths"]
    assert [item["get"]["operationId"] for item in paths.values()] == ["show"]


def test_paths_that_differ_in_names_of_variables_are_one() -> None:
    def show(number: int) -> Shelf:
        return Shelf(id=1)

    def change(key: int, new: NewShelf) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a/{number:int}", show, ["GET"], requires_auth=False)
    app.add_route("/a/{key:int}", change, ["PUT"], requires_auth=False)
    document = app.dependencies["openapi"].document()
    validate(document)
    assert list(document["paths"]) == ["/a/{number}"]
    assert document["paths"]["/a/{number}"]["put"]["parameters"][0]["name"] == "number"


def test_what_describe_says_of_a_handler_precedes_its_class(document: dict[str, Any]) -> None:
    operation = document["paths"]["/shelves/{shelf_id}"]["delete"]
    assert (operation["deprecated"], operation["tags"]) == (True, ["old"])
    assert "deprecated" not in document["paths"]["/shelves/{shelf_id}"]["get"]


def test_tags_are_a_list_of_names() -> None:
    with pytest.raises(TypeError, match=r"write \['books'\]"):
        describe(tags="books")


def test_examples_and_errors_of_a_view_are_shown() -> None:
    @describe(errors=[409], request_example={"size": "large"}, answer_example={"id": 7})
    def add(new: NewShelf) -> Shelf:
        return Shelf(id=1)

    app = Application(DEBUG=True)
    app.add_route("/a", add, ["POST"], requires_auth=False)
    operation = app.dependencies["openapi"].document()["paths"]["/a"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["example"] == {"size": "large"}
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == {"id": 7}
    assert "409" in operation["responses"]


def test_the_document_is_built_once(app: Application) -> None:
    openapi = app.dependencies["openapi"]
    assert openapi.document() is openapi.document()
    assert openapi.encoded() == build().dependencies["openapi"].encoded()
    with pytest.raises(ConfigurationError, match=r"OpenAPI '2\.0' is not supported"):
        openapi.document("2.0")


def test_the_title_is_that_of_the_settings_or_the_project(tmp_path: Any) -> None:
    def info(**settings: Any) -> Any:
        return Application(**settings).dependencies["openapi"].document()["info"]

    assert info(API_TITLE="Shop", API_VERSION="2.1") == {"title": "Shop", "version": "2.1"}
    assert info(PROJECT_ROOT="/srv/bakery")["title"] == "bakery"


def test_a_path_variable_has_the_type_of_its_annotation() -> None:
    app = Application(DEBUG=True)

    def show(
        size: Annotated[Size, Path()],
        day: Annotated[datetime.date, Path()],
        code: Annotated[str, msgspec.Meta(max_length=8), Path()],
        number: Annotated[int, msgspec.Meta(le=9)],
    ) -> Shelf:
        return Shelf(id=1)

    app.add_route("/{size}/{day}/{code}/{number:int}", show, requires_auth=False)
    document = app.dependencies["openapi"].document()
    validate(document)
    operation = document["paths"]["/{size}/{day}/{code}/{number}"]["get"]
    assert {p["name"]: p["schema"] for p in operation["parameters"]} == {
        "size": {"$ref": "#/components/schemas/Size"},
        "day": {"type": "string", "format": "date", "minLength": 1},
        "code": {"type": "string", "maxLength": 8, "minLength": 1},
        "number": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9},
    }


def test_defaults_that_json_cannot_express_are_left_out() -> None:
    class Limits(msgspec.Struct):
        most: float = float("inf")
        least: float = 0.5

    def search(limits: Limits, rate: float = float("inf")) -> Limits:
        return limits

    app = Application(DEBUG=True)
    app.add_route("/search", search, methods=["POST"], requires_auth=False)
    document = app.dependencies["openapi"].document()
    validate(document)
    [parameter] = document["paths"]["/search"]["post"]["parameters"]
    assert parameter["schema"] == {"type": "number"}
    properties = document["components"]["schemas"]["Limits"]["properties"]
    assert properties["most"] == {"type": "number"}
    assert properties["least"] == {"type": "number", "default": 0.5}
