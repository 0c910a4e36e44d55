"""A request: what the client sent, as views and middlewares read it, and what they add to it."""

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.config import Config
from lback.core.exceptions import BadRequest, ConfigurationError, HTTPException
from lback.core.http.limits import Limits
from lback.core.request import ApplicationBinding
from lback.core.types import AppSession, HTTPMethod, MultiDict, Request, UploadedFile


def request_to(path: str = "/", method: str = "GET", /, **environ: Any) -> Request:
    """Build a request as a server hands it over."""
    return Request.from_environ({"REQUEST_METHOD": method, "PATH_INFO": path, **environ})


def by_hand(
    path: str = "/",
    method: str | HTTPMethod = "GET",
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **environ: Any,
) -> Request:
    return Request(path, method, body, headers or {}, environ)


def configured(config: Config, **environ: Any) -> Request:
    request = request_to("/", **environ)
    request.bind(ApplicationBinding({"config": config}))
    return request


def upload(name: str = "a.txt") -> UploadedFile:
    return UploadedFile(name, "text/plain", io.BytesIO(b"data"), "f", 4)


class CountingInput(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


# Method and path.


@pytest.mark.parametrize("method", ["GET", "get", "Get", HTTPMethod.GET])
def test_a_known_method_is_a_member_however_it_was_written(method: str) -> None:
    assert by_hand("/", method).method is HTTPMethod.GET
    assert request_to("/", str(method)).method is HTTPMethod.GET


def test_an_unknown_method_is_upper_case_text() -> None:
    for request in (by_hand("/", "propfind"), request_to("/", "propfind")):
        assert request.method == "PROPFIND"
        assert not isinstance(request.method, HTTPMethod)
        assert request.error is None


@pytest.mark.parametrize("method", ["", "G ET", "GET\r\n", "GÉT", "G/T"])
def test_a_method_that_is_not_a_token_is_a_fault_to_be_answered(method: str) -> None:
    fault = request_to("/", method).error
    assert isinstance(fault, BadRequest)
    assert fault.message == "the method is not a token"


@pytest.mark.parametrize(
    "path",
    ["/", "/a/b", "//host/x", "/a//b", "/a/../b", "/./a", "/a?b=c", "/a#b", "/a;b", "/a b", "/%41",
     "*", "http://host/x", "/a\nb"],
)  # fmt: skip
def test_a_path_is_kept_as_the_server_decoded_it(path: str) -> None:
    for request in (request_to(path), by_hand("/other?x=1", PATH_INFO=path)):
        assert request.path == path
    assert request_to(path).GET == {}


def test_a_path_is_utf_8_behind_the_latin_1_of_wsgi() -> None:
    native = "/caf\u00e9/\u65e5".encode().decode("latin-1")
    assert request_to(native).path == "/café/日"
    assert by_hand(PATH_INFO=native).path == "/café/日"


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    request = request_to("/\xff")
    assert isinstance(request.error, BadRequest)
    assert request.error.message == "the path is not UTF-8"
    assert request.path == "/\xff"
    assert isinstance(by_hand(PATH_INFO="/\xff").error, BadRequest)


def test_an_empty_path_is_the_root() -> None:
    assert request_to("").path == "/"
    assert by_hand("").path == "/"
    assert by_hand("?a=1").path == "/"
    assert Request.from_environ({"REQUEST_METHOD": "GET"}).path == "/"


@pytest.mark.parametrize("path", ["/plain", "/café", "/日本", "/ÿ"])
def test_a_path_given_by_hand_is_decoded_already(path: str) -> None:
    assert by_hand(path).path == path
    assert by_hand(PATH_INFO=path + "日").path == path + "日"


@pytest.mark.parametrize(
    ("environ", "raw"),
    [
        ({"RAW_URI": "/a%2Fb/%7Ec?x=/y"}, "/a%2Fb/%7Ec"),
        ({"REQUEST_URI": "/a%2Fb"}, "/a%2Fb"),
        ({"RAW_URI": "/", "REQUEST_URI": "/other"}, "/"),
        ({"RAW_URI": "http://evil.example/a%2Fb?x=1"}, "/a%2Fb"),
        ({"RAW_URI": "http://evil.example"}, "/"),
        ({"RAW_URI": "//evil.example/a"}, "//evil.example/a"),
        ({"RAW_URI": "/a b\r\nX: \xe9"}, "/a%20b%0D%0AX:%20%E9"),
        ({"RAW_URI": "*"}, "*"),
        ({}, "/a/b/~c%20%C3%A9"),
        ({"RAW_URI": "", "SCRIPT_NAME": "/app"}, "/app/a/b/~c%20%C3%A9"),
    ],
)
def test_the_raw_path_is_what_the_client_sent(environ: dict[str, str], raw: str) -> None:
    request = request_to("/a/b/~c \xc3\xa9", **environ)
    assert request.raw_path == raw
    assert request.path == "/a/b/~c é"


def test_the_raw_path_of_a_request_by_hand_is_encoded() -> None:
    assert by_hand("/a é?q=1").raw_path == "/a%20%C3%A9"
    assert request_to("").raw_path == "/"


def test_a_query_may_be_given_with_the_path() -> None:
    request = by_hand("/a?x=1&x=2?&y=日%C3%A9")
    assert request.path == "/a"
    assert request.GET == {"x": ["1", "2?"], "y": "日é"}
    assert by_hand("/a?x=1", QUERY_STRING="x=2").GET == {"x": "2"}


# Query, headers, cookies.


def test_query_parameters_are_text_or_a_list() -> None:
    request = request_to(QUERY_STRING="a=1&b=1&b=2&c=&d=%C3%BC")
    expected = {"a": "1", "b": ["1", "2"], "c": "", "d": "ü"}

    assert request.query_params == expected
    assert request.GET is request.query_params
    assert isinstance(request.GET, MultiDict)
    assert request.GET.getlist("a") == ["1"]
    assert request_to().GET == {}


def test_a_query_that_was_not_encoded_is_read_as_utf_8() -> None:
    assert request_to(QUERY_STRING="a=ü".encode().decode("latin-1")).GET == {"a": "ü"}
    assert request_to(QUERY_STRING="a=\xff").GET == {"a": "\ufffd"}
    assert request_to(QUERY_STRING="a=日").GET == {"a": "?"}


def test_the_number_of_query_parameters_is_limited() -> None:
    request = request_to(QUERY_STRING="a&b&c")
    request.bind(ApplicationBinding(limits=Limits(query_params=2)))
    for _ in range(2):
        with pytest.raises(BadRequest, match="more than 2 parameters"):
            _ = request.GET
    with pytest.raises(BadRequest):
        _ = request_to(QUERY_STRING="&".join("a" * 1001)).GET


HEADER_NAME = st.text("abcXYZ-", min_size=1)


@given(HEADER_NAME, st.text(max_size=10))
def test_a_header_is_found_in_any_case(name: str, value: str) -> None:
    variable = "HTTP_" + name.upper().replace("-", "_")
    for request in (by_hand(headers={name: value}), request_to(**{variable: value})):
        for spelling in (name, name.upper(), name.lower(), name.title(), name.replace("-", "_")):
            assert request.headers[spelling] == value
            assert request.headers.get(spelling) == value
            assert spelling in request.headers
        assert list(request.headers) == [name.upper()]


def test_headers_come_from_the_environ() -> None:
    headers = request_to(
        CONTENT_TYPE="text/plain",
        CONTENT_LENGTH="3",
        HTTP_AUTHORIZATION="Bearer x",
        SERVER_NAME="x",
    ).headers

    assert headers == {
        "AUTHORIZATION": "Bearer x", "CONTENT-TYPE": "text/plain", "CONTENT-LENGTH": "3",
    }  # fmt: skip
    assert headers.get("authorization") == "Bearer x"
    assert headers.get("X-None") is None
    assert headers.get("X-None", "default") == "default"
    assert request_to(CONTENT_TYPE="", CONTENT_LENGTH="").headers == {}


def test_cookies_are_read_and_a_bad_one_hides_no_other() -> None:
    field = "a=1; bad cookie=2; =3; session=abc%20d"
    for request in (request_to(HTTP_COOKIE=field), by_hand(headers={"Cookie": field})):
        assert request.cookies == {"a": "1", "session": "abc%20d"}
        assert request.cookies is request.cookies
    assert request_to().cookies == {}


def test_the_cookie_field_is_limited() -> None:
    request = request_to(HTTP_COOKIE="a=" + "x" * 8191)
    with pytest.raises(HTTPException, match="longer than 8192 bytes") as refused:
        _ = request.cookies
    assert refused.value.status_code == 431
    assert request_to(HTTP_COOKIE="a=" + "x" * 8190).cookies["a"] == "x" * 8190


def test_meta_is_a_view_of_the_environ_that_no_one_can_write() -> None:
    environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.1"}
    request = Request.from_environ(environ)

    assert request.environ is environ
    assert request.META["REMOTE_ADDR"] == request.meta["REMOTE_ADDR"] == "192.0.2.1"
    meta: Any = request.META
    with pytest.raises(TypeError):
        meta["REMOTE_ADDR"] = "127.0.0.1"


# The body.


@pytest.mark.parametrize(
    ("body", "expected", "text"),
    [("ü", "ü".encode(), "ü"), (b"\xc3\xbc", b"\xc3\xbc", "ü"), (b"\xff", b"\xff", None),
     ("", b"", None), (b"", b"", None), (None, b"", None)],
)  # fmt: skip
def test_a_body_may_be_text_bytes_or_none(
    body: str | bytes | None, expected: bytes, text: str | None
) -> None:
    request = by_hand("/", "POST", body)
    assert request.body_bytes == expected
    assert request.body_text == text


def test_a_body_is_read_from_the_stream_once_and_when_asked_for() -> None:
    source = CountingInput("grüß".encode())
    request = request_to("/", "POST", CONTENT_LENGTH="6", **{"wsgi.input": source})

    assert source.reads == 0
    assert request.body_bytes == "grüß".encode()
    reads = source.reads
    assert request.body_text == "grüß"
    assert request.body_bytes is request.body_bytes
    assert request.body_text is request.body_text
    assert source.reads == reads


def test_a_body_that_is_not_utf_8_has_no_text() -> None:
    source = io.BytesIO(b"\xff\xfe")
    request = request_to(CONTENT_LENGTH="2", **{"wsgi.input": source})
    assert request.body_text is None
    assert request.body_bytes == b"\xff\xfe"


def test_the_stream_is_that_of_the_server() -> None:
    source = io.BytesIO(b"abcdef")
    request = request_to(CONTENT_LENGTH="6", **{"wsgi.input": source})

    assert request.get_body_stream() is source
    assert source.read(4) == b"abcd"
    assert request.body_bytes == b"ef"
    assert request_to().get_body_stream() is None
    assert request_to().body_bytes == b""


def test_a_stream_that_was_read_leaves_an_empty_body() -> None:
    source = io.BytesIO(b"abc")
    request = request_to(CONTENT_LENGTH="3", **{"wsgi.input": source})
    source.read()
    assert request.body_bytes == b""
    assert request.body_text is None

    request = request_to(CONTENT_LENGTH="3", **{"wsgi.input": source})
    source.seek(0)
    assert request.body_bytes == b"abc"


def test_no_length_means_no_body_and_a_wrong_one_is_refused() -> None:
    assert request_to(**{"wsgi.input": io.BytesIO(b"abc")}).body_bytes == b""
    for length, status in (("x", 400), ("-1", 400), ("5", 400), (str(11 * 1024**2), 413)):
        source = CountingInput(b"abc")
        request = request_to(CONTENT_LENGTH=length, **{"wsgi.input": source})
        for _ in range(2):
            with pytest.raises(HTTPException) as refused:
                _ = request.body_bytes
            assert refused.value.status_code == status
            with pytest.raises(HTTPException):
                _ = request.body_text
        assert bool(source.reads) is (length == "5")


def test_a_chunked_body_is_read_under_the_limit() -> None:
    chunked: dict[str, Any] = {"wsgi.input_terminated": True}
    request = request_to(**chunked, **{"wsgi.input": io.BytesIO(b"abc")})
    assert request.body_bytes == b"abc"

    request = request_to(**chunked, **{"wsgi.input": io.BytesIO(b"abcd")})
    request.bind(ApplicationBinding(limits=Limits(body_size=3)))
    with pytest.raises(HTTPException, match="larger than 3 bytes") as refused:
        _ = request.body_bytes
    assert refused.value.status_code == 413


def test_a_parser_opens_the_body_wherever_it_is() -> None:
    opened = [
        by_hand(body="ü").open_body(),
        by_hand(body="ü".encode()).open_body(),
        request_to(CONTENT_LENGTH="2", **{"wsgi.input": io.BytesIO("üx".encode())}).open_body(),
    ]
    assert [stream.read() if stream else None for stream in opened] == ["ü".encode()] * 3
    for request in (by_hand(), by_hand(body=""), by_hand(body=b""), request_to()):
        assert request.open_body() is None
    assert request_to(CONTENT_LENGTH="0", **{"wsgi.input": io.BytesIO(b"abc")}).open_body() is None


# What a parser makes of it.


def test_without_a_parser_there_is_nothing_parsed() -> None:
    request = by_hand("/", "POST", "a=1", {"Content-Type": "application/x-www-form-urlencoded"})

    assert request.parsed_body is None
    assert request.POST == {}
    assert request.DATA == {}
    assert request.files == {}
    assert request.files is request.files


@pytest.mark.parametrize(
    ("method", "post", "data"),
    [("POST", True, True), ("PUT", False, True), ("PATCH", False, True), ("GET", False, False),
     ("DELETE", False, False), ("HEAD", False, False), ("PROPFIND", False, False)],
)  # fmt: skip
def test_the_parsed_body_shows_by_method(method: str, post: bool, data: bool) -> None:
    request = by_hand("/", method)
    request.parsed_body = {"a": "1"}

    assert request.parsed_body == {"a": "1"}
    assert request.POST == ({"a": "1"} if post else {})  # noqa: SIM300  the order of a sentence
    assert request.DATA == ({"a": "1"} if data else {})  # noqa: SIM300  the order of a sentence


@pytest.mark.parametrize("value", [["a"], "text", 1, None])
def test_a_parsed_body_that_is_not_a_mapping_is_none(value: Any) -> None:
    request = by_hand("/", "POST")
    request.parsed_body = {"a": 1}
    request.parsed_body = value
    assert request.parsed_body is None
    assert request.POST == {}


@pytest.mark.parametrize("attribute", ["parsed_body", "files", "POST", "DATA"])
def test_a_parser_is_asked_once_and_late(attribute: str) -> None:
    calls: list[Request] = []
    files: dict[str, Any] = {"f": upload()}

    def parse(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
        calls.append(request)
        return {"a": "1"}, files

    request = by_hand("/", "POST")
    request.set_body_parser(parse)
    assert calls == []
    getattr(request, attribute)
    assert request.parsed_body == request.POST == request.DATA == {"a": "1"}
    assert request.files is files
    assert calls == [request]


@pytest.mark.parametrize("error", [BadRequest("malformed"), OSError("disk full")])
def test_a_parser_that_failed_fails_for_everyone_and_reads_on_for_no_one(error: Exception) -> None:
    calls = []

    def parse(request: Request) -> tuple[None, dict[str, Any]]:
        calls.append(request)
        raise error

    request = by_hand("/", "POST")
    request.set_body_parser(parse)
    for attribute in ("parsed_body", "files", "POST", "DATA", "parsed_body"):
        with pytest.raises(type(error)) as raised:
            getattr(request, attribute)
        assert raised.value is error
    assert len(calls) == 1
    assert request.uploads is None


def test_what_is_set_by_hand_takes_over_from_a_parser() -> None:
    def parse(request: Request) -> tuple[None, dict[str, Any]]:
        raise AssertionError("nobody asked")

    request = by_hand("/", "POST")
    request.set_body_parser(parse)
    files: dict[str, Any] = {"f": [upload(), upload()]}
    request.files = files
    assert request.files is files
    assert request.parsed_body is None

    request.set_body_parser(parse)
    request.parsed_body = {"a": 1}
    assert request.POST == {"a": 1}
    assert request.files is files


def test_uploads_are_closed_with_the_request() -> None:
    request = by_hand("/", "POST")
    request.close()
    one, two, three = upload(), upload(), upload()
    request.files = {"one": one, "more": [two, three]}
    request.close()
    for file in (one, two, three):
        with pytest.raises(ValueError, match="closed file"):
            file.read()


def test_closing_parses_nothing() -> None:
    request = by_hand("/", "POST")
    request.set_body_parser(lambda _: pytest.fail("nobody asked"))
    request.close()
    assert request.context_data == {}


# Where it was sent to.


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"HTTP_HOST": "example.com"}, "example.com"),
        ({"HTTP_HOST": "Example.com:8080"}, "Example.com:8080"),
        ({"HTTP_HOST": "[::1]:8000", "SERVER_NAME": "x"}, "[::1]:8000"),
        ({"HTTP_HOST": "a", "HTTP_X_FORWARDED_HOST": "evil"}, "a"),
        ({"SERVER_NAME": "srv", "SERVER_PORT": "80"}, "srv"),
        ({"SERVER_NAME": "srv", "SERVER_PORT": 8000}, "srv:8000"),
        ({"SERVER_NAME": "srv", "SERVER_PORT": "443", "wsgi.url_scheme": "https"}, "srv"),
        ({"SERVER_NAME": "srv", "SERVER_PORT": "80", "wsgi.url_scheme": "https"}, "srv:80"),
        ({"SERVER_NAME": "srv", "SERVER_PORT": "443"}, "srv:443"),
        ({}, "localhost"),
    ],
)
def test_the_host_is_that_of_the_header_or_of_the_server(
    environ: dict[str, Any], host: str
) -> None:
    assert request_to(**environ).get_host == host


