"""Security headers: what every answer carries, and that a slip in a setting stops the start."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from lback import Application, HTMLResponse, NotFound, Request, Response, render
from lback.core import ConfigurationError
from lback.core.errors.pages import style_hash
from lback.core.request import Request as CoreRequest
from lback.middleware import SecurityHeadersMiddleware
from lback.testing import Client

POLICY = "content-security-policy"
SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["localhost"],
    "MIDDLEWARES": ["lback.middleware.SecurityHeadersMiddleware"],
}


def build(**settings: Any) -> Application:
    app = Application(**{**SETTINGS, **settings})
    app.add_route("/", lambda request: "page", requires_auth=False)
    app.add_route("/data", lambda request: {"a": 1}, requires_auth=False)
    app.add_route("/fails", fails, requires_auth=False)
    return app


def fails(request: Request) -> Response:
    raise NotFound


def headers_of(path: str = "/", https: bool = False, **settings: Any) -> dict[str, str]:
    environ = {"wsgi.url_scheme": "https"} if https else {}
    return Client(build(**settings)).get(path, environ=environ).headers


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


@pytest.mark.parametrize("path", ["/", "/data", "/fails", "/nowhere"])
def test_every_answer_is_protected(path: str) -> None:
    headers = headers_of(path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert directives(headers[POLICY]) == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": f"'self' {style_hash()}",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def test_it_is_there_without_being_asked_for() -> None:
    app = Application(DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
    assert POLICY in Client(app).get("/").headers


def test_a_refused_host_gets_them_as_well() -> None:
    answer = Client(build()).get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert POLICY in answer.headers


def test_what_a_view_says_itself_counts() -> None:
    app = build()
    own = {"Content-Security-Policy": "default-src 'none'", "x-frame-options": "SAMEORIGIN"}
    app.add_route("/own", lambda request: HTMLResponse("x", 200, own), requires_auth=False)
    answer = Client(app).get("/own")
    assert answer.headers[POLICY] == "default-src 'none'"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert [name.lower() for name, _ in answer.header_list].count("x-frame-options") == 1


# HTTPS


def test_hsts_is_sent_over_https_alone() -> None:
    assert "strict-transport-security" not in headers_of()
    assert headers_of(https=True)["strict-transport-security"] == "max-age=3600"
    settings: dict[str, Any] = {
        "HSTS_SECONDS": 31_536_000,
        "HSTS_SUBDOMAINS": True,
        "HSTS_PRELOAD": True,
    }
    expected = "max-age=31536000; includeSubDomains; preload"
    assert headers_of(https=True, **settings)["strict-transport-security"] == expected
    assert "strict-transport-security" not in headers_of(https=True, HSTS_SECONDS=0)


def test_a_trusted_proxy_may_say_that_it_is_https() -> None:
    said = {"X-Forwarded-Proto": "https"}
    answer = Client(build()).get("/", headers=said)
    assert "strict-transport-security" not in answer.headers
    answer = Client(build(TRUSTED_PROXIES=["127.0.0.1"])).get("/", headers=said)
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    "settings",
    [
        {"HSTS_PRELOAD": True},
        {"HSTS_PRELOAD": True, "HSTS_SECONDS": 31_536_000},
        {"HSTS_PRELOAD": True, "HSTS_SUBDOMAINS": True},
    ],
)
def test_preload_without_what_it_needs_stops_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="HSTS_PRELOAD needs HSTS_SUBDOMAINS"):
        build(**settings)


# Nonces


def test_a_template_gets_a_nonce_that_the_policy_names(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<script nonce="{{ csp_nonce }}">{{ csp_nonce }}</script>')
    app = build(TEMPLATE_DIRS=[str(tmp_path)])
    app.add_route("/page", lambda request: render(request, "page.html"), requires_auth=False)
    client = Client(app)
    answers = [client.get("/page") for _ in range(3)]
    nonces = set()
    for answer in answers:
        found = re.fullmatch(r'<script nonce="([\w-]{22})">\1</script>', answer.text)
        assert found is not None
        policy = directives(answer.headers[POLICY])
        assert policy["script-src"] == f"'self' 'nonce-{found[1]}'"
        assert policy["style-src"] == f"'self' {style_hash()} 'nonce-{found[1]}'"
        nonces.add(found[1])
    assert len(nonces) == 3


def test_a_view_finds_the_nonce_in_the_context() -> None:
    app = build()

    def page(request: Request) -> str:
        nonce = request.get_context("csp_nonce")
        return f"<script nonce='{nonce}'></script>{nonce}"

    app.add_route("/page", page, requires_auth=False)
    answer = Client(app).get("/page")
    nonce = answer.text.split("'")[1]
    assert f"'nonce-{nonce}'" in answer.headers[POLICY]
    assert answer.text.endswith(nonce)


def test_a_page_that_uses_no_nonce_is_given_none() -> None:
    assert "nonce-" not in headers_of()[POLICY]


def test_without_the_middleware_templates_have_no_nonce(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("[{{ csp_nonce }}]")
    app = Application(**{**SETTINGS, "MIDDLEWARES": [], "TEMPLATE_DIRS": [str(tmp_path)]})
    middleware = SecurityHeadersMiddleware(app.config, app.template_renderer)
    request = CoreRequest("/", "GET", None, {}, {})
    assert app.template_renderer.render_to_string("page.html", request=request) == "[]"
    assert app.template_renderer.render_to_string("page.html") == "[]"
    for built in (middleware, SecurityHeadersMiddleware(app.config)):
        built.process_request(request)
        answer = built.process_response(request, HTMLResponse("x"))
        assert "Content-Security-Policy" in answer.headers


# Settings


def test_directives_are_changed_added_and_left_out() -> None:
    policy = directives(
        headers_of(
            CONTENT_SECURITY_POLICY={
                "script-src": ["'self'", "https://cdn.example"],
                "connect-src": "'self' wss://live.example",
                "form-action": None,
                "upgrade-insecure-requests": "",
            }
        )[POLICY]
    )
    assert policy["script-src"] == "'self' https://cdn.example"
    assert policy["connect-src"] == "'self' wss://live.example"
    assert "form-action" not in policy
    assert policy["upgrade-insecure-requests"] == ""
    assert policy["default-src"] == "'self'"


def test_styles_that_are_all_allowed_or_none_are_understood() -> None:
    assert (
        directives(headers_of(CONTENT_SECURITY_POLICY={"style-src": "'unsafe-inline'"})[POLICY])[
            "style-src"
        ]
        == "'unsafe-inline'"
    )
    none = headers_of(CONTENT_SECURITY_POLICY={"style-src": "'none'"})
    assert directives(none[POLICY])["style-src"] == style_hash()
    out = headers_of(CONTENT_SECURITY_POLICY={"style-src": None})
    assert "style-src" not in directives(out[POLICY])


@pytest.mark.parametrize(
    ("ancestors", "options"),
    [("'self'", "SAMEORIGIN"), ("https://a.example", None), (None, None), ("'none'", "DENY")],
)
def test_frame_options_say_what_the_policy_says(ancestors: Any, options: str | None) -> None:
    headers = headers_of(CONTENT_SECURITY_POLICY={"frame-ancestors": ancestors})
    assert headers.get("x-frame-options") == options


def test_a_policy_can_be_tried_out() -> None:
    headers = headers_of(CONTENT_SECURITY_POLICY_REPORT_ONLY=True)
    assert "content-security-policy-report-only" in headers
    assert POLICY not in headers


def test_a_policy_without_directives_is_none() -> None:
    given = dict.fromkeys(
        ("default-src", "script-src", "style-src", "img-src", "object-src", "base-uri",
         "form-action", "frame-ancestors")
    )  # fmt: skip
    assert POLICY not in headers_of(CONTENT_SECURITY_POLICY=given)


def test_fields_are_changed_and_left_out_by_name() -> None:
    headers = headers_of(
        SECURITY_HEADERS={
            "Referrer-Policy": "no-referrer, strict-origin",
            "Permissions-Policy": None,
            "Cross-Origin-Resource-Policy": "same-origin",
        }
    )
    assert headers["referrer-policy"] == "no-referrer, strict-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "permissions-policy" not in headers
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"CONTENT_SECURITY_POLICY": {"scriptsrc": "'self'"}}, "did you mean script-src?"),
        ({"CONTENT_SECURITY_POLICY": {"script-src": "self"}}, "needs quotes of its own"),
        (
            {"CONTENT_SECURITY_POLICY": {"script-src": ["a; b"]}},
            "'a; b' in script-src is not a sou",
        ),
        ({"CONTENT_SECURITY_POLICY": {"script-src": ["a\r\nX: y"]}}, "is not a source"),
        ({"CONTENT_SECURITY_POLICY": {"script-src": "é.example"}}, "is not a source"),
        ({"CONTENT_SECURITY_POLICY": {"script-src": True}}, "bool is none of these"),
        ({"CONTENT_SECURITY_POLICY": {"script-src": [1]}}, "list is none of these"),
        ({"SECURITY_HEADERS": {"X-Frame-Option": "DENY"}}, "did you mean X-Frame-Options?"),
        ({"SECURITY_HEADERS": {"Server": "x"}}, "one of X-Content-Type-Options, X-Frame-Opt"),
        (
            {"SECURITY_HEADERS": {"X-Frame-Options": "ALLOW"}},
            "X-Frame-Options must be one of DENY, SAMEORIGIN",
        ),
        ({"SECURITY_HEADERS": {"Referrer-Policy": "same-orgin"}}, "did you mean same-origin?"),
        ({"SECURITY_HEADERS": {"Permissions-Policy": ""}}, "must be text in visible ASCII"),
        ({"SECURITY_HEADERS": {"Permissions-Policy": "a\nb"}}, "must be text in visible ASCII"),
        ({"SECURITY_HEADERS": {"X-Content-Type-Options": True}}, "must be text in visible ASCII"),
        ({"HSTS_SECONDS": -1}, "must be 0 or more"),
    ],
)
def test_a_slip_stops_the_start(settings: dict[str, Any], message: str) -> None:
    app = Application(**{**SETTINGS, **settings, "MIDDLEWARES": []})
    with pytest.raises(ConfigurationError) as raised:
        app.prepare()
    assert message in str(raised.value)


@pytest.mark.parametrize("debug", [False, True])
def test_the_style_of_the_error_pages_passes_the_policy(debug: bool) -> None:
    answer = Client(build(DEBUG=debug)).get("/nowhere")
    styles = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in directives(answer.headers[POLICY])["style-src"]
    assert "<script" not in answer.text
    assert " style=" not in answer.text
