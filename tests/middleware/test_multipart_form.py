"""Multipart forms: what browsers send comes through whole, and everything else not at all."""

import gc
import io
import os
import tempfile
import tracemalloc
from base64 import encodebytes
from collections.abc import Callable, Iterator
from email.encoders import encode_7or8bit
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.config import Config
from lback.core.exceptions import HTTPException
from lback.core.http.body import BodyStream
from lback.core.http.uploaded_file import UploadedFile
from lback.core.request import Request
from lback.middleware import BodyParsingMiddleware
from tests.growth import assert_linear

MIB = 1024 * 1024
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
END = f"--{BOUNDARY}--\r\n".encode()
made: list[Request] = []


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name it has there
        """Keep the output of the tests clean."""


@pytest.fixture(autouse=True)
def closed_requests() -> Iterator[None]:
    """Close the uploads of each request, as the controller does."""
    yield
    close_all()


def close_all() -> None:
    while made:
        made.pop().close()


def part(
    disposition: str | bytes, content: bytes, *headers: str, boundary: str = BOUNDARY
) -> bytes:
    if isinstance(disposition, str):
        disposition = disposition.encode()
    lines = [b"--" + boundary.encode(), b"Content-Disposition: form-data; " + disposition]
    return b"\r\n".join([*lines, *(line.encode() for line in headers), b"", content, b""])


def text(name: str, value: bytes | str) -> bytes:
    return part(f'name="{name}"', value.encode() if isinstance(value, str) else value)


def file(name: str, filename: str, content: bytes, kind: str = "text/plain") -> bytes:
    return part(f'name="{name}"; filename="{filename}"', content, f"Content-Type: {kind}")


def request_with(
    *parts: bytes, boundary: str = BOUNDARY, source: io.BytesIO | None = None, **settings: Any
) -> Request:
    body = b"".join(parts)
    request = Request.from_environ(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "CONTENT_TYPE": f'multipart/form-data; boundary="{boundary}"',
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": source or io.BytesIO(body),
        }
    )
    BodyParsingMiddleware(Config(None, settings=settings)).process_request(request)
    made.append(request)
    return request


def refusal(*parts: bytes, **options: Any) -> HTTPException:
    request = request_with(*parts, **options)
    with pytest.raises(HTTPException) as refused:
        _ = request.files
    assert request.uploads is None
    return refused.value


def one(request: Request, name: str) -> UploadedFile:
    uploaded = request.files[name]
    assert isinstance(uploaded, UploadedFile)
    return uploaded


@pytest.fixture
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Count the open temporary files, in a directory of our own; none is left at the end."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("this system does not show which files are open")

    def count() -> int:
        targets = [str(fd.readlink()) for fd in descriptors.iterdir() if fd.is_symlink()]
        return sum(target.startswith(str(tmp_path)) for target in targets)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield count
    close_all()
    gc.collect()
    assert count() == 0
    assert list(tmp_path.iterdir()) == []


# What browsers send.


def test_a_form_with_text_and_a_file() -> None:
    request = request_with(
        text("title", "Grüße"),
        file("photo", "me.png", b"\x89PNG\r\n\x1a\n", "image/PNG; q=1"),
        text("tag", "a"),
        text("tag", "b"),
        END,
    )

    assert request.POST == {"title": "Grüße", "tag": ["a", "b"]}
    photo = one(request, "photo")
    assert (photo.filename, photo.content_type, photo.field_name, photo.size) == (
        "me.png", "image/png", "photo", 8,
    )  # fmt: skip
    assert photo.headers == {
        "Content-Disposition": 'form-data; name="photo"; filename="me.png"',
        "Content-Type": "image/PNG; q=1",
    }
    assert photo.read(4) == b"\x89PNG"
    assert photo.seek(0) == 0
    assert photo.read() == b"\x89PNG\r\n\x1a\n"
    request.close()
    with pytest.raises(ValueError, match="closed file"):
        photo.read()


def test_several_files_of_one_name_are_a_list() -> None:
    request = request_with(file("f", "1", b"one"), file("f", "2", b""), file("f", "3", b"3"), END)
    files = request.files["f"]

    assert isinstance(files, list)
    assert [(f.filename, f.read(), f.size) for f in files] == [
        ("1", b"one", 3), ("2", b"", 0), ("3", b"3", 1),
    ]  # fmt: skip
    assert request.POST == {}