HOSTILE_HOSTS = [
    "", "a b", "a/b", "a\\b", "u@a", "a?b", "a#b", "a:b", "a,b", "a\r\nb", "a\0", "ä", "[::1", "-",
    "<a>", "a%2f", "a;b",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_malformed_host_is_never_used(host: str) -> None:
    request = request_to(HTTP_HOST=host)
    with pytest.raises(BadRequest, match="the Host field is not a valid host name"):
        _ = request.get_host
    for location in (None, "/x", "x", "//other/x"):
        with pytest.raises(BadRequest):
            request.build_absolute_uri(location)


FORWARDED = {
    "HTTP_HOST": "inner",
    "HTTP_X_FORWARDED_HOST": "outer.example",
    "HTTP_X_FORWARDED_PROTO": "HTTPS",
    "wsgi.url_scheme": "http",
}


@pytest.mark.parametrize(
    ("address", "settings", "host", "secure"),
    [
        ("10.0.0.1", {}, "inner", False),
        ("10.0.0.1", {"TRUSTED_PROXIES": ["10.0.0.0/8"]}, "inner", True),
        ("192.0.2.1", {"TRUSTED_PROXIES": ["10.0.0.0/8"]}, "inner", False),
        (
            "10.0.0.1",
            {"TRUSTED_PROXIES": ["10.0.0.1"], "USE_X_FORWARDED_HOST": True},
            "outer.example",
            True,
        ),
        (
            "192.0.2.1",
            {"TRUSTED_PROXIES": ["10.0.0.1"], "USE_X_FORWARDED_HOST": True},
            "inner",
            False,
        ),
        ("10.0.0.1", {"USE_X_FORWARDED_HOST": True}, "inner", False),
    ],
)
def test_forwarding_headers_are_believed_from_trusted_proxies_only(
    address: str, settings: dict[str, Any], host: str, secure: bool
) -> None:
    request = configured(Config(None, settings=settings), REMOTE_ADDR=address, **FORWARDED)

    assert request.get_host == host
    assert request.is_secure is secure
    scheme = "https" if secure else "http"
    assert request.build_absolute_uri("/x") == f"{scheme}://{host}/x"


def test_a_trusted_proxy_that_forwards_no_host_leaves_the_field() -> None:
    config = Config(None, settings={"TRUSTED_PROXIES": ["10.0.0.1"], "USE_X_FORWARDED_HOST": True})
    assert configured(config, REMOTE_ADDR="10.0.0.1", HTTP_HOST="a").get_host == "a"
    request = configured(
        config, REMOTE_ADDR="10.0.0.1", HTTP_HOST="a", HTTP_X_FORWARDED_HOST="a b, c"
    )
    with pytest.raises(BadRequest):
        _ = request.get_host


@pytest.mark.parametrize(
    ("proto", "host", "uri"),
    [
        ("https,http", "shop.example", "https://shop.example/"),
        ("https, https", "shop.example:8443, inner", "https://shop.example:8443/"),
        (" HTTPS , http", "shop.example,inner,inner2", "https://shop.example/"),
        ("http,https", " shop.example , inner", "http://shop.example/"),
        (",https", ",shop.example", "http://inner/"),
    ],
)
def test_of_a_list_from_several_proxies_the_word_of_the_first_counts(
    proto: str, host: str, uri: str
) -> None:
    config = Config(None, settings={"TRUSTED_PROXIES": ["10.0.0.1"], "USE_X_FORWARDED_HOST": True})
    sent = {"HTTP_X_FORWARDED_PROTO": proto, "HTTP_X_FORWARDED_HOST": host, "HTTP_HOST": "inner"}
    request = configured(config, REMOTE_ADDR="10.0.0.1", **sent)
    assert request.build_absolute_uri("/") == uri
    stranger = configured(config, REMOTE_ADDR="192.0.2.1", **sent)
    assert stranger.build_absolute_uri("/") == "http://inner/"


@pytest.mark.parametrize(
    ("environ", "secure"),
    [
        ({"wsgi.url_scheme": "https"}, True),
        ({"wsgi.url_scheme": "http"}, False),
        ({}, False),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, True),
        ({"HTTP_X_FORWARDED_PROTO": "http"}, False),
        ({"HTTP_X_FORWARDED_PROTO": "httpsx"}, False),
    ],
)
def test_a_request_without_a_configuration_believes_what_it_says(
    environ: dict[str, Any], secure: bool
) -> None:
    assert request_to(**environ).is_secure is secure


