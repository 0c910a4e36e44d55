"""What fuzzing calls: each target takes any bytes, and raises where a promise is broken."""

import io
import json
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from sqlalchemy import Date, DateTime, Integer, Numeric, String, column

from lback import Application, Request, Response
from lback.api import Header, Query
from lback.core.exceptions import ConfigurationError
from lback.core.http.conditional import byte_range
from lback.core.http.cookies import parse_cookies
from lback.core.http.hosts import host_name, is_allowed
from lback.core.routing.patterns import PathPattern
from lback.core.routing.secret_paths import SecretPaths
from lback.core.settings.env_file import load_env_file
from lback.core.settings.json_file import parse_json, parse_yaml, read_mapping
from lback.database.keyset import SortKey, values_of
from lback.middleware.json_body import parse_json as parse_json_body

Target = Callable[[bytes], None]

KEY = "kT4-q9ZpW2_xR7mL8vNc"
TOKEN = "S3CR3T-token_of.ada"
REFUSALS = range(400, 500)


@cache
def site() -> Application:
    """An application with the middlewares of a new project, whose views read all there is."""
    app = Application(
        DEBUG=False,
        SECRET_KEY=KEY,
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL="sqlite://",
        SESSION_STORE="memory",
        SHOP_NAME="Corner",
    )
    app.db_manager.create_tables()
    for path in ("/", "/reset/{token}", "/n/{number:int}-{rest:path}"):
        app.add_route(path, read_all, ["GET", "POST", "PUT"], requires_auth=False)
    app.add_route("/form", form, ["GET", "POST"], requires_auth=False)
    app.add_route("/typed", typed, ["PUT"], requires_auth=False)
    return app


@dataclass
class Part:
    """A part of a typed body."""

    at: datetime | None
    price: Annotated[Decimal, msgspec.Meta(description="in euros")]


class Whole(msgspec.Struct):
    """A typed body."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=9, pattern="^[a-z]+$")]
    numbers: list[Annotated[int, msgspec.Meta(ge=0, le=9)]] = []
    parts: dict[str, Part] = {}
    either: UUID | bool | float | None = None
    wait: timedelta | None = None


def typed(
    whole: Whole,
    words: Annotated[list[str], Query(alias="w")],
    page: int = 1,
    since: datetime | None = None,
    ratio: Annotated[float, msgspec.Meta(gt=0)] = 1.0,
    x_price: Annotated[Decimal | None, Header()] = None,
) -> Whole:
    """Return a body that was valid."""
    assert isinstance(whole.name, str)
    assert isinstance(page, int)
    assert math.isfinite(ratio)
    assert x_price is None or x_price.is_finite()
    assert all(isinstance(word, str) for word in words)
    assert since is None or isinstance(since, datetime)
    return whole


def read_all(request: Request) -> Response:
    """Read all that a view may read of a request."""
    seen = (
        dict(request.query_params), request.cookies, dict(request.headers), request.raw_path,
        request.client_address, request.build_absolute_uri(), request.parsed_body,
        request.files, request.session.get("x"), repr(request),
    )  # fmt: skip
    return Response("a body of thirty bytes, or so." if seen else "", 200, {"ETag": '"1"'})


def form(request: Request) -> str:
    """Stand for what a forged form must never reach."""
    if request.method == "POST":
        raise AssertionError("a forged form came through")
    return "form"


def call(**variables: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send one request as a server does, and check what every answer must be."""
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    body = variables.pop("body", b"")
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)) if body else "",
        **variables,
    }  # fmt: skip
    chunks = site()(environ, lambda status, headers: answers.append((status, headers)))
    text = b"".join(chunks)
    ((status, headers),) = answers
    for name, value in headers:
        assert not set("\r\n\0") & set(name + value), (name, value)
    assert int(status[:3]) < 500, (status, variables, body)
    assert KEY.encode() not in text
    return int(status[:3]), headers, text