def test_a_file_input_left_empty_is_not_a_file() -> None:
    request = request_with(
        file("f", "", b"", "application/octet-stream"), file("g", "", b"data"), text("a", ""), END
    )

    assert request.POST == {"a": ""}
    assert list(request.files) == ["g"]
    assert one(request, "g").filename == ""


def test_a_file_without_a_type_is_of_unknown_type() -> None:
    request = request_with(part('name="f"; filename="x"', b"data"), END)
    assert one(request, "f").content_type == "application/octet-stream"


def test_an_empty_form_is_a_form_without_values() -> None:
    request = request_with(END)
    assert request.parsed_body == {}
    assert request.parsed_body is not None
    assert request.files == {}


@pytest.mark.parametrize(
    "boundary", ["b", "-" * 70, "a'()+_,-./:=?z", "two words", "a$b", "b{}", "<x@y>", "b" * 200]
)
def test_every_boundary_of_printable_characters_is_read(boundary: str) -> None:
    request = request_with(
        part('name="a"', b"1\r\n--", boundary=boundary),
        f"--{boundary}--".encode(),
        boundary=boundary,
    )
    assert request.POST == {"a": "1\r\n--"}


@pytest.mark.parametrize("before", [b"", b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"epilogue", b"\r\n" * 250_000, END, b"\r\n--"])
def test_what_follows_the_last_boundary_is_ignored(before: bytes, after: bytes) -> None:
    assert request_with(before, text("a", "1"), END, after).POST == {"a": "1"}


@pytest.mark.parametrize(
    "preamble",
    ["This is a multi-part message in MIME format.\r\n", "\r\n\r\n", "\n", "one\ntwo\n",
     "MIME-Version: 1.0\r\nContent-Type: multipart/form-data\r\n\r\n", "-" * 200_000 + "\r\n",
     f"--{BOUNDARY}x\r\n", f"as in --{BOUNDARY}\r\n", "\r" * 70_000 + "\r\n"],
)  # fmt: skip
def test_lines_before_the_first_boundary_are_ignored(preamble: str) -> None:
    assert request_with(preamble.encode(), text("a", "1"), END).POST == {"a": "1"}


@pytest.mark.parametrize("padding", [" ", "\t", " \t " * 30])
def test_blanks_behind_a_boundary_are_not_part_of_it(padding: str) -> None:
    line = f"--{BOUNDARY}"
    for size in (0, 1, 65500, *range(65536 - 150, 65536, 7)):
        body = text("a", "x" * size) + file("f", "f.txt", b"y" * size) + END
        padded = body.replace(line.encode(), line.encode() + padding.encode())
        request = request_with(padded.replace(padding.encode() + b"--", b"--" + padding.encode()))
        assert {"a": "x" * size} == request.POST
        assert one(request, "f").read() == b"y" * size
        close_all()


def test_a_long_header_field_may_be_folded_as_mail_libraries_do() -> None:
    sent = part('name="f";', b"x", ' filename="a b.txt"', boundary=BOUNDARY)
    assert one(request_with(sent, END), "f").filename == "a b.txt"