# What Django answers for the same requests; where ours differs, the test below says so.
@pytest.mark.parametrize(
    ("path", "query", "location", "uri"),
    [
        ("/a/b", "", None, "http://h/a/b"),
        ("/a/b", "x=1&y=2", None, "http://h/a/b?x=1&y=2"),
        ("/", "", None, "http://h/"),
        ("", "", None, "http://h/"),
        ("//evil.example/x", "", None, "http://h//evil.example/x"),
        ("/ü b/日", "", None, "http://h/%C3%BC%20b/%E6%97%A5"),
        ("/a?b#c%", "", None, "http://h/a%3Fb%23c%25"),
        ("/a;b=c", "", None, "http://h/a%3Bb%3Dc"),
        ("/a:b@c&d+e$f,g", "", None, "http://h/a:b@c&d+e$f,g"),
        ("/a", "x=%C3%BC&y=a+b", None, "http://h/a?x=%C3%BC&y=a+b"),
        ("/a", 'x="<b>"', None, "http://h/a?x=%22%3Cb%3E%22"),
        ("/a/b", "x=1", "/c", "http://h/c"),
        ("/a/b", "x=1", "/c?y=2#z", "http://h/c?y=2#z"),
        ("/a/b", "x=1", "c", "http://h/a/c"),
        ("/a/b/", "x=1", "c", "http://h/a/b/c"),
        ("/a/b/", "", "../c", "http://h/a/c"),
        ("/a/b/", "", "/c/../d/./e", "http://h/d/e"),
        ("/a/b", "x=1", "?y=2", "http://h/a/b?y=2"),
        ("/a/b", "", "#top", "http://h/a/b#top"),
        ("/a/b", "x=1", "", "http://h/a/b"),
        ("/a/b", "", "//other/c", "http://other/c"),
        ("/a/b", "", "///c", "http://h/c"),
        ("/a/b", "", "http:c", "http://h/a/c"),
        ("/a/b", "", "http://other", "http://other"),
        ("/a/b", "", "https://other/c?d#e", "https://other/c?d#e"),
        ("/a/b", "", "mailto:someone@example.com", "mailto:someone@example.com"),
        ("/a/b", "", "/ü b", "http://h/%C3%BC%20b"),
        ("/a/b", "", "/%C3%BC", "http://h/%C3%BC"),
        ("/ü/b", "", "c", "http://h/%C3%BC/c"),
    ],
)
def test_an_absolute_uri_is_that_of_django(
    path: str, query: str, location: str | None, uri: str
) -> None:
    request = request_to(
        path.encode().decode("latin-1"), HTTP_HOST="h", QUERY_STRING=query, SCRIPT_NAME=""
    )
    assert request.build_absolute_uri(location) == uri


