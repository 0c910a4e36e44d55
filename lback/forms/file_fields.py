"""Fields for files: checked by size, by name and by content before anybody keeps them."""

from collections.abc import Iterable
from string import ascii_lowercase, digits
from typing import Any, ClassVar

from lback.core.http.uploaded_file import UploadedFile
from lback.forms.field import Field, Messages
from lback.forms.file_content import (
    ACTIVE_EXTENSIONS,
    BY_EXTENSION,
    DEFAULT_EXTENSIONS,
    IMAGE_EXTENSIONS,
    SERVER_EXTENSIONS,
    head_of,
    is_active,
    kind_of,
    size_of,
)
from lback.forms.widgets import CLEARED, FileInput

MAX_SIZE = 5 * 1024 * 1024
MAX_PIXELS = 50_000_000
NAME_LENGTH = 200
_LETTERS = ascii_lowercase + digits


class FileField(Field):
    """A file: an `UploadedFile`.

    Images, PDF, office documents, text, CSV, archives, audio and video are let in, and nothing
    else unless its extension is named: neither pages, scripts and SVG nor programs. Where the
    beginning of a kind of file is known, the file has to begin like that.

    Args:
        max_size: Bytes at most.
        extensions: Endings of the names that are let in; None lets in
            `lback.forms.file_content.DEFAULT_EXTENSIONS`.
        allow_empty: Whether a file may have no content.
        **options: See `Field`.
    """

    widget_class = FileInput
    messages: ClassVar[Messages] = {
        "required": "Please choose a file.",
        "invalid": "No file came; the form has to be sent as multipart/form-data.",
        "empty": "The file is empty.",
        "max_size": "The file has {size}; at most {limit} are taken.",
        "name": "The name of the file cannot be used; please give it another one.",
        "extension": "Files ending in {found} are not taken here{offer}.",
        "no_extension": "Files without an ending in their name are not taken here{offer}.",
        "inner_extension": "Files with {found} in their name are not taken here; please rename it.",
        "content": "The content of the file is not what its name says.",
        "active": "The file holds a program or a page, which is not taken here.",
    }

    def __init__(
        self,
        *,
        max_size: int = MAX_SIZE,
        extensions: Iterable[str] | None = None,
        allow_empty: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.max_size = max_size
        self.extensions = (
            None if extensions is None else tuple(name.lower().lstrip(".") for name in extensions)
        )
        self.allow_empty = allow_empty
        if isinstance(self.widget, FileInput):
            self.widget.clearable = not self.required

    def is_empty(self, raw: Any) -> bool:
        """Tell whether no file was chosen."""
        return raw is None or raw == ""

    def clean(self, raw: Any, initial: Any = None) -> Any:
        """Return the file; `False` where the one that is kept is to be removed.

        Raises:
            Invalid: A rule is broken.
        """
        if raw is CLEARED:
            if self.required:
                raise self.invalid("required")
            return False
        return super().clean(raw, initial)

    def clean_empty(self, initial: Any) -> Any:
        """Return what is there already."""
        return super().clean_empty(initial) if initial is None else initial

    def to_python(self, raw: Any) -> Any:
        """Return the file, if it is one."""
        if not isinstance(raw, UploadedFile):
            raise self.invalid("invalid")
        return raw

    def check(self, value: UploadedFile) -> None:
        """Check size, name and content, in that order: the cheap ones first."""
        if value.size > self.max_size:
            found, limit = readable_size(value.size), readable_size(self.max_size)
            raise self.invalid("max_size", size=found, limit=limit)
        if not value.size and not self.allow_empty:
            raise self.invalid("empty")
        self.check_content(value, self._checked_extension(value.filename))

    def _checked_extension(self, filename: str) -> str:
        # A colon begins the name of a stream on Windows: "shell.exe:photo.png" is a program there.
        is_odd = filename.startswith(".") or ":" in filename or "\0" in filename
        if not 0 < len(filename) <= NAME_LENGTH or is_odd:
            raise self.invalid("name")
        # Windows drops dots and blanks at the end, and servers what follows a name.
        parts = [part.strip().lower() for part in filename.rstrip(". ").split(".")[1:]]
        extension = parts.pop() if parts else ""
        allowed = DEFAULT_EXTENSIONS if self.extensions is None else self.extensions
        if extension not in allowed:
            names = ", ".join(self.extensions or ())
            offer = f"; please choose one of {names}" if names else ""
            key = "extension" if extension else "no_extension"
            raise self.invalid(key, found=f".{extension}", offer=offer)
        for part in map(_name_in, parts):
            if part in SERVER_EXTENSIONS and part not in allowed:
                raise self.invalid("inner_extension", found=f".{part}")
        return extension

    def check_content(self, value: UploadedFile, extension: str) -> None:
        """Check what the file begins with.

        Raises:
            Invalid: It is not what its name says, or might be run.
        """
        head = head_of(value)
        expected = BY_EXTENSION.get(extension)
        if expected is not None and kind_of(head) is not expected:
            raise self.invalid("content")
        if extension not in ACTIVE_EXTENSIONS and is_active(head):
            raise self.invalid("active")

    def attributes(self) -> dict[str, Any]:
        """Return what the dialog of a browser should offer."""
        names = ",".join(f".{name}" for name in self.extensions or ())
        return {"accept": names or None}

    def has_changed(self, initial: Any, raw: Any) -> bool:  # noqa: ARG002  signature
        """Tell whether a file was chosen, or the kept one is to be removed."""
        return not self.is_empty(raw)


class ImageField(FileField):
    """An image: PNG, JPEG, GIF or WebP, told by its content, of a size that can be unpacked.

    Args:
        max_pixels: Width times height at most; a few bytes may unpack to a billion of them.
        **options: See `FileField`.
    """

    messages: ClassVar[Messages] = {
        "content": "The file is no image that can be shown here.",
        "max_pixels": "The image has {width} x {height} pixels, which is too many.",
    }

    def __init__(
        self,
        *,
        max_pixels: int = MAX_PIXELS,
        extensions: Iterable[str] | None = IMAGE_EXTENSIONS,
        **options: Any,
    ) -> None:
        super().__init__(extensions=extensions, **options)
        self.max_pixels = max_pixels

    def check_content(self, value: UploadedFile, extension: str) -> None:
        """Check that it is an image and how large."""
        super().check_content(value, extension)
        size = size_of(value)
        if size is None or not all(size):
            raise self.invalid("content")
        if size[0] * size[1] > self.max_pixels:
            raise self.invalid("max_pixels", width=size[0], height=size[1])


def _name_in(part: str) -> str:
    """Return the letters and digits that a part of a file name begins with: "asp;" is "asp"."""
    return part[: len(part) - len(part.lstrip(_LETTERS))]


def readable_size(size: int) -> str:
    """Return a number of bytes for people: "2.5 MB"."""
    amount, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return (
        f"{amount:.0f} {unit}" if amount >= 100 or amount.is_integer() else f"{amount:.1f} {unit}"
    )
