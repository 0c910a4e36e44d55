"""An uploaded file: what a client sent in one part of a form, and what it says about it."""

import re
from typing import BinaryIO

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class UploadedFile:
    """One file of a multipart form (RFC 7578).

    Args:
        filename: As the client sent it; kept without directories and control characters. It is
            a label for people, never a path to write to.
        content_type: As the client claims.
        file: Open binary file, at its beginning.
        field_name: Name of the form field.
        size: Length in bytes.
        headers: Header fields of the part, with the name as it was sent.
    """

    def __init__(
        self,
        filename: str,
        content_type: str,
        file: BinaryIO,
        field_name: str,
        size: int,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.filename = bare_filename(filename)
        self.content_type = content_type
        self.file = file
        self.field_name = field_name
        self.size = size
        self.headers = dict(headers or {})

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; -1 reads to the end."""
        return self.file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to another place, as a file does, and return it."""
        return self.file.seek(offset, whence)

    def close(self) -> None:
        """Close the file; a file in a temporary place is gone then."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> "UploadedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<UploadedFile {self.filename!r} {self.size} bytes>"


def bare_filename(filename: str) -> str:
    """Return a client's file name without directories of any system and control characters."""
    name = _CONTROL.sub("", filename).replace("\\", "/").rpartition("/")[2].strip()
    return "" if name in (".", "..") else name