def test_a_full_url_is_returned_as_it_is() -> None:
    # Django would quote it; we leave alone what is none of our making.
    assert request_to(HTTP_HOST="h").build_absolute_uri("http://ü/ b") == "http://ü/ b"


def test_an_application_below_a_prefix_says_so() -> None:
    script = "/\u00e4pp;1".encode().decode("latin-1")
    request = request_to("/b", HTTP_HOST="h:81", SCRIPT_NAME=script, **{"wsgi.url_scheme": "https"})

    assert request.build_absolute_uri() == "https://h:81/%C3%A4pp%3B1/b"
    assert request.build_absolute_uri("c") == "https://h:81/%C3%A4pp%3B1/c"
    assert request.build_absolute_uri("/c") == "https://h:81/c"


def test_a_query_that_was_not_encoded_is_encoded_in_a_uri() -> None:
    native = "x=ü".encode().decode("latin-1")
    expected = "http://h/?x=%C3%BC"
    assert request_to(HTTP_HOST="h", QUERY_STRING=native).build_absolute_uri() == expected
    assert by_hand("/?x=ü", headers={"Host": "h"}).build_absolute_uri() == expected
    assert by_hand("/", HTTP_HOST="x", SERVER_NAME="h").build_absolute_uri() == "http://h/"