def wire(data: bytes) -> str:
    """Return bytes as PEP 3333 hands them over."""
    return data.decode("latin-1")


def request_line(data: bytes) -> None:
    """Method, path, query, then one header field a line."""
    first, *lines = data.split(b"\n")
    method, _, rest = first.partition(b" ")
    path, _, query = rest.partition(b"?")
    fields = {}
    for line in lines[:50]:
        name, _, value = wire(line).partition(":")
        fields["HTTP_" + name.upper().replace("-", "_")] = value.strip(" \t\r")
    call(
        **{
            **fields,
            "REQUEST_METHOD": wire(method) or "GET",
            "PATH_INFO": "/" + wire(path),
            "QUERY_STRING": wire(query),
        }
    )


def cookies(data: bytes) -> None:
    """A `Cookie` field."""
    found = parse_cookies(wire(data))
    assert all(isinstance(v, str) and isinstance(k, str) for k, v in found.items())
    assert not [name for name in found if set(name) & set("=; \t\r\n\0")]
    # A cookie that is in front is not hidden by what follows it.
    assert parse_cookies(f"mine=1; {wire(data)}")["mine"] == "1"
    call(HTTP_COOKIE=wire(data[:4000]))


def multipart(data: bytes) -> None:
    """A multipart body; its boundary is `x`."""
    status, _, _ = call(
        REQUEST_METHOD="PUT", CONTENT_TYPE="multipart/form-data; boundary=x", body=data,
        HTTP_AUTHORIZATION="Bearer t",
    )  # fmt: skip
    assert status == 200 or status in REFUSALS


def content_type(data: bytes) -> None:
    """A `Content-Type` field, and a body behind a line feed."""
    kind, _, body = data.partition(b"\n")
    call(REQUEST_METHOD="PUT", CONTENT_TYPE=wire(kind), body=body, HTTP_AUTHORIZATION="Bearer t")


def json_body(data: bytes) -> None:
    """A JSON body."""
    status, _, _ = call(
        REQUEST_METHOD="PUT", CONTENT_TYPE="application/json", body=data,
        HTTP_AUTHORIZATION="Bearer t",
    )  # fmt: skip
    assert status == 200 or status in REFUSALS
    if status == 200 and data:
        _check_numbers(parse_json_body(data, 200))


def _check_numbers(value: Any) -> None:
    assert not isinstance(value, float) or math.isfinite(value)
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _check_numbers(item)


def typed_view(data: bytes) -> None:
    """The query of a typed view, a header field, and its body, a line each."""
    query, _, rest = data.partition(b"\n")
    price, _, body = rest.partition(b"\n")
    status, headers, text = call(
        REQUEST_METHOD="PUT", PATH_INFO="/typed", CONTENT_TYPE="application/json", body=body,
        QUERY_STRING=wire(query), HTTP_X_PRICE=wire(price), HTTP_AUTHORIZATION="Bearer t",
    )  # fmt: skip
    answer = json.loads(text)
    if status == 200:
        assert 1 <= len(answer["name"]) <= 9
        assert all(0 <= number <= 9 for number in answer["numbers"])
        return
    assert status in REFUSALS
    assert dict(headers)["Content-Type"] == "application/problem+json"
    assert answer["status"] == status
    if status == 422:
        assert answer["errors"]
        assert all(("pointer" in place) != ("parameter" in place) for place in answer["errors"])


def url_pattern(data: bytes) -> None:
    """A pattern, and a path behind a line feed: what matches is built again."""
    text, _, path = data.decode("utf-8", "replace").partition("\n")
    try:
        pattern = PathPattern(text)
    except ValueError:
        return
    found = pattern.match(path)
    pattern.spans(path)
    if not found:
        return
    try:
        filled = pattern.fill(found)
    except ValueError:
        return  # such as a dot segment, which a client would resolve
    assert urlsplit(filled).netloc == ""


