"""CORS: off unless asked for, exact origins, and never everybody with credentials."""

from typing import Any

import pytest

from lback import Application, ConfigurationError, NotFound, Request
from lback.testing import Client

APP = "https://app.example"
ALLOW = "access-control-allow-origin"


def build(params: dict[str, Any] | None = None, **settings: Any) -> Application:
    entry = {"class": "lback.middleware.CORSMiddleware", "params": params or {}}
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=[entry],
        **settings,
    )
    app.add_route("/", lambda request: "data", ["GET", "PUT"], requires_auth=False)
    app.add_route("/fails", fails, requires_auth=False)
    return app


def fails(request: Request) -> str:
    raise NotFound


def client(params: dict[str, Any] | None = None, **settings: Any) -> Client:
    return Client(build(params, **settings))


def preflight(who: Client, origin: str = APP, method: str = "PUT") -> Any:
    fields = {"Origin": origin, "Access-Control-Request-Method": method}
    return who.options("/", headers=fields)


@pytest.mark.parametrize(
    "origin", ["capacitor://localhost", "chrome-extension://abcdefgh", "moz-extension://0D1E-2F"]
)
def test_apps_and_extensions_are_allowed_when_they_are_named(origin: str) -> None:
    who = client(CORS_ORIGINS=[origin])
    assert who.get("/", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
    assert preflight(who, origin).status_code == 204
    assert "access-control-allow-origin" not in preflight(who, f"{origin}x").headers
    other = client(CORS_ORIGINS=[APP]).get("/", headers={"Origin": origin})
    assert "access-control-allow-origin" not in other.headers


def test_all_subdomains_may_be_listed() -> None:
    who = client(CORS_ORIGINS=["https://*.shop.example"], CORS_CREDENTIALS=True)
    for origin in ("https://north.shop.example", "https://a.b.shop.example"):
        assert who.get("/", headers={"Origin": origin}).headers[ALLOW] == origin
        assert preflight(who, origin).headers[ALLOW] == origin
    for other in ("https://shop.example", "http://north.shop.example", "https://evilshop.example"):
        assert ALLOW not in who.get("/", headers={"Origin": other}).headers


def test_without_origins_nothing_is_said() -> None:
    answer = client().get("/", headers={"Origin": APP})
    assert ALLOW not in answer.headers
    assert "vary" not in answer.headers
    assert ALLOW not in preflight(client()).headers


def test_a_page_of_an_allowed_origin_may_read() -> None:
    who = client(CORS_ORIGINS=[APP])
    for path, status in [("/", 200), ("/fails", 404)]:
        answer = who.get(path, headers={"Origin": APP})
        assert answer.status_code == status
        assert answer.headers[ALLOW] == APP
        assert "Origin" in answer.headers["vary"].split(", ")
        assert "access-control-allow-credentials" not in answer.headers


def test_an_answer_without_an_origin_varies_too() -> None:
    assert client(CORS_ORIGINS=[APP]).get("/").headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://app.example", "https://app.example.evil.example",
        "https://evilapp.example", "https://app.example:444", "null", "", "*", "https://app",
        "https://app.example/", "https://app.example, https://evil.example", "é",
    ],
)  # fmt: skip
def test_no_other_origin_may(origin: str) -> None:
    who = client(CORS_ORIGINS=[APP], CORS_CREDENTIALS=True)
    answer = who.get("/", headers={"Origin": origin.encode().decode("latin-1")})
    assert ALLOW not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    refused = preflight(who, origin.encode().decode("latin-1"))
    assert ALLOW not in refused.headers
    assert "access-control-allow-methods" not in refused.headers


def test_a_preflight_is_answered_without_the_view() -> None:
    answer = preflight(client(CORS_ORIGINS=[APP], CORS_CREDENTIALS=True))
    assert answer.status_code == 204
    assert answer.headers[ALLOW] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert "X-CSRF-Token" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["vary"] == "Origin"


def test_options_of_another_kind_go_on_to_the_router() -> None:
    answer = client(CORS_ORIGINS=[APP]).options("/", headers={"Origin": APP})
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
    assert answer.headers[ALLOW] == APP
    assert "access-control-allow-methods" not in answer.headers


def test_everyone_may_read_what_holds_nothing_of_a_visitor() -> None:
    who = client(CORS_ORIGINS=["*"])
    assert who.get("/", headers={"Origin": "https://any.example"}).headers[ALLOW] == "*"
    assert "vary" not in who.get("/").headers
    assert preflight(who, "https://any.example").headers[ALLOW] == "*"


@pytest.mark.parametrize("origin", ["null", "file://", "app://-", "https://any.example"])
def test_everyone_includes_files_frames_and_apps(origin: str) -> None:
    who = client(CORS_ORIGINS=["*"])
    for path in ("/", "/fails", "/missing"):
        assert who.get(path, headers={"Origin": origin}).headers[ALLOW] == "*"
    answer = preflight(who, origin)
    assert (answer.status_code, answer.headers[ALLOW]) == (204, "*")


def test_a_cache_may_keep_what_everyone_may_read() -> None:
    who = client({"expose": ["X-Total"]}, CORS_ORIGINS=["*"])
    plain, from_a_page = who.get("/"), who.get("/", headers={"Origin": APP})
    assert plain.header_list == from_a_page.header_list
    assert plain.headers[ALLOW] == "*"
    assert plain.headers["access-control-expose-headers"] == "X-Total"


def test_everyone_with_credentials_stops_the_start() -> None:
    with pytest.raises(
        ConfigurationError, match="lets every page act as the visitor; list the allowed"
    ):
        build(CORS_ORIGINS=["*", APP], CORS_CREDENTIALS=True)


@pytest.mark.parametrize(
    "origin", ["app.example", "https://app.example/", "https://*", "https://*.com", "null"]
)
def test_an_origin_that_could_never_match_stops_the_start(origin: str) -> None:
    app = build(CORS_ORIGINS=[origin])
    with pytest.raises(ConfigurationError, match="is not an origin; write scheme and host"):
        app.prepare()


def test_what_scripts_may_do_is_a_parameter() -> None:
    params = {"methods": ["GET"], "headers": ["X-A"], "expose": ["X-B", "X-C"], "max_age": 5}
    who = client(params, CORS_ORIGINS=[APP])
    answer = preflight(who)
    assert answer.headers["access-control-allow-methods"] == "GET"
    assert answer.headers["access-control-allow-headers"] == "X-A"
    assert answer.headers["access-control-max-age"] == "5"
    assert "access-control-expose-headers" not in answer.headers
    answer = who.get("/", headers={"Origin": APP})
    assert answer.headers["access-control-expose-headers"] == "X-B, X-C"