@given(st.text("/\\@:?#. h\u00fc", max_size=12) | st.text(max_size=20), st.text(max_size=12))
def test_no_path_can_pose_as_a_host(path: str, query: str) -> None:
    native = f"/{path}".encode().decode("latin-1")
    request = request_to(native, HTTP_HOST="host.example", QUERY_STRING=query)
    uri = request.build_absolute_uri()

    assert uri.isascii()
    assert urlsplit(uri).netloc == "host.example"
    assert urlsplit(request.build_absolute_uri("x")).netloc == "host.example"


# The context.

PROPERTIES = [
    "user", "session", "config", "router", "dispatcher", "error_handler", "template_renderer",
    "session_manager", "user_manager", "admin_user_manager", "admin_registry", "db_session",
]  # fmt: skip


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_context_property_is_none_until_it_is_set(name: str) -> None:
    request = by_hand()
    assert getattr(request, name) is None
    assert request.get_context(name) is None
    assert request.get_context(name, "default") == "default"

    for value in (object(), AppSession()):
        request.set_context(**{name: value})
        assert getattr(request, name) is value
        assert request.get_context(name) is value
        setattr(request, name, None)
        assert getattr(request, name) is None
        setattr(request, name, value)
        assert request.get_context(name) is value


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_context_property_shows_in_the_combined_view(name: str) -> None:
    request = by_hand()
    value = object()
    request.set_context(**{name: value})
    assert request.context_data == {name: value}