def test_a_form_made_by_the_mail_package_is_read() -> None:
    form = MIMEMultipart("form-data", boundary=BOUNDARY)
    field = MIMEText("hällo", "plain", "iso-8859-1")
    field.replace_header("Content-Transfer-Encoding", "8bit")
    field.set_payload("hällo".encode("latin-1").decode("ascii", "surrogateescape"))
    field.add_header("Content-Disposition", "form-data", name="title")
    upload = MIMEApplication(b"bytes", _encoder=encode_7or8bit)
    upload.add_header(
        "Content-Disposition", "form-data", name="f", filename=("utf-8", "", "naïve.txt")
    )
    form.attach(field)
    form.attach(upload)

    request = request_with(form.as_bytes(policy=SMTP))

    assert request.POST == {"title": "hällo"}
    assert (one(request, "f").filename, one(request, "f").read()) == ("naïve.txt", b"bytes")


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        ("filename*=utf-8''na%C3%AFve.txt", "naïve.txt"),
        ("filename*=UTF-8'de'na%C3%AFve.txt", "naïve.txt"),
        ("filename*=\"utf-8''na%C3%AFve.txt\"", "naïve.txt"),
        ("filename*=iso-8859-1''na%EFve.txt", "naïve.txt"),
        ("filename=\"naive.txt\"; filename*=utf-8''na%C3%AFve.txt", "naïve.txt"),
        ("filename*=utf-8''na%C3%AFve.txt; filename=\"naive.txt\"", "naïve.txt"),
        ("FileName*=utf-8''a%2Fb%5Cna%C3%AFve.txt", "naïve.txt"),
        ("filename*=no-such''%ff.txt", "\ufffd.txt"),
        ("filename*=plain.txt", "plain.txt"),
        ("filename*0*=utf-8''na%C3%AF; filename*1=\"ve 100%.txt\"", "naïve 100%.txt"),
        ('filename*0="a b"; filename*1="c.txt"', "a bc.txt"),
        ('filename="=?UTF-8?B?bmHDr3ZlLnR4dA==?="', "naïve.txt"),
        ('filename="=?utf-8?q?na=C3=AFve_1.txt?="', "naïve 1.txt"),
        ('filename="=?iso-8859-1?Q?na=EFve?= =?utf-8?Q?.txt?="', "naïve.txt"),
        ('filename="=?x?b?!?="', "=?x?b?!?="),
        ("filename=\"a;filename*=utf-8''b.txt\"", "a;filename*=utf-8''b.txt"),
        ('filename="5*5=?.txt"', "5*5=?.txt"),
    ],
)
def test_a_filename_is_read_in_each_encoding_of_the_standards(
    parameters: str, filename: str
) -> None:
    request = request_with(part(f'name="f"; {parameters}', b"x"), END)
    assert one(request, "f").filename == filename
    assert request.POST == {}


def test_the_name_of_a_field_may_be_encoded_as_well() -> None:
    fields = part("name*=utf-8''gr%C3%B6%C3%9Fe", b"1") + part('name="=?utf-8?q?=C3=BC?="', b"2")
    assert request_with(fields, END).POST == {"größe": "1", "ü": "2"}


def test_where_the_stream_is_cut_makes_no_difference() -> None:
    class Trickle(io.BytesIO):
        step = 1

        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(self.step, size or 0))

    body = (
        b"preamble\r\n"
        + text("a", "\r\n--" * 40)
        + file("f", "x", b"\r\r\n\n" * 40)
        + END
        + b"epilogue"
    )
    for Trickle.step in (1, 2, 3, 7, 64, len(body) - 10, len(body) - 8, len(body)):
        request = request_with(body, source=Trickle(body))
        assert request.POST == {"a": "\r\n--" * 40}
        assert one(request, "f").read() == b"\r\r\n\n" * 40
        close_all()


@pytest.mark.parametrize("size", [65536, 65536 * 2])
def test_an_end_on_the_edge_of_a_piece_is_an_end(size: int) -> None:
    # The first piece that is read is as long as the boundary and four more.
    whole = size + len(BOUNDARY) + 4
    room = whole - len(text("a", "") + END.rstrip())
    for more in (-2, -1, 0, 1, 2):
        request = request_with(text("a", "x" * (room + more)), END)
        assert len(request.POST["a"]) == room + more


# RFC 7578 §4.2 and the HTML standard: quote and line breaks are percent-encoded, nothing else.
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(
    lambda name: "%" not in name and "\\" not in name
)
CONTENT = st.binary(max_size=200) | st.sampled_from([b"\r\n", b"--", b"\r\n--b", b"\r\n--b-"])


