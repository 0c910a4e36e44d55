"""Files: sent whole, in part or not at all, and never one from outside the directory."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import NotFound
from lback.core.file_response import FileResponse, content_disposition
from lback.core.response import Response
from tests.growth import assert_linear_in

CONTENT = b"0123456789"
MOMENT = 1_700_000_000
DATE = formatdate(MOMENT, usegmt=True)


class Answer(NamedTuple):
    status: str
    fields: dict[str, str]
    body: bytes


def ask(response: Response, method: str = "GET", **fields: Any) -> Answer:
    """Let a strict WSGI server send a response; `if_range="x"` is a field of the request."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    environ |= {name if "." in name else f"HTTP_{name.upper()}": v for name, v in fields.items()}
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(*arguments: Any) -> Any:
        started.extend(arguments[:2])
        return BytesIO().write

    body = validator(response)(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        body.close()  # type: ignore[attr-defined]  # the validator's iterator has it
    status, headers = started
    assert len(dict(headers)) == len(headers)
    return Answer(status, dict(headers), content)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "digits.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (MOMENT, MOMENT))
    return path


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_file_is_sent_whole(digits: Path, method: str) -> None:
    answer = ask(FileResponse(digits, headers={"X-Name": "1"}), method)

    assert answer.status == "200 OK"
    assert answer.body == CONTENT
    assert answer.fields == {
        "X-Name": "1",
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{MOMENT * 10**9:x}-a"',
        "Last-Modified": DATE,
        "Accept-Ranges": "bytes",
        "Content-Length": "10",
    }


def test_a_large_file_is_sent_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(200_001))
    _, _, body = FileResponse(path, chunk_size=1000).get_wsgi_response()
    pieces = list(body)
    body.close()  # type: ignore[attr-defined]  # a server looks for it

    assert max(map(len, pieces)) == 1000
    assert b"".join(pieces) == path.read_bytes()