def byte_ranges(data: bytes) -> None:
    """A `Range` field."""
    for size in (0, 1, 30, 2**40):
        wanted = byte_range(wire(data), size)
        assert wanted is None or (0 <= wanted.start <= wanted.stop <= size or not len(wanted))
    call(HTTP_RANGE=wire(data), HTTP_IF_NONE_MATCH=wire(data), HTTP_IF_RANGE=wire(data))


def csrf_token(data: bytes) -> None:
    """A CSRF token, in the header and in the form, with and without a session."""
    status, _, _ = call(REQUEST_METHOD="POST", PATH_INFO="/form", HTTP_X_CSRF_TOKEN=wire(data))
    assert status in REFUSALS
    body = b"csrf_token=" + data
    status, _, _ = call(
        REQUEST_METHOD="POST", PATH_INFO="/form", body=body, HTTP_COOKIE=f"session={wire(data)}",
        CONTENT_TYPE="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert status in REFUSALS


def page_token(data: bytes) -> None:
    """The token of a page of the admin, read against columns of several types."""
    kinds = (Integer(), String(), DateTime(timezone=True), Date(), Numeric())
    for width in (1, 2, 5):
        keys = [SortKey(column("c", kind)) for kind in kinds[:width]]
        found = values_of(wire(data), keys)
        assert found is None or len(found) == width


def database_template(data: bytes) -> None:
    """A template from the database, with what a view may have at hand."""
    text = data.decode("utf-8", "replace")
    if "*" in text or "range" in text or "center" in text or "%0" in text:
        return  # what costs memory or time on purpose is for limits of the process
    renderer = site().template_renderer
    request = Request("/", "GET", None, {}, {})
    request.bind(site().app_controller.binding)
    try:
        page = renderer._compiled(text).render(renderer_context(request))
    except Exception as error:  # noqa: BLE001  a template may fail in any way, but leak nothing
        page = str(error)
    assert KEY not in page


def renderer_context(request: Request) -> dict[str, Any]:
    """Return what a row is rendered with: plain data, and an object that names nothing."""
    return {"name": "ada", "items": [1, {"a": "b"}], "app": site(), "config": site().config}


def config_file(data: bytes) -> None:
    """A `config.json`, a YAML file and an `.env`."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_bytes(data)
        try:
            for parse in (parse_json, parse_yaml):
                _refused_or_mapping(path, parse)
            try:
                load_env_file(path)
            except ConfigurationError:
                return
        finally:
            os.environ.clear()
            os.environ.update(before)


def _refused_or_mapping(path: Path, parse: Any) -> None:
    try:
        assert isinstance(read_mapping(path, parse), dict)
    except ConfigurationError as refusal:
        assert str(path) in str(refusal)


def secret_path(data: bytes) -> None:
    """Any text around a link with a token: the token is masked."""
    paths = SecretPaths()
    for pattern in ("/reset/{token}", "/u/{name}/v/{code}", "/k/{key}.pdf", "/reset/form"):
        paths.add(PathPattern(pattern))
    before, _, after = data.decode("utf-8", "replace").partition("|")
    for text in (f"{before}/reset/{TOKEN}{after}", f"{before}/u/x/v/{TOKEN}/{after}"):
        assert TOKEN not in paths.in_text(text), text
        assert TOKEN not in paths.in_path(text), text


def host(data: bytes) -> None:
    """A `Host` field: what is allowed names the host that a link leads to."""
    field = wire(data)
    name = host_name(field)
    if name is not None and is_allowed(field, ["*"]):
        assert urlsplit(f"http://{field}/x").path == "/x"
    assert not is_allowed(field, ["localhost"], {80}) or name == "localhost"
    call(HTTP_HOST=field)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        request_line, cookies, multipart, content_type, json_body, typed_view, url_pattern,
        byte_ranges, csrf_token, page_token, database_template, config_file, secret_path, host,
    )
}  # fmt: skip
