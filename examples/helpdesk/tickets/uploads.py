"""Where attachments are kept."""

import secrets
import shutil
from pathlib import Path

from lback import Config, UploadedFile


def folder_of(config: Config) -> Path:
    """Return the folder of the attachments."""
    return Path(config.PROJECT_ROOT, config.UPLOADS)


def keep(file: UploadedFile, folder: Path) -> str:
    """Write a file below a random name, and return that name."""
    folder.mkdir(mode=0o700, exist_ok=True)
    name = secrets.token_hex(16)
    file.seek(0)
    with (folder / name).open("xb") as target:
        shutil.copyfileobj(file, target)
    return name