def test_an_empty_file_is_an_empty_answer(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()

    assert ask(FileResponse(path)).fields["Content-Length"] == "0"
    assert ask(FileResponse(path), range="bytes=0-").status[:3] == "416"
    assert ask(FileResponse(path), range="bytes=-5").status == "200 OK"


def test_a_chunk_of_nothing_is_refused(digits: Path) -> None:
    with pytest.raises(ValueError, match="chunk_size is 0; read at least one byte"):
        FileResponse(digits, chunk_size=0)


def test_head_sends_the_fields_of_get_and_ignores_ranges(digits: Path) -> None:
    whole = ask(FileResponse(digits))

    assert ask(FileResponse(digits), "HEAD") == (whole.status, whole.fields, b"")
    assert ask(FileResponse(digits), "HEAD", range="bytes=0-1") == (whole.status, whole.fields, b"")


def test_two_calls_give_the_same_answer(digits: Path) -> None:
    response = FileResponse(digits)

    assert ask(response) == ask(response)
    assert ask(response, range="bytes=1-2") == ask(response, range="bytes=1-2")
    assert ask(response).body == CONTENT


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_that_has_the_file_gets_304(digits: Path, method: str) -> None:
    etag = ask(FileResponse(digits)).fields["ETag"]

    for fields in ({"if_none_match": f'"x", W/{etag}'}, {"if_modified_since": DATE}):
        answer = ask(FileResponse(digits, headers={"Vary": "Cookie"}), method, **fields)
        assert (answer.status, answer.body) == ("304 Not Modified", b"")
        assert answer.fields["ETag"] == etag
        assert answer.fields["Vary"] == "Cookie"
        assert not {"Content-Type", "Content-Length"} & set(answer.fields)


def test_a_changed_file_has_another_tag_and_is_sent_again(digits: Path) -> None:
    etag = ask(FileResponse(digits)).fields["ETag"]
    os.utime(digits, ns=(MOMENT * 10**9, MOMENT * 10**9 + 1))

    answer = ask(FileResponse(digits), if_none_match=etag)
    assert answer.status == "200 OK"
    assert answer.fields["ETag"] != etag
    assert answer.fields["Last-Modified"] == DATE


def test_a_precondition_that_fails_is_412(digits: Path) -> None:
    answer = ask(FileResponse(digits, as_attachment=True), if_match='"other"')

    assert (answer.status, answer.body) == ("412 Precondition Failed", b"")
    assert answer.fields["Content-Length"] == "0"
    assert "Content-Disposition" not in answer.fields


def test_other_methods_have_neither_conditions_nor_ranges(digits: Path) -> None:
    answer = ask(FileResponse(digits), "POST", if_none_match="*", range="bytes=0-1")

    assert (answer.status, answer.body) == ("200 OK", CONTENT)


@pytest.mark.parametrize(
    ("field", "body", "positions"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=0-99", CONTENT, "bytes 0-9/10"),
    ],
)
def test_a_range_is_sent_as_206(digits: Path, field: str, body: bytes, positions: str) -> None:
    answer = ask(FileResponse(digits, chunk_size=2), range=field)

    assert (answer.status, answer.body) == ("206 Partial Content", body)
    assert answer.fields["Content-Range"] == positions
    assert answer.fields["Content-Length"] == str(len(body))
    assert answer.fields["Content-Type"] == "text/plain; charset=utf-8"


def test_a_range_beyond_the_end_is_416_with_the_length(digits: Path) -> None:
    answer = ask(FileResponse(digits), range="bytes=10-")

    assert (answer.status[:3], answer.body) == ("416", b"")
    assert answer.fields["Content-Range"] == "bytes */10"
    assert answer.fields["Content-Length"] == "0"


@pytest.mark.parametrize("field", ["bytes=0-1,4-5", "bytes=5-4", "lines=0-1", "nonsense"])
def test_several_or_malformed_ranges_are_answered_with_the_whole(digits: Path, field: str) -> None:
    answer = ask(FileResponse(digits), range=field)

    assert (answer.status, answer.body) == ("200 OK", CONTENT)
    assert "Content-Range" not in answer.fields


def test_a_download_goes_on_only_with_the_same_file(digits: Path) -> None:
    etag = ask(FileResponse(digits)).fields["ETag"]

    assert ask(FileResponse(digits), range="bytes=5-", if_range=etag).body == b"56789"
    assert ask(FileResponse(digits), range="bytes=5-", if_range=DATE).body == b"56789"
    assert ask(FileResponse(digits), range="bytes=5-", if_range='"other"').body == CONTENT


def test_a_hostile_range_is_answered_in_linear_time(digits: Path) -> None:
    def download(scale: int) -> None:
        ranges, tags = "bytes=" + "0-1," * (4000 * scale), '"' * (15_000 * scale)
        answer = ask(FileResponse(digits), range=ranges, if_none_match=tags)
        assert answer.status == "200 OK"

    assert_linear_in(download)


def test_unconditional_files_are_always_sent_whole(digits: Path) -> None:
    answer = ask(FileResponse(digits, conditional=False), if_none_match="*", range="bytes=0-1")

    assert (answer.status, answer.body) == ("200 OK", CONTENT)
    assert not {"ETag", "Last-Modified", "Accept-Ranges"} & set(answer.fields)


def test_a_file_with_another_status_is_sent_whole(digits: Path) -> None:
    answer = ask(FileResponse(digits, status_code=404), if_none_match="*", range="bytes=0-1")

    assert (answer.status, answer.body) == ("404 Not Found", CONTENT)


def test_validators_of_your_own_are_kept_and_obeyed(digits: Path) -> None:
    headers = {"etag": '"mine"', "last-modified": formatdate(0, usegmt=True)}
    response = FileResponse(digits, headers=headers)

    assert ask(response).fields["etag"] == '"mine"'
    assert ask(response, if_none_match='"mine"').status == "304 Not Modified"
    assert ask(response, if_modified_since=formatdate(1, usegmt=True)).status == "304 Not Modified"


def test_a_tag_that_was_made_a_list_is_sent_but_satisfies_nothing(digits: Path) -> None:
    response = FileResponse(digits)
    response.headers["ETag"] = ["a", "b"]
    _, headers, body = response.answer({"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": '"a"'})
    body.close()  # type: ignore[attr-defined]  # a server looks for it

    assert [value for name, value in headers if name == "ETag"] == ["a", "b"]


def test_a_file_that_changes_before_it_is_sent_is_described_as_it_is_then(digits: Path) -> None:
    response = FileResponse(digits)
    digits.write_bytes(b"changed")
    os.utime(digits, (0, 0))
    answer = ask(response)

    assert answer.body == b"changed"
    assert answer.fields["Content-Length"] == "7"
    assert answer.fields["ETag"] == '"0-7"'
    assert answer.fields["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_a_file_that_is_gone_before_it_is_sent_is_404(digits: Path) -> None:
    response = FileResponse(digits)
    digits.unlink()

    assert ask(response).status == "404 Not Found"
    assert ask(response, "HEAD") == (ask(response).status, ask(response).fields, b"")


def test_a_file_that_grows_while_it_is_sent_keeps_its_length(digits: Path) -> None:
    _, headers, body = FileResponse(digits, chunk_size=4).get_wsgi_response()
    with digits.open("ab") as more:
        more.write(b"more")
    sent = b"".join(body)
    body.close()  # type: ignore[attr-defined]  # a server looks for it

    assert sent == CONTENT
    assert ("Content-Length", "10") in headers


def test_a_file_that_shrinks_while_it_is_sent_breaks_off(digits: Path) -> None:
    _, _, body = FileResponse(digits, chunk_size=4).get_wsgi_response()
    pieces = iter(body)
    assert next(pieces) == b"0123"
    os.truncate(digits, 6)

    assert next(pieces) == b"45"
    with pytest.raises(OSError, match=r"shrank while it was sent: 4 of 10 bytes are missing"):
        next(pieces)
    body.close()  # type: ignore[attr-defined]  # a server looks for it


class CountingWrapper(FileWrapper):
    """What a server offers for whole files."""

    used: list[int]

    def __init__(self, file: Any, size: int) -> None:
        super().__init__(file, size)
        self.used.append(size)


@pytest.fixture
def wrapper() -> Iterator[type[CountingWrapper]]:
    CountingWrapper.used = []
    yield CountingWrapper


def test_the_wrapper_of_the_server_sends_whole_files(
    digits: Path, wrapper: type[CountingWrapper]
) -> None:
    response = FileResponse(digits, chunk_size=4)
    offered: dict[str, Any] = {"wsgi.file_wrapper": wrapper}

    assert ask(response, **offered).body == CONTENT
    assert wrapper.used == [4]
    assert ask(response, range="bytes=1-2", **offered).body == b"12"
    assert ask(response, "HEAD", **offered).body == b""
    assert wrapper.used == [4]


def test_no_file_stays_open(digits: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  the list is the count

    before = open_files()
    response = FileResponse(digits)
    for method in ("GET", "HEAD", "POST"):
        ask(response, method)
        ask(response, method, range="bytes=0-1")
        ask(response, method, range="bytes=10-")
        ask(response, method, if_none_match="*")
    response.status_code = 700
    with pytest.raises(ValueError, match="is not an HTTP status"):
        response.get_wsgi_response()

    assert open_files() == before


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_opens_nothing(digits: Path, status: int) -> None:
    response = FileResponse(digits)
    response.status_code = status
    digits.unlink()

    assert ask(response).status.startswith(str(status))
    assert ask(response).body == b""


@pytest.mark.parametrize("name", ["missing", "", "sub", "digits.txt/x", "a\0b"])
def test_anything_but_a_file_is_not_found(digits: Path, name: str) -> None:
    (digits.parent / "sub").mkdir()

    with pytest.raises(NotFound):
        FileResponse(digits.parent / name)
    with pytest.raises(NotFound):
        FileResponse(name, directory=digits.parent)


def test_a_pipe_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotFound):
        FileResponse(tmp_path / "pipe")


def test_a_name_in_the_directory_is_sent(digits: Path) -> None:
    (digits.parent / "sub").mkdir()
    (digits.parent / "sub" / "a b.txt").write_bytes(b"below")
    (digits.parent / "link.txt").symlink_to(digits)

    assert ask(FileResponse("digits.txt", directory=digits.parent)).body == CONTENT
    assert ask(FileResponse("sub/a b.txt", directory=str(digits.parent))).body == b"below"
    assert ask(FileResponse("link.txt", directory=digits.parent)).body == CONTENT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a secret beside it, and ways to it that must not work."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "inside.txt").write_bytes(b"inside")
    (tmp_path / "root-secret").mkdir()
    (tmp_path / "root-secret" / "secret.txt").write_bytes(b"secret")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (root / "back\\slash.txt").write_bytes(b"a name that would be a path elsewhere")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "outdir").symlink_to(tmp_path / "root-secret")
    (root / "circle").symlink_to(root / "circle")
    return root


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "x/../../secret.txt",
        "./../secret.txt",
        "../root-secret/secret.txt",
        "..",
        ".",
        "/etc/passwd",
        "//etc/passwd",
        "..\\secret.txt",
        "C:\\secret.txt",
        "inside.txt\\",
        "back\\slash.txt",
        "inside.txt\0",
        "\0",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "out.txt",
        "outdir/secret.txt",
        "circle",
        "circle/x",
        "inside.txt/",
        "a" * 300,
        "a/" * 3000 + "a",
        "\ud800",
        "\udcff",
        "\uff0e\uff0e/secret.txt",
    ],
)
def test_no_name_leaves_the_directory(root: Path, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        FileResponse(name, directory=root)
    assert str(caught.value) == "Not Found"


@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "out.txt", "outdir", "secret.txt", "x"])))
def test_no_mixture_of_parts_reaches_the_secret(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    outside = tmp_path_factory.getbasetemp()
    (outside / "inner" / "x").mkdir(parents=True, exist_ok=True)
    (outside / "secret.txt").write_bytes(b"secret")

    with pytest.raises(NotFound):
        FileResponse("".join(parts), directory=outside / "inner")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root, where the tests run as root, for they pass every door."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_must_not_be_read_is_an_error_of_the_operator(root: Path) -> None:
    response = FileResponse("inside.txt", directory=root)
    root.chmod(0)
    try:
        with as_nobody(), pytest.raises(PermissionError):
            FileResponse("inside.txt", directory=root)
        with as_nobody(), pytest.raises(PermissionError):
            ask(response)
    finally:
        root.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("code.js", "text/javascript; charset=utf-8"),
        ("CODE.MJS", "text/javascript; charset=utf-8"),
        ("image.png", "image/png"),
        ("image.webp", "image/webp"),
        ("data.json", "application/json"),
        ("font.woff2", "font/woff2"),
        ("archive.tar.gz", "application/gzip"),
        ("archive.tar.xz", "application/x-xz"),
        ("style.css.Z", "application/octet-stream"),
        ("unknown.zzz", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("data:text", "application/octet-stream"),
    ],
)
def test_the_ending_decides_the_type(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).touch()

    assert FileResponse(tmp_path / name).content_type == media_type


