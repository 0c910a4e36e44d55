"""An uploaded file: a stream with a label, and the label is never a path."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.types import UploadedFile


def uploaded(content: bytes = b"content", filename: str = "a.txt", **options: Any) -> UploadedFile:
    return UploadedFile(
        filename, "text/plain", io.BytesIO(content), "document", len(content), **options
    )


def test_it_keeps_what_the_client_said() -> None:
    file = io.BytesIO(b"abc")
    headers = {"Content-Type": "text/plain"}
    upload = UploadedFile("a.txt", "text/plain", file, "document", 3, headers)

    assert (upload.filename, upload.content_type, upload.field_name, upload.size) == (
        "a.txt", "text/plain", "document", 3,
    )  # fmt: skip
    assert upload.file is file
    assert upload.headers == headers
    assert upload.headers is not headers
    assert uploaded().headers == {}


def test_it_is_read_as_a_file() -> None:
    upload = uploaded(b"content")

    assert upload.read(3) == b"con"
    assert upload.read() == b"tent"
    assert upload.read() == b""
    assert upload.seek(0) == 0
    assert upload.read(-1) == b"content"
    assert upload.seek(-4, 2) == 3
    assert upload.seek(1, 1) == 4
    assert upload.read() == b"ent"


def test_it_can_be_closed_twice_and_by_a_with() -> None:
    with uploaded() as upload:
        upload.read()
    upload.close()
    with pytest.raises(ValueError, match="closed file"):
        upload.read()


def test_a_file_without_close_is_left_alone() -> None:
    class Falsy:
        def read(self, size: int) -> bytes:
            return b"data"

        def __bool__(self) -> bool:
            return False

    source: Any = Falsy()
    upload = UploadedFile("a", "text/plain", source, "f", 4)
    upload.close()
    assert upload.read() == b"data"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("my photo.jpg", "my photo.jpg"),
        ("übung.txt", "übung.txt"),
        (".htaccess", ".htaccess"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\dir\\x.txt", "x.txt"),
        ("..\\..\\x", "x"),
        ("a/b\\c", "c"),
        ("", ""),
        (".", ""),
        ("..", ""),
        (" .. ", ""),
        ("a/..", ""),
        (".\x00.", ""),
        ("x/", ""),
        ("a\r\nb\x00\x7f\x85c", "abc"),
        (" a ", "a"),
    ],
)
def test_the_name_is_a_label(sent: str, kept: str) -> None:
    assert uploaded(filename=sent).filename == kept


@given(st.text())
def test_no_name_leads_to_another_directory(sent: str) -> None:
    name = uploaded(filename=sent).filename

    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name)
    assert uploaded(filename=name).filename == name


def test_its_repr_is_for_developers() -> None:
    assert repr(uploaded()) == "<UploadedFile 'a.txt' 7 bytes>"
