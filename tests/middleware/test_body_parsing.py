"""Body parsing as a view sees it: values when asked for, or one clear refusal."""

import errno
import io
import logging
import tracemalloc
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import Application
from lback.core.config import Config
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import BodyStream, body_stream
from lback.core.http.multidict import MultiDict
from lback.core.middleware_loader import load_middlewares_from_config
from lback.core.middleware_manager import MiddlewareManager
from lback.core.request import Request
from lback.core.response import Response
from lback.forms import CharField, Form, Formset
from lback.middleware import BodyParsingMiddleware
from lback.testing import Client
from tests.growth import assert_linear

URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"


class CountingInput(io.BytesIO):
    """A `wsgi.input` that knows what was taken from it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def middleware(**settings: Any) -> BodyParsingMiddleware:
    return BodyParsingMiddleware(Config(None, settings=settings))


def request_with(
    body: bytes,
    content_type: str | None,
    method: str = "POST",
    source: io.BytesIO | None = None,
    **environ: Any,
) -> Request:
    """Build a request as a server hands it over, its stream bounded as at the edge."""
    variables: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "wsgi.input": source or io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        **environ,
    }
    if content_type is not None:
        variables["CONTENT_TYPE"] = content_type
    variables["wsgi.input"] = body_stream(variables)
    return Request.from_environ(variables)


def parsed(body: bytes, content_type: str | None, method: str = "POST", **settings: Any) -> Request:
    request = request_with(body, content_type, method)
    middleware(**settings).process_request(request)
    return request


def refusal(request: Request) -> HTTPException:
    """Return why the body was refused; asked again, it is refused again, and holds nothing."""
    with pytest.raises(HTTPException) as refused:
        _ = request.parsed_body
    with pytest.raises(HTTPException):
        _ = request.files
    assert request.uploads is None
    return refused.value


# Nothing is done that nobody asked for.


def test_a_body_that_no_one_asks_for_is_not_read() -> None:
    source = CountingInput(b"a=1")
    request = request_with(b"a=1", URLENCODED, source=source)
    middleware().process_request(request)
    response = Response("done")

    assert middleware().process_response(request, response) is response
    assert source.taken == 0
    assert request.POST == {"a": "1"}
    assert source.taken == 3


def test_the_settings_name_it_by_its_path() -> None:
    config = Config(None, settings={"MIDDLEWARES": ["lback.middleware.BodyParsingMiddleware"]})
    manager = MiddlewareManager()
    load_middlewares_from_config(manager, config, {"config": config})
    request = request_with(b"a=1", URLENCODED)

    assert manager.process_request(request) is None
    assert request.POST == {"a": "1"}
    response = Response("done")
    assert manager.process_response(request, response) is response


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT"])
@pytest.mark.parametrize("content_type", [None, "", URLENCODED, JSON, "multipart/form-data", ";"])
def test_without_a_body_there_are_no_values(method: str, content_type: str | None) -> None:
    request = parsed(b"", content_type, method)

    assert request.parsed_body is None
    assert request.POST == {}
    assert request.DATA == {}
    assert request.files == {}


def test_an_empty_chunked_body_holds_no_values() -> None:
    for content_type in (URLENCODED, JSON, "multipart/form-data; boundary=b"):
        chunked: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        request = request_with(b"", content_type, **chunked)
        middleware().process_request(request)
        assert isinstance(request.environ["wsgi.input"], BodyStream)
        assert request.parsed_body is None
        assert request.files == {}


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/octet-stream", "multipart/mixed; boundary=b", "json",
     "text/json", "application/jsonp", "application/xml+json/x", "x" * 60_000],
)  # fmt: skip
def test_a_body_of_another_type_is_left_to_the_view(content_type: str | None) -> None:
    request = parsed(b'{"a": 1}', content_type)

    assert request.parsed_body is None
    assert request.files == {}
    assert request.body_text == '{"a": 1}'


# Urlencoded forms.


def test_a_form_becomes_text_and_lists() -> None:
    request = parsed(b"name=J%C3%BCrgen+K&tag=a&tag=b&empty=&bare&=x", URLENCODED)

    assert isinstance(request.parsed_body, MultiDict)
    assert request.POST == request.DATA == {
        "name": "Jürgen K", "tag": ["a", "b"], "empty": "", "bare": "", "": "x",
    }  # fmt: skip
    assert request.POST.getlist("tag") == ["a", "b"]  # type: ignore[attr-defined]  # a MultiDict
    assert request.files == {}


@given(st.dictionaries(st.text(), st.lists(st.text(), min_size=1, max_size=3)))
def test_every_form_comes_back_as_it_was_sent(fields: dict[str, list[str]]) -> None:
    request = parsed(urlencode(fields, doseq=True).encode(), URLENCODED)
    expected = {name: values if len(values) > 1 else values[0] for name, values in fields.items()}

    assert (request.parsed_body or {}) == expected


@pytest.mark.parametrize(
    "content_type",
    [
        f"{URLENCODED}; charset=utf-8",
        f"{URLENCODED};charset=UTF-8",
        f'{URLENCODED} ; charset="utf-8"',
        f"{URLENCODED.upper()}; Charset=us-ascii",
        f" {URLENCODED};",
    ],
)
def test_the_type_may_be_written_in_many_ways(content_type: str) -> None:
    assert parsed(b"a=1", content_type).POST == {"a": "1"}


@pytest.mark.parametrize("body", [b"a=%FF", b"%C3=1", b"a=\xff", b"a=\xed\xa0\x80", b"a=%ED%A0%80"])
def test_a_form_that_is_not_utf_8_is_refused_rather_than_garbled(body: bytes) -> None:
    error = refusal(parsed(body, URLENCODED))

    assert error.status_code == 400
    assert error.message == "the form is not valid UTF-8"


@pytest.mark.parametrize("value", ["%", "%zz", "100%", "%2", "%%41"])
def test_a_percent_sign_that_encodes_nothing_stands_for_itself(value: str) -> None:
    request = parsed(f"a={value}".encode(), URLENCODED)
    assert request.POST["a"] == value.replace("%41", "A")


def test_the_number_of_fields_is_limited() -> None:
    assert len(parsed(b"&".join([b"a=1"] * 3), URLENCODED, MAX_FORM_FIELDS=3).POST["a"]) == 3
    error = refusal(parsed(b"&".join([b"a=1"] * 4), URLENCODED, MAX_FORM_FIELDS=3))

    assert error.status_code == 400
    assert error.message == "more than 3 parameters (MAX_FORM_FIELDS)"


@pytest.mark.parametrize(
    ("value", "size"), [("x" * 100, 100), ("é" * 50, 100), ("😀" * 25, 100), ("a" * 60, 60)]
)
def test_the_size_of_a_field_is_limited_in_bytes(value: str, size: int) -> None:
    body = urlencode({"small": "1", "big": value}).encode() + b"&small=2&pad=" + b"x" * 60
    assert parsed(body, URLENCODED, MAX_FORM_FIELD_SIZE=size).POST["big"] == value

    error = refusal(parsed(body, URLENCODED, MAX_FORM_FIELD_SIZE=size - 1))
    assert error.status_code == 413
    assert error.message == f"field 'big' is larger than {size - 1} bytes (MAX_FORM_FIELD_SIZE)"


# JSON, whose rules are told in test_json_body.py.


@pytest.mark.parametrize(
    "content_type",
    [JSON, "application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json",
     "application/merge-patch+json", "application/problem+json; profile=x"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_json_object_becomes_data(content_type: str, method: str) -> None:
    request = parsed('{"a": [1, {"b": "ü"}]}'.encode(), content_type, method)

    assert request.DATA == request.parsed_body == {"a": [1, {"b": "ü"}]}
    assert dict(request.POST) == (request.DATA if method == "POST" else {})
    assert request.body_text == '{"a": [1, {"b": "ü"}]}'


@pytest.mark.parametrize("text", ["[1, 2]", "1", '"a"', "null", "true", "[]"])
def test_json_that_is_not_an_object_stays_text(text: str) -> None:
    request = parsed(text.encode(), JSON)

    assert request.parsed_body is None
    assert request.DATA == {}
    assert request.body_text == text


def test_malformed_json_is_refused_each_time() -> None:
    request = parsed(b'{"a": 1', JSON)
    assert refusal(request).status_code == 400
    assert refusal(request).message == "the body is not valid JSON: Input data was truncated"
    assert request.body_text == '{"a": 1'


def test_the_depth_of_json_is_a_setting() -> None:
    assert parsed(b'{"a": {"b": {}}}', JSON, MAX_JSON_DEPTH=3).DATA == {"a": {"b": {}}}
    error = refusal(parsed(b'{"a": {"b": {}}}', JSON, MAX_JSON_DEPTH=2))
    assert error.message == "the JSON is nested deeper than 2 levels (MAX_JSON_DEPTH)"


# What holds for all of them.

EACH_TYPE = pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"a=1"),
        (JSON, b'{"a": "1"}'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
        ),
    ],
    ids=["urlencoded", "json", "multipart"],
)


@EACH_TYPE
def test_a_body_given_to_the_request_is_parsed(content_type: str, body: bytes) -> None:
    for given_body in (body, body.decode()):
        request = Request("/", "POST", given_body, {"content-type": content_type}, {})
        middleware().process_request(request)
        assert request.POST == {"a": "1"}
        assert request.body_bytes == body


@EACH_TYPE
def test_a_body_that_was_read_already_is_parsed(content_type: str, body: bytes) -> None:
    request = parsed(body, content_type)

    assert request.body_bytes == body
    assert request.POST == {"a": "1"}
    assert request.body_bytes == body


@EACH_TYPE
def test_a_request_outside_an_application_is_parsed(content_type: str, body: bytes) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body + b"the next request"),
    }
    request = Request.from_environ(environ)
    middleware().process_request(request)

    assert request.POST == {"a": "1"}
    assert environ["wsgi.input"].read() == b"the next request"  # type: ignore[attr-defined]  # BytesIO


@EACH_TYPE
def test_what_was_taken_from_the_stream_is_not_half_parsed(
    content_type: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    request = parsed(body, content_type)
    stream = request.get_body_stream()
    assert stream is not None
    stream.read(1)

    with caplog.at_level(logging.WARNING):
        assert request.parsed_body is None
    assert request.files == {}
    assert caplog.messages == ["body already read as a stream: parsed_body and files stay empty"]


@EACH_TYPE
def test_values_put_there_by_hand_are_kept(content_type: str, body: bytes) -> None:
    request = parsed(body, content_type)
    request.parsed_body = {"by": "hand"}
    assert request.POST == {"by": "hand"}
    assert request.files == {}

    request = parsed(body, content_type)
    request.files = {}
    assert request.files == {}
    assert request.parsed_body is None


@EACH_TYPE
def test_a_body_shorter_than_declared_is_refused(content_type: str, body: bytes) -> None:
    request = request_with(body, content_type, CONTENT_LENGTH=str(len(body) + 5))
    middleware().process_request(request)
    error = refusal(request)

    assert error.status_code == 400
    assert error.message == f"the body ended after {len(body)} of {len(body) + 5} bytes"


@EACH_TYPE
def test_a_chunked_body_over_the_limit_is_refused(content_type: str, body: bytes) -> None:
    source = CountingInput(body + b" " * 10_000_000)
    request = Request.from_environ(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": content_type,
            "wsgi.input": BodyStream(source, None, 1_000_000),
        }
    )
    middleware().process_request(request)
    if content_type.startswith("multipart"):
        # What follows the last boundary is read by nobody.
        assert request.POST == {"a": "1"}
    else:
        assert refusal(request).status_code == 413
    assert source.taken < 1_200_000


@EACH_TYPE
def test_a_declared_length_over_the_limit_is_refused_unread(content_type: str, body: bytes) -> None:
    source = CountingInput(body)
    request = Request.from_environ(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(11 * 1024 * 1024),
            "wsgi.input": source,
        }
    )
    middleware().process_request(request)

    assert refusal(request).status_code == 413
    assert source.taken == 0


@EACH_TYPE
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "identity, gzip", "GZIP"])
def test_a_compressed_body_is_not_inflated(content_type: str, body: bytes, encoding: str) -> None:
    source = CountingInput(body)
    request = request_with(body, content_type, HTTP_CONTENT_ENCODING=encoding, source=source)
    middleware().process_request(request)
    error = refusal(request)

    assert error.status_code == 415
    assert error.message == "the body is compressed; send it uncompressed"
    assert source.taken == 0


@EACH_TYPE
def test_identity_is_not_compression(content_type: str, body: bytes) -> None:
    request = request_with(body, content_type, HTTP_CONTENT_ENCODING=" Identity")
    middleware().process_request(request)
    assert request.POST == {"a": "1"}


@EACH_TYPE
@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "no-such", "x" * 5000])
def test_another_charset_is_refused_rather_than_guessed(
    content_type: str, body: bytes, charset: str
) -> None:
    error = refusal(parsed(body, f"{content_type}; charset={charset}"))

    assert error.status_code == 415
    assert error.message == f"the body is in {charset[:40]!r}; send UTF-8"


@EACH_TYPE
@pytest.mark.parametrize(
    "charset", ["us-ascii", "iso-8859-1", "latin1", "windows-1252", "utf8", '"UTF-8"', "GBK"]
)
def test_a_charset_with_ascii_in_it_is_accepted(
    content_type: str, body: bytes, charset: str
) -> None:
    assert parsed(body, f"{content_type}; charset={charset}").POST == {"a": "1"}


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("body", ["a=ü".encode(), b"a=%C3%BC", b"a=\xfc", b"a=%FC"])
def test_a_labelled_form_is_utf_8_or_else_what_it_says(charset: str, body: bytes) -> None:
    assert parsed(body, f"{URLENCODED}; charset={charset}").POST == {"a": "ü"}


def test_a_labelled_form_has_the_same_limits() -> None:
    kind = f"{URLENCODED}; charset=iso-8859-1"
    assert parsed(b"a=%FC&a=2&b", kind).POST == {"a": ["ü", "2"], "b": ""}
    error = refusal(parsed(b"a=%FC&b=2&c=3", kind, MAX_FORM_FIELDS=2))
    assert error.message == "more than 2 parameters (MAX_FORM_FIELDS)"
    error = refusal(parsed(b"a=%81", f"{URLENCODED}; charset=cp1252"))
    assert (error.status_code, "charset" in error.message) == (400, True)


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=iso-8859-1"])
def test_json_is_utf_8_whatever_its_label_says(charset: str) -> None:
    assert parsed('{"a":"ü"}'.encode(), JSON + charset).POST == {"a": "ü"}
    assert refusal(parsed(b'{"a":"\xfc"}', JSON + charset)).status_code == 400


@EACH_TYPE
@pytest.mark.parametrize(
    "parameters",
    ["; charset", "; charset=", '; charset="utf-8', "; =x", "; a=1; A=2", "; a=b c", "; ä=1",
     "; charset=utf-8; charset=latin-1"],
)  # fmt: skip
def test_a_type_that_cannot_be_read_is_refused(
    content_type: str, body: bytes, parameters: str
) -> None:
    error = refusal(parsed(body, content_type + parameters))

    assert error.status_code == 400
    assert error.message.startswith("Content-Type ")


@EACH_TYPE
@given(data=st.binary(max_size=300), tail=st.text(max_size=40))
def test_no_body_and_no_type_does_worse_than_a_refusal(
    content_type: str, body: bytes, data: bytes, tail: str
) -> None:
    for sent in (data, body + data, body[:-8] + data, data + body):
        for kind in (content_type, content_type + tail, f"{content_type}; {tail}"):
            request = parsed(sent, kind)
            try:
                values = request.parsed_body
            except HTTPException as error:
                assert error.status_code in (400, 413, 415)
            else:
                assert values is None or isinstance(values, dict)
            request.close()


def test_a_failure_that_is_not_the_clients_stays_one_as_well() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "the disk is full")

    request = request_with(b"a=1", URLENCODED, source=Broken())
    middleware().process_request(request)
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is full"):
            _ = request.parsed_body


class NoMoreData(OSError):
    """As Gunicorn says that a client broke off."""


class InvalidChunkSize(Exception):
    """As Gunicorn says that a chunk is malformed."""

    code = 400


@EACH_TYPE
@pytest.mark.parametrize(
    "error", [NoMoreData(), InvalidChunkSize("zz"), ConnectionResetError("gone"), TimeoutError()]
)
def test_a_body_that_breaks_off_is_a_bad_request_on_every_server(
    content_type: str, body: bytes, error: Exception
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

    request = request_with(body, content_type, source=Broken())
    middleware().process_request(request)
    refused = refusal(request)
    assert refused.status_code == 400
    assert refused.message == "the body is incomplete, or its chunks are malformed"


def test_a_mistake_in_what_reads_the_body_stays_one() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise RuntimeError("a mistake")

    request = request_with(b"a=1", URLENCODED, source=Broken())
    middleware().process_request(request)
    with pytest.raises(RuntimeError, match="a mistake"):
        _ = request.parsed_body


def test_a_missing_field_is_a_bad_request_that_names_it() -> None:
    app = Application(DEBUG=True)

    def view(request: Request) -> Any:
        place = request.GET.get("place", "")
        if place == "nested":
            return request.DATA["a"]["title"]
        if place == "own":
            own: dict[str, Any] = {}
            return own["title"]
        return getattr(request, place)["title"]

    app.add_route("/", view, ["GET", "POST", "PUT"], requires_auth=False)
    client = Client(app, headers={"Accept": "application/json"})
    sent: list[dict[str, Any]] = [
        {"data": {"a": "1"}}, {"json": {"a": {}}}, {"files": {"a": b"x"}}, {}, {"json": {}},
    ]  # fmt: skip
    for options in sent:
        for method, place in [("POST", "POST"), ("PUT", "DATA"), ("GET", "GET"), ("POST", "files")]:
            answer = client.request(method, f"/?place={place}", **options)
            assert answer.status_code == 400
            assert answer.json()["data"]["error"] == "the field 'title' is missing"
    for place in ("nested", "own"):
        assert client.post(f"/?place={place}", json={"a": {}}).status_code == 500


def test_a_missing_field_is_a_key_error_as_well() -> None:
    request = parsed(b"a=1", URLENCODED)
    with pytest.raises(KeyError):
        _ = request.POST["title"]
    assert request.POST.get("title", "none") == "none"
    assert "title" not in request.POST


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b'["a"]', JSON, 400), (b'"text"', JSON, 400), (b"null", JSON, 400), (b"1", JSON, 400),
     (b"title=a", "text/plain", 415), (b"<title>a</title>", "application/xml", 415)],
)  # fmt: skip
def test_a_form_is_not_made_of_a_body_that_is_none(body: bytes, kind: str, status: int) -> None:
    class Title(Form):
        title = CharField(required=False)

    for use in (
        Title.of,
        lambda request: Title(request.POST),
        lambda request: Formset.of(request, Title),
        lambda request: request.DATA["title"],
    ):
        request = parsed(body, kind)
        with pytest.raises(HTTPException) as refused:
            use(request)
        assert refused.value.status_code == status
    assert parsed(body, kind).POST == {}
    assert parsed(b"", kind).POST == {}


@pytest.mark.parametrize("kind", [URLENCODED, JSON, "multipart/form-data"])
@pytest.mark.parametrize(
    "tail",
    [";" * 60_000, "; a=" + '"\\' * 30_000, "; " + "a" * 60_000, ";a=\"'" * 12_000,
     "; boundary=" + "b" * 60_000, "; " * 30_000 + "=", ' "' * 30_000],
    ids=range(7),
)  # fmt: skip
def test_a_hostile_content_type_is_read_in_linear_time(kind: str, tail: str) -> None:
    def read(tail: str) -> None:
        request = parsed(b"a=1", kind + tail)
        try:
            _ = request.parsed_body
        except HTTPException as error:
            assert error.status_code in (400, 415)
            assert len(error.message) < 200

    assert_linear(read, tail)


def test_a_form_made_by_the_standard_library_is_read() -> None:
    message = MIMEMultipart("form-data", boundary="=_email_1")
    part = MIMEText("Grüße", "plain", "utf-8")
    part.replace_header("Content-Transfer-Encoding", "8bit")
    part.set_payload("Grüße".encode().decode("ascii", "surrogateescape"))
    del part["MIME-Version"]
    part.add_header("Content-Disposition", "form-data", name="text")
    message.attach(part)
    raw = message.as_bytes().partition(b"\n\n")[2].replace(b"\n", b"\r\n")

    request = parsed(raw, message["Content-Type"])
    assert request.POST == {"text": "Grüße"}


def test_many_parameters_are_refused_within_bounded_memory() -> None:
    body = b"&".join(b"a%d=1" % number for number in range(100_000))
    tracemalloc.start()
    try:
        assert refusal(parsed(body, URLENCODED)).status_code == 400
        assert tracemalloc.get_traced_memory()[1] < 96 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_bad_requests_tell_what_is_wrong_in_their_class() -> None:
    with pytest.raises(BadRequest):
        _ = parsed(b"{", JSON).DATA
    with pytest.raises(BadRequest):
        _ = parsed(b"{", JSON).POST