def test_the_name_for_saving_does_not_decide_the_type(tmp_path: Path) -> None:
    (tmp_path / "upload").touch()

    response = FileResponse(tmp_path / "upload", filename="evil.html")
    assert response.content_type == "application/octet-stream"


def test_type_and_sniffing_can_be_set(digits: Path) -> None:
    response = FileResponse(
        digits, content_type="text/csv", headers={"x-content-type-options": "none"}
    )

    assert ask(response).fields["Content-Type"] == "text/csv"
    assert ask(response).fields["x-content-type-options"] == "none"


@pytest.mark.parametrize(
    ("options", "disposition"),
    [
        ({}, None),
        ({"as_attachment": True}, 'attachment; filename="digits.txt"'),
        ({"filename": "my numbers.txt"}, 'inline; filename="my numbers.txt"'),
        ({"filename": "x", "as_attachment": True}, 'attachment; filename="x"'),
        ({"filename": "x", "headers": {"content-disposition": "inline"}}, "inline"),
    ],
)
def test_the_client_is_told_how_to_save(
    digits: Path, options: dict[str, Any], disposition: str | None
) -> None:
    assert FileResponse(digits, **options).headers.get("Content-Disposition") == disposition


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("é €.txt", "filename=\"_ _.txt\"; filename*=UTF-8''%C3%A9%20%E2%82%AC.txt"),
        ("🎉.png", "filename=\"_.png\"; filename*=UTF-8''%F0%9F%8E%89.png"),
        ('say "hi".txt', "filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
        ("100%41.txt", "filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("../../etc/passwd", 'filename=".._.._etc_passwd"'),
        ("C:\\x", 'filename="C:_x"'),
        ("a\r\nSet-Cookie: b=1", 'filename="a__Set-Cookie: b=1"'),
        ("a\0b\x7f", 'filename="a_b_"'),
        ("gpj.\u202eexe", 'filename="gpj._exe"'),
        ("\udcff.txt", 'filename="_.txt"'),
        ("..", 'filename="download"'),
        ("a" * 300, f'filename="{"a" * 300}"'),
    ],
)
def test_any_name_is_given_safely(name: str, field: str) -> None:
    assert content_disposition(name, as_attachment=True) == f"attachment; {field}"


@given(st.text(min_size=1))
def test_any_name_is_one_quoted_text_and_one_that_says_it_all(name: str) -> None:
    field = content_disposition(name, as_attachment=False)
    found = re.fullmatch(r"inline; filename=\"([ !#$&-~]*)\"(?:; filename\*=UTF-8''(\S+))?", field)

    assert found
    given_name = unquote(found[2]) if found[2] else found[1]
    assert not set(given_name) & set("/\\\r\n\0\u202e")
    assert len(given_name) == len(name) or given_name == "download"
    Response("x", headers={"Content-Disposition": field})
