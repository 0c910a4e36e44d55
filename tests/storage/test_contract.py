"""The contract of storages, on a folder, in memory and on a real S3 server."""

import hashlib
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lback.core.http.uploaded_file import UploadedFile
from lback.storage import (
    InvalidFileName,
    MissingFile,
    ReadOnlyStorage,
    ReadOnlyStorageError,
    ScopedStorage,
    Storage,
    unguessable_name,
)

LARGE = bytes(range(256)) * (41 * 1024)  # 10.25 MiB, three parts on S3


def content(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        return file.read()


def names(storage: Storage, folder: str = "") -> list[str]:
    return sorted(file.name for file in storage.list(folder))


def test_what_is_saved_is_read(storage: Storage) -> None:
    saved = storage.save("notes/a.txt", b"hello")
    assert (saved.name, saved.size) == ("notes/a.txt", 5)
    assert saved.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert content(storage, "notes/a.txt") == b"hello"


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert storage.save("empty.txt", b"").size == 0
    assert storage.exists("empty.txt")
    assert content(storage, "empty.txt") == b""


def test_a_file_without_a_suffix_and_with_several(storage: Storage) -> None:
    assert storage.save("README", b"1").name == "README"
    assert storage.save("a.tar.gz", b"2").name == "a.tar.gz"
    assert names(storage) == ["README", "a.tar.gz"]


@pytest.mark.parametrize(
    "name", ["Übung/naïve café.txt", "日本/語.txt", "a+b %41&=#.txt", "🙂.png"]
)
def test_names_of_all_languages(storage: Storage, name: str) -> None:
    assert storage.save(name, b"x").name == name
    assert names(storage) == [name]
    assert content(storage, name) == b"x"
    storage.delete(name)
    assert names(storage) == []


def test_both_unicode_forms_are_one_name(storage: Storage) -> None:
    storage.save("cafe\u0301.txt", b"x")
    assert names(storage) == ["caf\u00e9.txt"]
    assert content(storage, "cafe\u0301.txt") == b"x"


def test_an_open_file_is_stored_from_its_position(storage: Storage) -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    storage.save("a.bin", file)
    assert content(storage, "a.bin") == b"456789"


def test_an_upload_is_stored_from_its_beginning(storage: Storage) -> None:
    upload = UploadedFile("a.txt", "text/plain", io.BytesIO(b"whole"), "file", 5)
    upload.read(2)
    storage.save("a.txt", upload)
    assert content(storage, "a.txt") == b"whole"


def test_pieces_are_stored_in_order(storage: Storage) -> None:
    storage.save("a.bin", (bytes([n]) * 3 for n in range(4)))
    assert content(storage, "a.bin") == b"\0\0\0\1\1\1\2\2\2\3\3\3"


@pytest.mark.parametrize("wrong", ["text", 7, None])
def test_text_and_other_things_are_no_content(storage: Storage, wrong: object) -> None:
    with pytest.raises(TypeError, match="bytes"):
        storage.save("a.txt", wrong)  # type: ignore[arg-type]
    assert names(storage) == []


def test_a_file_of_text_is_refused(storage: Storage) -> None:
    with pytest.raises(TypeError, match="'rb'"):
        storage.save("a.txt", io.StringIO("text"))  # type: ignore[arg-type]
    assert names(storage) == []


def test_a_large_file_is_stored_whole(storage: Storage) -> None:
    saved = storage.save(unguessable_name("large.bin"), io.BytesIO(LARGE))
    assert saved.size == len(LARGE)
    assert saved.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert content(storage, saved.name) == LARGE


def test_a_large_file_does_not_replace_another(storage: Storage) -> None:
    first = storage.save("large.bin", io.BytesIO(LARGE))
    second = storage.save("large.bin", io.BytesIO(LARGE[:-1]))
    assert first.name != second.name
    assert (storage.size(first.name), storage.size(second.name)) == (len(LARGE), len(LARGE) - 1)


def test_a_name_that_is_taken_gets_a_token(storage: Storage) -> None:
    assert storage.save("a/report.pdf", b"1").name == "a/report.pdf"
    second = storage.save("a/report.pdf", b"2").name
    assert second.startswith("a/report-")
    assert second.endswith(".pdf")
    assert (content(storage, "a/report.pdf"), content(storage, second)) == (b"1", b"2")


def test_a_file_is_replaced_if_asked(storage: Storage) -> None:
    before = storage.save("a.txt", b"one")
    after = storage.save("a.txt", b"three", overwrite=True)
    assert after.name == "a.txt"
    assert before.etag != after.etag
    assert names(storage) == ["a.txt"]
    assert content(storage, "a.txt") == b"three"


def test_a_large_file_replaces_another_if_asked(storage: Storage) -> None:
    storage.save("a.bin", b"small")
    assert storage.save("a.bin", io.BytesIO(LARGE), overwrite=True).name == "a.bin"
    assert storage.size("a.bin") == len(LARGE)


def test_of_many_at_once_each_has_a_name(storage: Storage) -> None:
    saved: list[str] = []

    def save(number: int) -> None:
        saved.append(storage.save("same.txt", str(number).encode()).name)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(saved)) == 8
    assert sorted(content(storage, name) for name in saved) == [b"%d" % n for n in range(8)]