def test_anything_may_be_kept_under_a_name_of_its_own() -> None:
    request = by_hand()
    request.set_context(tenant="a", locale="de")
    request.add_context("flags", [1])

    assert request.get_context("tenant") == "a"
    assert request.get_context("flags") == [1]
    assert request.get_context("none") is None
    assert request.get_context("none", 5) == 5
    assert request.context_data == {"tenant": "a", "locale": "de", "flags": [1]}


def test_the_combined_view_is_a_copy() -> None:
    request = by_hand()
    request.set_context(tenant="a")
    request.context_data["tenant"] = "b"
    assert request.get_context("tenant") == "a"


@pytest.mark.parametrize(
    "name",
    ["environ", "GET", "POST", "DATA", "META", "body_bytes", "body_text", "headers", "cookies",
     "path", "method", "query_params", "set_context", "get_context", "from_environ", "is_secure",
     "get_host", "build_absolute_uri", "context_data", "close"],
)  # fmt: skip
def test_the_context_shadows_nothing_of_the_request(name: str) -> None:
    request = by_hand()
    before = request.context_data
    refusal = f"request.{name} cannot be set from the context; use another name"
    with pytest.raises(ValueError, match=refusal):
        request.set_context(**{name: 1})
    with pytest.raises(ValueError, match=refusal):
        request.add_context(name, 1)
    assert request.context_data == before


