"""Host poisoning (class 9): links lead to hosts that are served, and no header moves their path."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import Application, BadRequest, Request
from lback.testing import Client

HOSTILE = [
    "evil.example", "localhost.evil.example", "evil.example/localhost", "localhost/../evil",
    "localhost@evil.example", "user:pass@localhost", "localhost:80@evil.example", "localhost:abc",
    "localhost, evil.example", "localhost evil.example", "localhost?x", "localhost#x",
    "local\\host",
    "[::1", "localhost:80:80", "localhost..", "localhost..:80",
    "", " localhost", "localhost\t", "lo%63alhost", "<script>", "*",
    "localhost;evil", "\u2025localhost", "xn--evil", "127.0.0.1.evil.example", "0x7f.1",
]  # fmt: skip


def build(**settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["localhost"],
            "MIDDLEWARES": [],
            **settings,
        }
    )
    app.add_route("/{rest:path}", link, ["GET", "POST"], requires_auth=False)
    return app


def link(request: Request, rest: str) -> str:
    return request.build_absolute_uri()


@pytest.mark.parametrize("host", HOSTILE, ids=repr)
def test_a_hostile_host_is_refused(host: str) -> None:
    wire = host.encode().decode("latin-1")
    assert Client(build()).get("/reset", headers={"Host": wire}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost:443", "localhost."])
def test_a_host_that_is_served_gets_links_to_itself(host: str) -> None:
    answer = Client(build()).get("/reset", headers={"Host": host})
    assert answer.text == f"http://{host}/reset"


@pytest.mark.parametrize(
    "field",
    [
        "X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-HTTP-Host-Override", "Forwarded",
        "X-Original-Host", "X-Rewrite-URL", "X-Original-URL", "X-Forwarded-Proto",
        "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Url-Scheme",
    ],
)  # fmt: skip
@pytest.mark.parametrize("settings", [{}, {"USE_X_FORWARDED_HOST": True}])
def test_forwarding_fields_of_strangers_are_not_believed(
    field: str, settings: dict[str, Any]
) -> None:
    app = build(ALLOWED_HOSTS=["*"], TRUSTED_PROXIES=["192.0.2.1"], **settings)
    for value in ("evil.example", "https", "host=evil.example;proto=https", "/evil", "443"):
        assert Client(app).get("/reset", headers={field: value}).text == "http://localhost/reset"


def test_a_trusted_proxy_names_a_host_that_is_served_or_none() -> None:
    settings = {"TRUSTED_PROXIES": ["127.0.0.1"], "USE_X_FORWARDED_HOST": True}
    client = Client(build(ALLOWED_HOSTS=["localhost", "shop.example"], **settings))
    several = client.get("/reset", headers={"X-Forwarded-Host": "shop.example, inner"})
    assert several.text == "http://shop.example/reset"
    said = {"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}
    assert client.get("/reset", headers=said).text == "https://shop.example/reset"
    for evil in ("evil.example", "evil.example, shop.example", "shop.example/evil"):
        assert client.get("/reset", headers={"X-Forwarded-Host": evil}).status_code == 400


def test_a_name_that_was_refused_is_refused_again() -> None:
    client = Client(build())
    for host, status in [("evil.example", 400), ("localhost", 200)] * 3:
        assert client.get("/x", headers={"Host": host}).status_code == status


@given(host=st.text(max_size=20), path=st.text(max_size=20))
def test_no_host_and_no_path_moves_the_path_of_a_link(host: str, path: str) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/" + path.encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": "",
        "HTTP_HOST": host.encode("utf-8", "replace").decode("latin-1"),
        "wsgi.url_scheme": "http",
    }
    request = Request.from_environ(environ)
    try:
        built = request.build_absolute_uri()
    except BadRequest:
        return
    parts = urlsplit(built)
    assert parts.scheme == "http"
    assert parts.netloc == environ["HTTP_HOST"]
    assert parts.path.startswith("/")
    assert not parts.query
    assert not parts.fragment


@pytest.mark.parametrize("port", [1, 22, 8080, 8443, 65535, 65536, 0, "00080x", "8000@x"])
def test_a_port_that_is_not_served_is_in_no_link(port: Any) -> None:
    answer = Client(build()).get("/reset", headers={"Host": f"localhost:{port}"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("allowed", "host", "served"),
    [
        ("localhost", "localhost:8000", True),  # the port that the server listens on
        ("localhost", "localhost:80", True),
        ("localhost", "localhost:9000", False),
        ("localhost:9000", "localhost:9000", True),
        ("localhost:9000", "localhost:8000", False),
        ("localhost:9000", "localhost", False),
        (".example.com:9000", "www.example.com:9000", True),
        (".example.com:9000", "www.example.com:9001", False),
        ("[::1]:9000", "[::1]:9000", True),
        ("[::1]", "[::1]:9000", False),
        ("*", "evil.example:9000", True),
    ],
)
def test_a_port_is_that_of_the_scheme_the_server_or_the_settings(
    allowed: str, host: str, served: bool
) -> None:
    client = Client(build(ALLOWED_HOSTS=[allowed]), environ={"SERVER_PORT": "8000"})
    assert (client.get("/reset", headers={"Host": host}).status_code == 200) is served


def test_a_proxy_names_no_other_port_either() -> None:
    app = build(TRUSTED_PROXIES=["127.0.0.1"], USE_X_FORWARDED_HOST=True)
    fields = {"X-Forwarded-Host": "localhost:4444", "Host": "localhost"}
    assert Client(app).get("/reset", headers=fields).status_code == 400


PROXIED: dict[str, Any] = {"TRUSTED_PROXIES": ["127.0.0.1"], "ALLOWED_HOSTS": [".example.com"]}


@pytest.mark.parametrize(
    ("fields", "link"),
    [
        ({"X-Forwarded-Port": "8443"}, "http://shop.example.com:8443/reset"),
        (
            {"X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https"},
            "https://shop.example.com:8443/reset",
        ),
        # The first member is that of the proxy next to the client, as of the other lists.
        ({"X-Forwarded-Port": "8443, 80"}, "http://shop.example.com:8443/reset"),
        ({"X-Forwarded-Port": " 8443 ,\t9000"}, "http://shop.example.com:8443/reset"),
        # The ports of the schemes need not be named; an inner proxy may see the other one.
        (
            {"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"},
            "https://shop.example.com/reset",
        ),
        (
            {"X-Forwarded-Port": "80", "X-Forwarded-Proto": "https"},
            "https://shop.example.com/reset",
        ),
        ({"X-Forwarded-Port": "80"}, "http://shop.example.com/reset"),
        # The port that a browser names is the one it used.
        (
            {"Host": "shop.example.com:443", "X-Forwarded-Port": "8443"},
            "http://shop.example.com:443/reset",
        ),
        *(
            ({"X-Forwarded-Port": port}, "http://shop.example.com/reset")
            for port in (
                "",
                "0",
                "65536",
                "-1",
                "8443@evil",
                "8443/x",
                "\u0664",
                "99999999999",
                ",8443",
                "x",
            )
        ),
    ],
)
def test_the_port_of_a_trusted_proxy_is_part_of_links(fields: dict[str, str], link: str) -> None:
    wire = {name: value.encode().decode("latin-1") for name, value in fields.items()}
    client = Client(build(**PROXIED), headers={"Host": "shop.example.com"})
    answer = client.get("/reset", headers=wire)
    assert (answer.status_code, answer.text) == (200, link)


def test_the_port_of_another_peer_is_not_believed() -> None:
    settings = {**PROXIED, "TRUSTED_PROXIES": ["10.0.0.1"]}
    client = Client(build(**settings), headers={"Host": "shop.example.com"})
    answer = client.get("/reset", headers={"X-Forwarded-Port": "8443"})
    assert answer.text == "http://shop.example.com/reset"


def test_the_port_belongs_to_the_forwarded_host() -> None:
    app = build(**PROXIED, USE_X_FORWARDED_HOST=True)
    fields = {"Host": "10.0.0.11:8000", "X-Forwarded-Host": "shop.example.com"}
    answer = Client(app).get("/reset", headers={**fields, "X-Forwarded-Port": "8443"})
    assert answer.text == "http://shop.example.com:8443/reset"
    ipv6 = build(**{**PROXIED, "ALLOWED_HOSTS": ["[2001:db8::1]"]})
    fields = {"Host": "[2001:db8::1]", "X-Forwarded-Port": "8443"}
    answer = Client(ipv6).get("/reset", headers=fields)
    assert answer.text == "http://[2001:db8::1]:8443/reset"