def written(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


@given(
    st.lists(st.tuples(NAMES, st.text(st.characters(exclude_categories=["Cs"])))),
    st.lists(st.tuples(NAMES, NAMES.filter(bool), CONTENT), max_size=5),
)
def test_every_form_comes_back_as_it_was_sent(
    fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]]
) -> None:
    request = request_with(
        *(text(written(name), value) for name, value in fields),
        *(file(written(name), written(label), content) for name, label, content in files),
        END,
    )
    sent: dict[str, list[str]] = {}
    for name, value in fields:
        sent.setdefault(name, []).append(value)
    expected = {name: values if len(values) > 1 else values[0] for name, values in sent.items()}

    assert dict(request.POST) == expected
    uploaded: dict[str, list[bytes]] = {}
    for name, _, content in files:
        uploaded.setdefault(name, []).append(content)
    read = {
        name: [f.read() for f in (held if isinstance(held, list) else [held])]
        for name, held in request.files.items()
    }
    assert read == uploaded
    close_all()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x", "x"),
        ("C:\\dir\\x.txt", "x.txt"),
        ("\\\\server\\share\\x", "x"),
        ("..", ""),
        (".", ""),
        ("a/..", ""),
        ("/", ""),
        ("/etc/passwd", "passwd"),
        ("a%0D%0Ab\x00.txt", "ab.txt"),
        ("dir/%22quoted%22.txt", '"quoted".txt'),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_a_filename_is_a_label_and_no_path(sent: str, kept: str) -> None:
    request = request_with(file("f", sent, b"data"), END)
    uploaded = one(request, "f")

    assert uploaded.filename == kept
    assert sent in uploaded.headers["Content-Disposition"]


# Where files are kept.


def test_files_stay_in_memory_up_to_the_limit(temporary_files: Callable[[], int]) -> None:
    request = request_with(
        file("a", "a", b"x" * 600), file("b", "b", b"y" * 400), END, MAX_UPLOAD_MEMORY_SIZE=1000
    )
    assert {name: one(request, name).size for name in request.files} == {"a": 600, "b": 400}
    assert temporary_files() == 0
    request.close()


def test_the_limit_of_memory_is_that_of_all_files_together(
    temporary_files: Callable[[], int],
) -> None:
    request = request_with(
        file("a", "a", b"x" * 600),
        file("big", "b", b"y" * 200_000),
        file("c", "c", b"z" * 400),
        file("d", "d", b"more"),
        END,
        MAX_UPLOAD_MEMORY_SIZE=1000,
    )
    assert one(request, "big").read() == b"y" * 200_000
    assert one(request, "d").read() == b"more"
    assert one(request, "c").read() == b"z" * 400
    assert temporary_files() == 2
    request.close()
    assert temporary_files() == 0


def test_a_large_upload_takes_little_memory(temporary_files: Callable[[], int]) -> None:
    size = 8 * MIB
    head, tail = file("f", "x", b"", "video/mp4")[:-2], b"\r\n" + END

    class Large(io.RawIOBase):
        sent = 0

        def read(self, wanted: int = -1) -> bytes:
            begin, self.sent = self.sent, min(self.sent + wanted, length)
            return b"".join(self.piece(begin, self.sent))

        def piece(self, begin: int, end: int) -> Iterator[bytes]:
            yield head[begin:end]
            inner = max(begin, len(head)), min(end, len(head) + size)
            yield b"x" * max(inner[1] - inner[0], 0)
            yield tail[max(begin - len(head) - size, 0) : max(end - len(head) - size, 0)]

    length = len(head) + size + len(tail)
    request = request_with()
    request.environ["wsgi.input"] = BodyStream(Large(), length, length)
    tracemalloc.start()
    try:
        uploaded = one(request, "f")
        assert tracemalloc.get_traced_memory()[1] < 7 * MIB
    finally:
        tracemalloc.stop()
    assert uploaded.size == size
    assert uploaded.seek(-3, os.SEEK_END) == size - 3
    assert uploaded.read() == b"xxx"


@pytest.mark.parametrize(
    "broken",
    [b"", END[:-6], text("a", b"\xff") + END, part("", b"") + END, b"--other\r\n",
     file("late", "x", b"y" * 70_000), text("a", b"x" * 600_000) + END,
     file("g", "g", b"more") * 101 + END],
    ids=range(8),
)  # fmt: skip
def test_a_failure_leaves_no_file_behind(broken: bytes, temporary_files: Callable[[], int]) -> None:
    error = refusal(file("f", "f", b"x" * 100_000), broken, MAX_UPLOAD_MEMORY_SIZE=1000)

    assert error.status_code in (400, 413)
    assert temporary_files() == 0


