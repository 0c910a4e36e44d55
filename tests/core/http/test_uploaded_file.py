"""An uploaded file: a stream with a label, and the label is never a path."""

import csv
import errno
import io
import stat
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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


def test_libraries_read_it_as_a_file() -> None:
    upload = uploaded(b"a,b\r\nc,\xc3\xbc\r\n")
    assert list(upload) == [b"a,b\r\n", b"c,\xc3\xbc\r\n"]
    upload.seek(0)
    assert (upload.readline(), upload.tell()) == (b"a,b\r\n", 5)
    upload.seek(0)
    with io.TextIOWrapper(upload, encoding="utf-8", newline="") as lines:  # type: ignore[type-var]
        assert list(csv.reader(lines)) == [["a", "b"], ["c", "ü"]]
    assert upload.closed

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "content")
    upload = uploaded(packed.getvalue())
    with zipfile.ZipFile(upload) as archive:
        assert archive.read("a.txt") == b"content"
    assert not upload.closed
    assert (upload.readable(), upload.seekable(), upload.writable()) == (True, True, False)


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


# Saving.


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_saved_whole_and_readable(tmp_path: Path) -> None:
    upload = uploaded(b"x" * 3_000_000)
    upload.read(10)
    saved = upload.save(tmp_path / "a.bin")

    assert saved == tmp_path / "a.bin"
    assert saved.read_bytes() == b"x" * 3_000_000
    assert stat.S_IMODE(saved.stat().st_mode) == 0o644
    assert upload.read(1) == b"x", "it can be read again"
    assert names_in(tmp_path) == ["a.bin"]
    private = upload.save(str(tmp_path / "b.bin"), mode=0o600)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_file_that_is_there_stays_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(FileExistsError, match="there is a file already; save with overwrite=True"):
        uploaded(b"after").save(target)
    assert target.read_text() == "before"
    uploaded(b"after").save(target, overwrite=True)
    assert target.read_text() == "after"
    assert names_in(tmp_path) == ["a.txt"]


def test_of_many_that_save_under_one_name_one_succeeds(tmp_path: Path) -> None:
    def save(number: int) -> bool:
        try:
            uploaded(str(number).encode() * 100_000).save(tmp_path / "a.txt")
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        saved = [number for number, done in enumerate(pool.map(save, range(8))) if done]
    assert len(saved) == 1
    assert (tmp_path / "a.txt").read_text() == str(saved[0]) * 100_000
    assert names_in(tmp_path) == ["a.txt"]


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "the disk is broken")

    upload = UploadedFile("a.txt", "text/plain", Broken(b"x"), "f", 1)
    (tmp_path / "kept.txt").write_text("kept")
    for options in ({}, {"overwrite": True}):
        with pytest.raises(OSError, match="the disk is broken"):
            upload.save(tmp_path / "kept.txt", **options)
    assert names_in(tmp_path) == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text() == "kept"


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        uploaded().save(tmp_path / "missing" / "a.txt")


ON_A_FULL_DISK = """
import os, sys, tempfile
from pathlib import Path
from lback import Application
from lback.testing import Client

disk = Path(sys.argv[1])
tempfile.tempdir = str(disk) if sys.argv[2] == "parsing" else None
app = Application(DEBUG=False, ALLOWED_HOSTS=["localhost"], SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
                  MAX_UPLOAD_MEMORY_SIZE=1000)

@app.route("/", ["POST"], requires_auth=False)
def view(request):
    request.files["f"].save(disk / "a.bin")
    return "saved"

client = Client(app)
for size in (400_000, 400_000, 10_000):
    print(client.post("/", files={"f": ("a", b"x" * size)}).status_code, os.listdir(disk))
"""


@pytest.mark.parametrize("place", ["saving", "parsing"])
def test_a_full_disk_is_507_and_leaves_nothing(tmp_path: Path, place: str) -> None:
    disk, script = tmp_path / "disk", tmp_path / "script.py"
    disk.mkdir()
    script.write_text(ON_A_FULL_DISK)
    mounted = (
        f"mount -t tmpfs -o size=128k tmpfs {disk} && exec {sys.executable} {script} {disk} {place}"
    )
    run = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in run.stderr or "mount:" in run.stderr:
        pytest.skip(f"no disk of a test's own: {run.stderr}")
    assert run.stdout.splitlines() == ["507 []", "507 []", "200 ['a.bin']"], run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.count("disk full") == len(run.stderr.splitlines()) == 1
