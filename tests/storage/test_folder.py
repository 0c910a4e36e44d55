"""Files in a folder: permissions, links, full disks and crashes."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lback import ConfigurationError
from lback.core.http.uploaded_file import DiskFull
from lback.storage import FolderStorage, InvalidFileName, MissingFile

KILLED = """
import sys
from lback.storage import FolderStorage

def pieces():
    yield b"x" * 1_000_000
    print("half", flush=True)
    sys.stdin.read()

FolderStorage(sys.argv[1]).save("a/b.bin", pieces())
"""
LIMITED = """
import resource, sys
from lback.core.http.uploaded_file import DiskFull
from lback.storage import FolderStorage

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    FolderStorage(sys.argv[1]).save("a/b.bin", iter([b"x" * 100_000] * 20))
except DiskFull as error:
    print(error.status_code)
"""


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "media")


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_nothing_is_created_before_the_first_file(storage: FolderStorage) -> None:
    assert list(storage.list()) == []
    assert not storage.exists("a")
    storage.delete("a/b")
    assert not storage.path.exists()


def test_others_cannot_read(storage: FolderStorage) -> None:
    storage.save("a/b.txt", b"x")
    assert (storage.path / "a/b.txt").stat().st_mode & 0o777 == 0o640
    for folder in (storage.path, storage.path / "a"):
        assert folder.stat().st_mode & 0o007 == 0


def test_a_mode_of_ones_own(tmp_path: Path) -> None:
    FolderStorage(tmp_path / "m", mode=0o600).save("a", b"x")
    assert (tmp_path / "m/a").stat().st_mode & 0o777 == 0o600


def test_empty_folders_are_removed(storage: FolderStorage) -> None:
    storage.save("a/b/c.txt", b"x")
    storage.save("a/d.txt", b"x")
    storage.delete("a/b/c.txt")
    assert not (storage.path / "a/b").exists()
    storage.move("a/d.txt", "e/f.txt")
    assert sorted(path.name for path in storage.path.iterdir()) == [".incoming", "e"]


def test_folders_that_come_and_go(storage: FolderStorage) -> None:
    def use(number: int) -> None:
        for _ in range(40):
            storage.delete(storage.save(f"same/{number}.txt", b"x").name)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(storage.path) == []


def test_a_file_cannot_be_a_folder(storage: FolderStorage) -> None:
    storage.save("a", b"x")
    with pytest.raises(InvalidFileName, match="'a' is a file and not a folder"):
        storage.save("a/b", b"x")
    storage.save("c/d", b"x")
    assert storage.save("c", b"x").name.startswith("c-")
    with pytest.raises(InvalidFileName, match="a folder has this name"):
        storage.save("c", b"x", overwrite=True)


def test_links_that_lead_out_are_not_followed(storage: FolderStorage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    storage.save("a.txt", b"x")
    (storage.path / "link").symlink_to(outside)
    (storage.path / "file.txt").symlink_to(outside / "secret.txt")
    for name in ("link/secret.txt", "file.txt"):
        with pytest.raises(MissingFile):
            storage.open(name)
    with pytest.raises(InvalidFileName, match="outside"):
        storage.save("link/new.txt", b"x")
    with pytest.raises(InvalidFileName, match="outside"):
        storage.delete("link/secret.txt")
    assert [file.name for file in storage.list()] == ["a.txt"]
    assert storage.save("file.txt", b"new", overwrite=True).name == "file.txt"
    assert (outside / "secret.txt").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["secret.txt"]


def test_a_file_is_no_storage(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("")
    with pytest.raises(ConfigurationError, match="is not a directory"):
        FolderStorage(tmp_path / "media")


def test_a_kill_in_the_middle_leaves_no_visible_file(storage: FolderStorage) -> None:
    command = [sys.executable, "-c", KILLED, str(storage.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert list(storage.list()) == []
    (abandoned,) = files(storage.path)
    assert abandoned.startswith(".incoming/")
    assert storage.remove_abandoned(older_than=3600) == ()
    assert storage.remove_abandoned(older_than=-60, dry_run=True)
    assert storage.remove_abandoned(older_than=-60)
    assert files(storage.path) == []


def test_a_limit_on_the_size_of_files_is_507_and_leaves_nothing(storage: FolderStorage) -> None:
    command = [sys.executable, "-c", LIMITED, str(storage.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "507\n"
    assert files(storage.path) == []


def test_a_full_disk_is_507_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small disk")
    try:
        storage = FolderStorage(disk / "media")
        with pytest.raises(DiskFull) as raised:
            storage.save("a/b.bin", iter([b"x" * 100_000] * 40))
        assert raised.value.status_code == 507
        assert files(disk) == []
        assert storage.save("a/b.bin", b"small").size == 5
    finally:
        subprocess.run(["umount", str(disk)], check=True)