def test_a_broken_connection_leaves_no_file_behind(temporary_files: Callable[[], int]) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100_000:
                raise ConnectionResetError("gone")
            return super().read(size)

    body = file("f", "f", b"x" * 300_000) + END
    request = request_with(body, source=Broken(body), MAX_UPLOAD_MEMORY_SIZE=1000)
    for _ in range(2):
        with pytest.raises(HTTPException, match="the body is incomplete"):
            _ = request.files
    assert temporary_files() == 0


# What is refused.


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((text("a", "1"),), "Unexpected end of multipart stream"),
        ((text("a", "1"), END[:-4]), "Unexpected end of multipart stream"),
        ((text("a", "1"), END[:20]), "Unexpected end of multipart stream"),
        ((b"--",), "the boundary of Content-Type does not occur"),
        (
            (b"hello, no form at all, but long enough for a boundary",),
            "the boundary of Content-Type does not",
        ),
        (
            (b"preamble", text("a", "1").replace(b"\r\n", b"\n")),
            "the boundary of Content-Type does not occur",
        ),
        (
            (b"not at the start of a line", text("a", "1")),
            "the boundary of Content-Type does not occur",
        ),
        ((part("", b"x"), END), "has no name"),
        ((part('filename="x"', b"x"), END), "has no name"),
        ((part('name="a"', b"x", "no colon"), END), "Malformed segment header"),
        ((part('name="a"', b"x", ": no name"), END), "Invalid segment header name"),
        ((part('name="a"', b"x", "X-Ä: y"), END), "Invalid segment header name"),
        ((part('name="a"', b"x", "X-A: y", "  "), END), "header continuation"),
        ((part(b'name="\xff"', b"x"), END), "the name of a part is not UTF-8"),
        ((part('name="a"', b"x", "Content-Length: 5"), END), "Segment size does not match"),
        ((part('name="a"', b"12345", "Content-Length: 1"), END), "Content-Length exceeded"),
        ((part('name="a"', b"x", "Content-Length: -1"), END), "Invalid segment Content-Length"),
        ((f"--{BOUNDARY}\r\n\r\nx\r\n".encode(), END), "a part has no Content-Disposition"),
        (
            (f"--{BOUNDARY}\r\nContent-Disposition: attachment\r\n\r\nx\r\n".encode(), END),
            "has no name",
        ),
        (
            (text("a", "1").replace(b"\r\n", b"\n"), END.replace(b"\r\n", b"\n")),
            "Invalid line break after first boundary",
        ),
        ((text("a", "1")[:-2], f"\r\n--{BOUNDARY}x\r\n".encode(), END), "after boundary"),
    ],
)
def test_a_malformed_form_is_refused(parts: tuple[bytes, ...], message: str) -> None:
    error = refusal(*parts)

    assert error.status_code == 400
    assert error.message.startswith("the form is malformed: ")
    assert message in error.message


@pytest.mark.parametrize(
    "content_type",
    ["", "; boundary=", '; boundary=""', '; boundary=" "', '; boundary="b "', '; boundary="ü"',
     "; boundary=" + "b" * 201, '; boundary="b\r\nb"', "; charset=utf-8"],
)  # fmt: skip
def test_a_form_needs_a_boundary(content_type: str) -> None:
    request = request_with(text("a", "1"), END)
    request.environ["CONTENT_TYPE"] = "multipart/form-data" + content_type
    with pytest.raises(HTTPException) as refused:
        _ = request.POST
    assert refused.value.status_code == 400
    assert refused.value.message.startswith("Content-Type ")


def test_a_field_that_is_not_utf_8_is_named() -> None:
    error = refusal(text("first", "1"), text("second", b"\xff"), END)
    assert (error.status_code, error.message) == (400, "field 'second' is not valid UTF-8")


@pytest.mark.parametrize(
    ("charset", "value"),
    [("UTF-8", "ü"), ('"utf-8"', "ü"), ("us-ascii", "u"), ("ISO-8859-1", "u"), ("ISO-8859-1", "ü"),
     ("latin1", "ü"), ('"windows-1252"', "ü€"), ("iso-8859-15", "€"), ("koi8-r", "да")],
)  # fmt: skip
def test_a_part_may_name_the_charset_of_its_text(charset: str, value: str) -> None:
    octets = value.encode(charset.strip('"'))
    sent = part('name="a"', octets, f"Content-Type: text/plain; charset={charset}")
    assert {"a": value} == request_with(sent, END).POST