def test_known_items_are_kept_in_one_place() -> None:
    request = by_hand("/", "POST")
    files: dict[str, Any] = {"f": upload()}
    request.set_context(path_params={"id": 1}, parsed_body={"a": 1}, files=files)

    assert request.path_params == request.get_context("path_params") == {"id": 1}
    assert request.POST == request.get_context("parsed_body") == {"a": 1}
    assert request.files is request.get_context("files") is files
    assert request.context_data == {
        "path_params": {"id": 1}, "parsed_body": {"a": 1}, "files": files,
    }  # fmt: skip


def test_path_parameters_are_empty_before_the_request_is_routed() -> None:
    request = by_hand()
    assert request.path_params == {}
    request.path_params = {"id": 7}
    assert request.path_params == {"id": 7}


def test_what_an_application_shares_stands_behind_what_the_request_carries() -> None:
    router: Any = object()
    mine: Any = object()
    shared: dict[str, Any] = {"router": router, "cache": "shared cache", "user": None}
    request = by_hand()
    request.user = "ann"
    request.bind(ApplicationBinding(shared))

    assert request.router is router
    assert request.get_context("router") is router
    assert request.get_context("cache") == "shared cache"
    assert request.user == request.get_context("user") == "ann"
    request.set_context(router=mine)
    assert request.router is request.get_context("router") is mine
    assert request.context_data == {**shared, "router": mine, "user": "ann"}
    assert shared["router"] is router


