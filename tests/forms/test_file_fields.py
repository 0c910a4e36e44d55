"""Files are let in by size, name and content, and hostile ones are not."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import UploadedFile
from lback.forms import FileField, Form, ImageField, Invalid
from lback.forms.file_content import head_of, kind_of, size_of

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def upload(name: str, content: bytes, kind: str = "application/octet-stream") -> UploadedFile:
    return UploadedFile(name, kind, io.BytesIO(content), "file", len(content))


def png(width: int = 2, height: int = 3) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" * (width + 1)) * min(height, 10))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def gif(width: int = 2, height: int = 3) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def jpeg(width: int = 2, height: int = 3) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + b"\0" * 9
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    return b"\xff\xd8" + app + frame + b"\xff\xd9"


def webp(kind: bytes, rest: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(rest)) + rest
    return b"RIFF" + struct.pack("<I", len(body)) + body


WEBPS = [
    webp(b"VP8X", b"\0\0\0\0" + (1).to_bytes(3, "little") + (2).to_bytes(3, "little")),
    webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 2, 3)),
    webp(b"VP8L", b"\x2f" + struct.pack("<I", 1 | 2 << 14)),
]
IMAGES = [("a.png", png()), ("a.JPG", jpeg()), ("a.gif", gif()), *(("a.webp", w) for w in WEBPS)]


def refusal(field: FileField, file: UploadedFile | None) -> str:
    with pytest.raises(Invalid) as raised:
        field.clean(file)
    return str(raised.value)


@pytest.mark.parametrize(("name", "content"), IMAGES)
def test_images_are_told_by_their_content(name: str, content: bytes) -> None:
    file = upload(name, content)
    assert ImageField().clean(file) is file
    assert size_of(file) == (2, 3)
    assert file.read() == content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", SVG),
        ("a.png", b"<html>"),
        ("a.gif", png()),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.png", png()[:15]),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
        ("a.webp", b"RIFF\0\0\0\0AVI " + b"\0" * 40),
        ("a.webp", b"RIFF\0\0\0\0WEBPxxxx" + b"\0" * 40),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\0" + b"\0" * 40),
        ("a.png", png(0, 5)),
    ],
)
def test_invalid_image(name: str, content: bytes) -> None:
    assert "image" in refusal(ImageField(), upload(name, content))


def test_an_image_that_unpacks_to_a_billion_pixels() -> None:
    assert "30000 x 30000 pixels" in refusal(ImageField(), upload("a.png", png(30_000, 30_000)))


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a", "a.png.php", "a.php.png", "a.txt"])
def test_names_that_no_image_has(name: str) -> None:
    assert "are not accepted" in refusal(ImageField(), upload(name, png()))


@pytest.mark.parametrize(
    "name",
    ["page.html", "x.SVG", "x.svg ", "shell.php", "shell.php.jpg", "shell.php.", "a.js", "x.exe",
     "x.phar.zip", "x. html", "x.exe.", "x.exe. ", "x.php;.txt", "x.PHP5.txt"],
)  # fmt: skip
def test_names_of_what_might_be_run(name: str) -> None:
    assert "not accepted" in refusal(FileField(), upload(name, b"harmless"))


@pytest.mark.parametrize(
    "name",
    ["www.bank.com.txt", "x.htm.txt", "index.html.txt", "Intro to node.js.txt", "www.sklep.pl.txt",
     "Screenshot 2020-08-04 at 21.42.34.txt", "v1.2.txt", "a..txt", "setup.py.txt"],
)  # fmt: skip
def test_names_with_dots_of_what_no_one_runs(name: str) -> None:
    for field in (FileField(), FileField(extensions=["txt"])):
        assert field.clean(upload(name, b"harmless")).filename == name


@pytest.mark.parametrize(
    ("name", "extensions", "sentence"),
    [
        ("a.exe", None, "Files ending in .exe are not accepted."),
        ("a.exe", ["txt"], "Files ending in .exe are not accepted; please choose one of txt."),
        ("a", ["txt"],
         "Files without an extension are not accepted; please choose one of txt."),
        ("a.php.txt", None, "Files with .php in their name are not accepted; please rename it."),
    ],
)  # fmt: skip
def test_the_sentence_about_a_name_is_true(
    name: str, extensions: list[str] | None, sentence: str
) -> None:
    assert refusal(FileField(extensions=extensions), upload(name, b"x")) == sentence


@pytest.mark.parametrize("name", ["", ".htaccess", "..", "x" * 201, "../.env", "C:\\.bashrc"])
def test_names_that_cannot_be_used(name: str) -> None:
    assert refusal(FileField(), upload(name, b"x")).startswith("This file name")


@pytest.mark.parametrize("name", ["../../etc/passwd.txt", "C:\\x\\report.txt", "a/b\\c\0.txt"])
def test_directories_in_a_name_are_gone(name: str) -> None:
    file = FileField().clean(upload(name, b"x"))
    assert Path(file.filename).name == file.filename
    assert "\\" not in file.filename


@pytest.mark.parametrize(
    "content",
    [SVG, b"<!DOCTYPE html>", b"\xef\xbb\xbf \n<HTML>", b"\n\n<?php x ?>", b"#!/bin/sh\n",
     b"MZ\x90\0", b"\x7fELF", b"GIF8<script>", b"hello <script>x</script>",
     b"<?xml version='1.0'?>", "\ufeff<script>".encode("utf-16-le"), b"text <iframe src=x>",
     b"<img src=x onerror=y>"],
)  # fmt: skip
def test_content_that_might_be_run(content: bytes) -> None:
    assert "program or a web page" in refusal(FileField(), upload("notes.txt", content))


def test_content_has_to_be_what_the_name_says() -> None:
    assert "does not match its name" in refusal(FileField(), upload("a.pdf", b"hello"))
    assert FileField().clean(upload("a.pdf", b"%PDF-1.7")).filename == "a.pdf"
    assert FileField().clean(upload("a.docx", b"PK\x03\x04...")).filename == "a.docx"


def test_what_is_named_is_let_in() -> None:
    field = FileField(extensions=[".svg", "TXT"])
    assert field.clean(upload("a.svg", SVG)).filename == "a.svg"
    assert "choose one of svg, txt" in refusal(field, upload("a.pdf", b"%PDF-"))
    assert field.attributes() == {"accept": ".svg,.txt"}


def test_files_have_a_size() -> None:
    field = FileField(max_size=1_200_000)
    assert refusal(field, upload("a.txt", b"x" * 2_500_000)) == (
        "The file has 2.5 MB. Please choose one of at most 1.2 MB."
    )
    assert refusal(field, upload("a.txt", b"")) == "The file is empty. Please choose another one."
    assert FileField(allow_empty=True).clean(upload("a.txt", b"")).size == 0


def test_a_text_is_not_a_file() -> None:
    with pytest.raises(Invalid, match="multipart/form-data"):
        FileField().clean("a.txt")


def test_a_file_that_is_there_already_stays() -> None:
    class Cover(Form):
        picture = FileField(required=False)

    kept = {"picture": b"old"}
    page = str(Cover(initial=kept).as_div)
    assert "Remove the stored file" in page
    assert "required" not in page
    form = Cover({}, initial=kept)
    assert form.is_valid()
    assert form.cleaned_data == {"picture": b"old"}
    assert not form.has_changed()
    form = Cover({"picture-clear": "on"}, initial=kept)
    assert form.is_valid()
    assert form.cleaned_data == {"picture": False}
    assert form.has_changed()


def test_a_file_that_is_needed_cannot_be_removed() -> None:
    class Cover(Form):
        picture = FileField()

    form = Cover({"picture-clear": "on"}, {}, initial={"picture": b"old"})
    assert form.is_valid()
    assert form.cleaned_data == {"picture": b"old"}
    assert Cover({"picture": "text"}).errors["picture"] == ["Please choose a file."]
    assert form.is_multipart


@given(st.binary(max_size=200), st.sampled_from([b"", png(), jpeg(), gif(), *WEBPS]), st.data())
def test_no_content_is_an_error_of_ours(junk: bytes, start: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(start)))
    content = start[:cut] + junk
    for name in ("a.png", "a.jpg", "a.gif", "a.webp", "a.txt"):
        for field in (FileField(), ImageField()):
            try:
                field.clean(upload(name, content))
            except Invalid as error:
                assert error.messages
    assert kind_of(head_of(upload("a", content))) is None or content


def test_a_jpeg_of_endless_segments_is_given_up() -> None:
    content = b"\xff\xd8\xff" + b"\xe0\0\x02\xff" * 1_000_000
    file = upload("a.jpg", content)
    read: list[int] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            octets = super().read(size)
            read.append(len(octets))
            return octets

    file.file = Watched(content)
    assert "image" in refusal(ImageField(), file)
    assert sum(read) < 100_000


def test_the_name_of_version_0_1_warns() -> None:
    from lback.forms import file_content

    with pytest.warns(DeprecationWarning, match="use is_executable_content"):
        is_active = file_content.is_active
    assert is_active(SVG)
    with pytest.raises(AttributeError, match="has no attribute 'is_activ'"):
        file_content.is_activ  # noqa: B018  looking it up is the test