def test_utf_8_that_is_labelled_as_ascii_is_utf_8() -> None:
    sent = part('name="a"', "ü".encode(), "Content-Type: text/plain; charset=US-ASCII")
    assert request_with(sent, END).POST == {"a": "ü"}


def test_the_form_names_the_charset_of_parts_that_name_none() -> None:
    sent = part('name="b"', "ü".encode(), "Content-Type: text/plain; charset=utf-8")
    request = request_with(text("a", b"\xfc"), sent, END)
    request.environ["CONTENT_TYPE"] += "; charset=iso-8859-1"
    assert request.POST == {"a": "ü", "b": "ü"}


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "no-such"])
def test_a_field_in_a_charset_that_hides_ascii_is_refused(charset: str) -> None:
    error = refusal(part('name="a"', b"x", f"Content-Type: text/plain; charset={charset}"), END)
    assert (error.status_code, error.message) == (415, f"field 'a' is in '{charset}'; send UTF-8")


def test_bytes_that_the_named_charset_has_not_are_refused() -> None:
    label = "Content-Type: text/plain; charset=windows-1252"
    error = refusal(part('name="a"', b"\x81", label), END)
    assert (error.status_code, error.message) == (400, "field 'a' is not valid windows-1252")


def test_the_charset_of_a_file_is_its_own_affair() -> None:
    request = request_with(file("f", "x", b"\xfc", "text/csv; charset=latin-1"), END)
    assert one(request, "f").read() == b"\xfc"


@pytest.mark.parametrize("encoding", ["x-uuencode", "gzip"])
def test_a_part_in_an_unknown_encoding_is_refused(encoding: str) -> None:
    header = f"Content-Transfer-Encoding: {encoding.upper()}"
    error = refusal(part('name="f"; filename="x"', b"YQ==", header), END)

    assert error.status_code == 415
    assert error.message == (
        f"file 'f' has the Content-Transfer-Encoding '{encoding}'; send it unencoded"
    )


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", b"Z3LDvM\r\nOfZQ=="),
        ("BASE64", b"Z3LDvMOfZQ==\r\n"),
        ("quoted-printable", b"gr=C3=BC=\r\n=C3=9Fe"),
    ],
)
def test_a_part_in_an_encoding_of_mails_is_decoded(encoding: str, content: bytes) -> None:
    header = f"Content-Transfer-Encoding: {encoding}"
    form = [part('name="a"', content, header), part('name="f"; filename="x"', content, header)]
    request = request_with(*form, text("plain", "YQ=="), END)

    assert request.POST == {"a": "grüße", "plain": "YQ=="}
    assert one(request, "f").read() == "grüße".encode()
    assert one(request, "f").size == len("grüße".encode())


def test_a_large_file_is_decoded_piece_by_piece() -> None:
    content = bytes(range(256)) * 2000
    header = "Content-Transfer-Encoding: base64"
    form = part('name="f"; filename="x"', encodebytes(content), header)
    uploaded = one(request_with(form, END, MAX_UPLOAD_MEMORY_SIZE=1000), "f")
    assert uploaded.read() == content
    assert uploaded.size == len(content)


@pytest.mark.parametrize("content", [b"YQ=", b"YQ==YQ==", b"Y", b"Y*==", b"=", "ü".encode()])
def test_a_part_that_is_not_in_its_encoding_is_refused(content: bytes) -> None:
    error = refusal(part('name="a"', content, "Content-Transfer-Encoding: base64"), END)
    assert error.status_code == 400
    assert error.message == "field 'a' is not in the encoding of its Content-Transfer-Encoding"


def test_the_size_of_a_field_is_that_of_its_content() -> None:
    header = "Content-Transfer-Encoding: base64"
    form = part('name="a"', encodebytes(b"x" * 1000), header)
    assert len(request_with(form, END, MAX_FORM_FIELD_SIZE=1000).POST["a"]) == 1000
    assert refusal(form, END, MAX_FORM_FIELD_SIZE=999).status_code == 413