def test_a_database_session_is_opened_when_it_is_asked_for_and_once() -> None:
    opened: list[Any] = []

    def open_session() -> Any:
        opened.append(object())
        return opened[-1]

    request = by_hand()
    request.bind(ApplicationBinding(open_session=open_session))
    assert request.get_context("db_session") is None
    assert request.context_data == {}
    assert opened == []
    session: Any = request.db_session
    assert session is request.db_session is request.opened_session is opened[0]
    assert request.context_data == {"db_session": session}
    assert len(opened) == 1


def test_a_database_session_set_by_hand_is_not_opened_here() -> None:
    request = by_hand()
    request.bind(ApplicationBinding(open_session=lambda: pytest.fail("nobody asked")))
    mine: Any = object()
    request.db_session = mine
    assert request.db_session is mine
    assert request.opened_session is None


def test_the_repr_shows_method_and_path_and_no_secret() -> None:
    request = by_hand(
        "/sign-in?token=secret1", "POST", "password=secret2", {"Cookie": "session=secret3"}
    )
    request.user = "secret4"
    assert repr(request) == "<Request POST '/sign-in'>"


def test_the_class_shows_what_its_parts_are() -> None:
    assert Request.headers.__doc__ == (
        "The header fields. Lookups ignore case and accept `_` for `-`."
    )
    assert isinstance(vars(Request)["user"], property)


def test_the_address_of_the_client_is_told_by_trusted_proxies_alone() -> None:
    config = Config(None, settings={"TRUSTED_PROXIES": ["10.0.0.0/8"]})
    said = {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert configured(config, REMOTE_ADDR="10.0.0.1", **said).client_address == "203.0.113.9"
    assert configured(config, REMOTE_ADDR="192.0.2.1", **said).client_address == "192.0.2.1"
    assert Request("/", "GET", None, {}, {"REMOTE_ADDR": "10.0.0.1"}).client_address == "10.0.0.1"


def test_a_lazy_value_is_loaded_when_first_read_and_once() -> None:
    request, loads = by_hand(), []

    def load(given: Request) -> list[str]:
        loads.append(given)
        return ["apples"]

    request.add_lazy_context("basket", load)
    assert request.peek_context("basket") is None

    assert request.get_context("basket") == request.get_context("basket") == ["apples"]
    assert loads == [request]
    assert request.peek_context("basket") == ["apples"]


def test_a_value_that_was_set_comes_before_a_lazy_one() -> None:
    for set_first in (True, False):
        request = by_hand()
        steps = [
            lambda r=request: r.set_context(user="Ada"),
            lambda r=request: r.add_lazy_context("user", lambda _: pytest.fail("not asked for")),
        ]
        for step in steps if set_first else reversed(steps):
            step()
        assert request.user == "Ada"


def test_a_lazy_value_that_cannot_be_loaded_raises_at_each_read() -> None:
    request = by_hand()

    def load(_: Request) -> None:
        raise OSError("away")

    request.add_lazy_context("user", load)
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            _ = request.user


def test_a_request_without_an_application_says_so() -> None:
    with pytest.raises(
        ConfigurationError, match="it belongs to no application that has one; send it"
    ):
        _ = by_hand().app


@pytest.mark.parametrize(
    ("name", "variable"),
    [("X-Some-Name", "HTTP_X_SOME_NAME"), ("content-type", "CONTENT_TYPE")],
)
def test_one_header_field_is_read_alone(name: str, variable: str) -> None:
    assert request_to("/", **{variable: "a"}).get_header(name) == "a"
    assert request_to("/").get_header(name) is None
    assert by_hand(headers={name: "b"}, **{variable: "a"}).get_header(name) == "b"
