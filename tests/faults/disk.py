"""A small file system that a test can fill."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEBIBYTES = 32


class Skipped(Exception):
    """The row cannot be tried here."""


class Disk:
    """A file system in memory.

    Args:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uploads = folder / "uploads"
        self.uploads.mkdir()
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave less than one block."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (1_000_000, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk() -> Iterator[Disk]:
    """Mount a file system; needs root.

    Raises:
        Skipped: It cannot be mounted.
    """
    if os.geteuid() != 0:
        raise Skipped("mounting a small file system needs root")
    folder = Path(tempfile.mkdtemp(prefix="lback-faults-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    try:
        if mounted.returncode:
            raise Skipped(mounted.stderr.strip())
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
        folder.rmdir()