@pytest.mark.parametrize("disposition", ["attachment", "file", "inline", "Form-Data"])
def test_a_part_of_another_disposition_is_read(disposition: str) -> None:
    form = [part(f'name="f"; filename="{name}"', b"x") for name in ("a.txt", "b.txt")]
    sent = [item.replace(b"form-data", disposition.encode()) for item in form]
    request = request_with(*sent, END)
    assert [uploaded.filename for uploaded in request.files["f"]] == ["a.txt", "b.txt"]


def test_a_filename_in_another_charset_is_a_label_that_can_be_read_in_part() -> None:
    # Command line tools of Windows send the bytes of its code page.
    request = request_with(part(b'name="f"; filename="caf\xe9.txt"', b"x"), END)
    assert one(request, "f").filename == "caf\ufffd.txt"


def test_names_are_in_the_charset_of_the_form() -> None:
    request = request_with(
        part(b'name="gr\xfc\xdfe"; filename="caf\xe9.txt"', b"x"), text("größe", "9"), END
    )
    request.environ["CONTENT_TYPE"] += "; charset=ISO-8859-1"
    assert request.POST["größe"] == "9"
    assert one(request, "grüße").filename == "café.txt"


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7BIT", ""])
def test_a_part_that_says_it_is_not_encoded_is_read(encoding: str) -> None:
    header = f"Content-Transfer-Encoding: {encoding}"
    assert request_with(part('name="a"', b"YQ==", header), END).POST == {"a": "YQ=="}


def test_a_header_field_that_comes_twice_means_nothing() -> None:
    again = 'content-disposition: form-data; name="b"'
    error = refusal(part('name="a"', b"x", again), END)
    assert (error.status_code, error.message) == (400, "field 'b' has a header field twice")


# Limits.


def test_the_numbers_of_fields_and_of_files_are_settings() -> None:
    settings: dict[str, Any] = {"MAX_FORM_FIELDS": 2, "MAX_FORM_FILES": 1}
    form = [text("a", "1"), text("a", "2"), file("f", "x", b"")]
    assert request_with(*form, END, **settings).POST == {"a": ["1", "2"]}

    error = refusal(*form, text("b", "3"), END, **settings)
    assert (error.status_code, error.message) == (400, "more than 2 fields (MAX_FORM_FIELDS)")
    error = refusal(*form, file("g", "", b""), END, **settings)
    assert (error.status_code, error.message) == (400, "more than 1 files (MAX_FORM_FILES)")


def test_the_size_of_a_field_is_a_setting_and_that_of_a_file_is_not() -> None:
    fine = [text("a", "x" * 1000), file("f", "x", b"y" * 5000)]
    assert request_with(*fine, END, MAX_FORM_FIELD_SIZE=1000).POST == {"a": "x" * 1000}

    error = refusal(text("a", "x" * 1001), END, MAX_FORM_FIELD_SIZE=1000)
    assert error.status_code == 413
    assert error.message == "field 'a' is larger than 1000 bytes (MAX_FORM_FIELD_SIZE)"


@pytest.mark.parametrize(
    "headers",
    [["X-A: " + "x" * 300], ["X-A: " + "x" * 80, "X-B: " + "x" * 80, "X-C: " + "x" * 80],
     [f"X-{number}: y" for number in range(16)], ["X-A: " + "x" * 100_000]],
    ids=["line", "sum", "lines", "endless"],
)  # fmt: skip
def test_the_header_of_a_part_is_limited(headers: list[str]) -> None:
    error = refusal(text("a", "1"), part('name="b"', b"", *headers), MAX_PART_HEADER_SIZE=256)

    assert error.status_code == 413
    assert error.message == (
        "the header of part 2 is larger than 256 bytes (MAX_PART_HEADER_SIZE) or 16 lines"
    )


def test_a_message_does_not_repeat_a_long_name() -> None:
    error = refusal(text("n" * 8000, b"\xff"), END)
    assert len(error.message) < 200


@pytest.mark.parametrize("make", [text, lambda name, value: file(name, "x", b"")])
def test_a_hundred_thousand_parts_are_refused_early(make: Any) -> None:
    body = b"".join(make(f"n{number}", "1") for number in range(100_000)) + END
    source = io.BytesIO(body)
    request = request_with(body, source=source)
    request.environ["wsgi.input"] = BodyStream(source, len(body), len(body))
    tracemalloc.start()
    try:
        with pytest.raises(HTTPException) as refused:
            _ = request.POST
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    assert refused.value.status_code == 400
    assert source.tell() < 200_000