@pytest.mark.parametrize("size", [0, 100, len(LARGE)])
def test_content_that_fails_leaves_nothing(storage: Storage, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, size, 1024 * 1024):
            yield LARGE[start : start + 1024 * 1024]
        raise RuntimeError("the client has gone")

    with pytest.raises(RuntimeError, match="the client has gone"):
        storage.save(unguessable_name("a.bin"), pieces())
    assert names(storage) == []


def test_content_that_fails_keeps_the_old_file(storage: Storage) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError

    storage.save("a.txt", b"old")
    with pytest.raises(RuntimeError):
        storage.save("a.txt", pieces(), overwrite=True)
    assert content(storage, "a.txt") == b"old"


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 6, b"345"),
        (0, 1, b"0"),
        (9, 100, b"9"),
        (10, None, b""),
        (50, 60, b""),
        (4, 4, b""),
    ],
)
def test_ranges(storage: Storage, start: int, stop: int | None, expected: bytes) -> None:
    storage.save("a.txt", b"0123456789")
    with storage.open("a.txt", start, stop) as file:
        assert file.read() == expected


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 4), (0, -1)])
def test_ranges_that_are_none(storage: Storage, start: int, stop: int | None) -> None:
    storage.save("a.txt", b"0123456789")
    with pytest.raises(ValueError, match="not within a file"):
        storage.open("a.txt", start, stop)


def test_a_range_of_a_large_file(storage: Storage) -> None:
    name = storage.save(unguessable_name("large.bin"), io.BytesIO(LARGE)).name
    with storage.open(name, 5_000_000, 9_000_001) as file:
        assert file.read() == LARGE[5_000_000:9_000_001]


def test_an_open_file_can_seek(storage: Storage) -> None:
    storage.save("a.txt", b"0123456789")
    with storage.open("a.txt", 2, 8) as file:
        assert file.read(2) == b"23"
        file.seek(-1, io.SEEK_END)
        assert (file.read(), file.tell()) == (b"7", 6)
        file.seek(1)
        file.seek(1, io.SEEK_CUR)
        assert file.read(1) == b"4"


def test_a_missing_file(storage: Storage) -> None:
    for ask in (storage.open, storage.info, storage.size):
        with pytest.raises(MissingFile, match=r"'no/such\.txt'"):
            ask("no/such.txt")
    assert not storage.exists("no/such.txt")
    with pytest.raises(MissingFile):
        storage.copy("no/such.txt", "b.txt")
    with pytest.raises(MissingFile):
        storage.move("no/such.txt", "b.txt")
    assert names(storage) == []


def test_a_folder_is_not_a_file(storage: Storage) -> None:
    storage.save("a/b.txt", b"x")
    assert not storage.exists("a")
    with pytest.raises(MissingFile):
        storage.open("a")
    storage.delete("a")
    assert names(storage) == ["a/b.txt"]


def test_deleting(storage: Storage) -> None:
    storage.save("a/b.txt", b"x")
    storage.save("a/c.txt", b"y")
    storage.delete("a/b.txt")
    assert not storage.exists("a/b.txt")
    assert names(storage) == ["a/c.txt"]
    storage.delete("a/b.txt")
    storage.delete("no/such.txt")


def test_a_name_can_be_used_again(storage: Storage) -> None:
    storage.save("a/b.txt", b"1")
    storage.delete("a/b.txt")
    assert storage.save("a/b.txt", b"2").name == "a/b.txt"
    assert content(storage, "a/b.txt") == b"2"


def test_what_is_known_about_a_file(storage: Storage) -> None:
    storage.save("cat.PNG", b"x" * 100)
    found = storage.info("cat.PNG")
    assert (found.name, found.size, found.sha256) == ("cat.PNG", 100, "")
    assert found.content_type == "image/png"
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=5)
    assert found.etag.startswith('"')
    assert found.etag.endswith('"')
    assert storage.info("cat.PNG") == found


def test_lists(storage: Storage) -> None:
    for name in ("b.txt", "a/1.txt", "a/b/2.txt", "ab/3.txt", "a.txt"):
        storage.save(name, b"x")
    assert names(storage) == ["a.txt", "a/1.txt", "a/b/2.txt", "ab/3.txt", "b.txt"]
    assert names(storage, "a") == ["a/1.txt", "a/b/2.txt"]
    assert names(storage, "a/b") == ["a/b/2.txt"]
    assert names(storage, "none") == []
    assert names(storage, "b.txt") == []
    assert {file.size for file in storage.list()} == {1}


