"""What a new file name needs to survive a crash of the machine."""

import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Write a directory to the disk, so that a file created or renamed in it keeps its name.

    Args:
        path: The directory that contains the file.

    Raises:
        OSError: The directory cannot be opened or written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