LONGEST = "-" * 70
GARBAGE = [
    b"\r\n" * (4 * MIB), b"\r" * (8 * MIB), b"\n" * (8 * MIB), b"-" * (8 * MIB),
    (b"\r\n--" + b"-" * 69 + b"\n") * 110_000, (b"\r\n--" + b"-" * 68 + b"x") * 110_000,
    b"\r\n--" * (2 * MIB),
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_a_file_is_read_in_linear_time(garbage: bytes) -> None:
    def read(garbage: bytes) -> None:
        end = f"--{LONGEST}--\r\n".encode()
        body = part('name="f"; filename="x"', garbage, boundary=LONGEST) + end
        request = request_with(body, boundary=LONGEST)
        assert one(request, "f").size == len(garbage)

    assert_linear(read, garbage)


# Without the dashes: before an end they are the end.
@pytest.mark.parametrize("garbage", GARBAGE[:3] + GARBAGE[4:], ids=range(len(GARBAGE) - 1))
def test_garbage_in_a_field_or_header_or_before_them_is_refused(garbage: bytes) -> None:
    def refuse(garbage: bytes) -> None:
        opening = f"--{LONGEST}\r\n".encode()
        for body in (
            garbage + b"x",
            opening + garbage,
            part('name="a"', garbage, boundary=LONGEST),
        ):
            error = refusal(body, f"--{LONGEST}--".encode(), boundary=LONGEST)
            assert error.status_code in (400, 413)

    assert_linear(refuse, garbage)


@pytest.mark.parametrize(
    "tail",
    ["; a=" * 2000, '; a="' * 1600, '; a="' + "\\a" * 3900, ";" + " " * 7900, "; " + "a" * 7900,
     '"' * 7900, '\\"' * 3900, "%22" * 2600, "; name=" * 1000, "; filename*0=a" * 500,
     '; filename="' + "=?a?b?c?=" * 800 + '!"', ' =?*' * 1900, "; a*= " * 1200],
    ids=range(13),
)  # fmt: skip
def test_a_hostile_disposition_is_read_in_linear_time(tail: str) -> None:
    def read(tail: str) -> None:
        request = request_with(part(f'name="a"{tail}', b"x") * 100, END)
        try:
            _ = request.POST
        except HTTPException as error:
            assert error.status_code in (400, 413)

    assert_linear(read, tail)


def test_a_field_of_48_megabytes_is_not_collected() -> None:
    body = text("a", b"x" * (48 * MIB)) + END
    source = io.BytesIO(body)
    request = request_with(source=source)
    request.environ["wsgi.input"] = BodyStream(source, len(body), len(body))
    with pytest.raises(HTTPException) as refused:
        _ = request.POST
    assert refused.value.status_code == 413
    assert source.tell() < MIB


def test_a_body_that_grows_over_the_limit_is_cut_off(temporary_files: Callable[[], int]) -> None:
    source = io.BytesIO(file("f", "x", b"x" * (3 * MIB)) + END)
    request = request_with(source=source, MAX_UPLOAD_MEMORY_SIZE=1000)
    request.environ["wsgi.input"] = BodyStream(source, None, MIB)
    with pytest.raises(HTTPException) as refused:
        _ = request.files
    assert refused.value.status_code == 413
    assert source.tell() < MIB + 100_000
    assert temporary_files() == 0


def test_an_upload_over_a_real_connection_that_stays_open() -> None:
    received: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        request = Request.from_environ(environ)
        BodyParsingMiddleware(Config(None)).process_request(request)
        received.append((dict(request.POST), one(request, "f").read()))
        request.close()
        start_response("204 No Content", [])
        return []

    body = text("a", "ü") + file("f", "x", b"y" * 3_000_000) + END
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with make_server("127.0.0.1", 0, application, handler_class=QuietHandler) as server:
        serving = Thread(target=server.handle_request)
        serving.start()
        client = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        client.request("POST", "/", io.BytesIO(body), {**headers, "Content-Length": str(len(body))})
        assert client.getresponse().status == 204
        client.close()
        serving.join(10)
    assert received == [({"a": "ü"}, b"y" * 3_000_000)]