def test_an_empty_storage_has_no_files(storage: Storage) -> None:
    assert names(storage) == []


def test_copies(storage: Storage) -> None:
    storage.save("a.txt", b"x")
    assert storage.copy("a.txt", "b/c.txt").name == "b/c.txt"
    assert names(storage) == ["a.txt", "b/c.txt"]
    other = storage.copy("a.txt", "b/c.txt").name
    assert other != "b/c.txt"
    storage.save("d.txt", b"d")
    assert storage.copy("d.txt", "b/c.txt", overwrite=True).name == "b/c.txt"
    assert (content(storage, "b/c.txt"), content(storage, other)) == (b"d", b"x")


def test_moves(storage: Storage) -> None:
    storage.save("a/a.txt", b"x")
    assert storage.move("a/a.txt", "b/c.txt").name == "b/c.txt"
    assert names(storage) == ["b/c.txt"]
    storage.save("d.txt", b"d")
    other = storage.move("d.txt", "b/c.txt").name
    assert names(storage) == sorted(["b/c.txt", other])
    assert storage.move(other, "b/c.txt", overwrite=True).name == "b/c.txt"
    assert names(storage) == ["b/c.txt"]
    assert content(storage, "b/c.txt") == b"d"


def test_a_move_to_the_same_name_changes_nothing(storage: Storage) -> None:
    storage.save("a.txt", b"x")
    for overwrite in (False, True):
        assert storage.move("a.txt", "a.txt", overwrite=overwrite).name == "a.txt"
    assert content(storage, "a.txt") == b"x"


BAD_NAMES = ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/./b", ".hidden", "a\\b", "a\0b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_refused_everywhere(storage: Storage, name: str) -> None:
    storage.save("good.txt", b"x")
    with pytest.raises(InvalidFileName):
        storage.save(name, b"x")
    for use in (storage.open, storage.delete, storage.info, storage.exists, storage.size):
        with pytest.raises(InvalidFileName):
            use(name)
    for change in (storage.copy, storage.move):
        with pytest.raises(InvalidFileName):
            change("good.txt", name)
        with pytest.raises(InvalidFileName):
            change(name, "good.txt")
    if name:
        with pytest.raises(InvalidFileName):
            list(storage.list(name))
    assert names(storage) == ["good.txt"]


def test_a_scope_has_its_own_names(storage: Storage) -> None:
    storage.save("b.txt", b"outside")
    scope = ScopedStorage(storage, "customers/7")
    assert scope.save("b.txt", b"inside").name == "b.txt"
    assert content(storage, "customers/7/b.txt") == b"inside"
    assert scope.copy("b.txt", "c/d.txt").name == "c/d.txt"
    assert scope.move("c/d.txt", "e.txt").name == "e.txt"
    assert (names(scope), names(scope, "c")) == (["b.txt", "e.txt"], [])
    assert scope.info("b.txt").name == "b.txt"
    scope.delete("b.txt")
    assert content(storage, "b.txt") == b"outside"
    with pytest.raises(MissingFile, match=r"'b\.txt'"):
        scope.open("b.txt")
    with pytest.raises(MissingFile, match=r"'b\.txt'"):
        scope.info("b.txt")


@pytest.mark.parametrize("name", ["../8/a.txt", "/a.txt", "a/../../b.txt"])
def test_a_scope_cannot_be_left(storage: Storage, name: str) -> None:
    scope = ScopedStorage(storage, "customers/7")
    with pytest.raises(InvalidFileName):
        scope.save(name, b"x")
    assert names(storage) == []


def test_a_read_only_storage(storage: Storage) -> None:
    storage.save("a.txt", b"x")
    reading = ReadOnlyStorage(storage)
    assert content(reading, "a.txt") == b"x"
    assert (names(reading), reading.size("a.txt")) == (["a.txt"], 1)
    with pytest.raises(ReadOnlyStorageError, match="read-only"):
        reading.save("b.txt", b"x")
    with pytest.raises(ReadOnlyStorageError):
        reading.save("a.txt", b"x", overwrite=True)
    with pytest.raises(ReadOnlyStorageError):
        reading.delete("a.txt")
    with pytest.raises(ReadOnlyStorageError):
        reading.copy("a.txt", "b.txt")
    with pytest.raises(ReadOnlyStorageError):
        reading.move("a.txt", "b.txt")
    assert names(storage) == ["a.txt"]


def test_a_file_of_a_storage_is_content_of_another(storage: Storage) -> None:
    name = storage.save(unguessable_name("large.bin"), io.BytesIO(LARGE)).name
    with storage.open(name) as file:
        copied = storage.save(unguessable_name("copy.bin"), file)
    assert copied.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert content(storage, copied.name) == LARGE
