"""File fields: uploads, validated by size, name and content before they are stored."""

from collections.abc import Iterable
from io import BytesIO
from string import ascii_lowercase, digits
from typing import Any, ClassVar, Unpack

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.uploaded_file import UploadedFile
from lback.core.unit_of_work import current
from lback.forms.field import Field, FieldOptions, Messages
from lback.forms.file_content import (
    ACTIVE_EXTENSIONS,
    BY_EXTENSION,
    DEFAULT_EXTENSIONS,
    IMAGE_EXTENSIONS,
    SERVER_EXTENSIONS,
    head_of,
    is_executable_content,
    kind_of,
    size_of,
)
from lback.forms.widgets import CLEARED, Arriving, FileInput
from lback.translation import gettext, ngettext
from lback.translation import gettext_lazy as _

MAX_SIZE = 5 * 1024 * 1024
MAX_PIXELS = 16_000_000  # as lback.storage.images.MAX_PIXELS
NAME_LENGTH = 200
_LETTERS = ascii_lowercase + digits


class FileOptions(FieldOptions, total=False):
    """Options of `FileField` except `extensions`, for fields with their own default for them."""

    max_size: int
    allow_empty: bool
    uploads_url: str
    direct_url: str


class FileField(Field):
    """An uploaded file, an `UploadedFile`.

    Images, PDF, office documents, text, CSV, archives, audio and video are accepted. Other files,
    such as pages, scripts, SVG and programs, are rejected unless their extension is listed. Files
    of a known type must begin as that type does.

    Args:
        max_size: Maximum size in bytes.
        extensions: Accepted file name extensions; `None` accepts
            `lback.forms.file_content.DEFAULT_EXTENSIONS`.
        allow_empty: Whether an empty file is accepted.
        uploads_url: Where `lback.storage.upload_urls` is included, such as "/uploads/". A browser
            with its script then uploads the file in parts, and shows the progress. Empty for not.
        direct_url: Address of a view of yours that returns `start_direct_upload(…).as_dict()` for
            `?name=…&size=…`. A browser with the same script then sends the file to the storage
            itself, and shows the progress. It takes precedence over `uploads_url`.
        **options: See `Field`.
    """

    widget_class = FileInput
    messages: ClassVar[Messages] = {
        "required": _("Please choose a file."),
        "invalid": _("No file was received; the form must be sent as multipart/form-data."),
        "arrived": _("The upload is not complete, or too old. Please choose the file again."),
        "empty": _("The file is empty. Please choose another one."),
        "max_size": _("The file has {size}. Please choose one of at most {limit}."),
        "name": _("This file name cannot be used. Please rename the file."),
        "extension": _("Files ending in {found} are not accepted{offer}."),
        "no_extension": _("Files without an extension are not accepted{offer}."),
        "inner_extension": _(
            "Files with {found} in their name are not accepted; please rename it."
        ),
        "content": _("The content of the file does not match its name. Please choose another one."),
        "active": _("The file contains a program or a web page. Please choose another one."),
    }

    def __init__(
        self,
        *,
        max_size: int = MAX_SIZE,
        extensions: Iterable[str] | None = None,
        allow_empty: bool = False,
        uploads_url: str = "",
        direct_url: str = "",
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(**options)
        self.max_size = max_size
        self.extensions = (
            None if extensions is None else tuple(name.lower().lstrip(".") for name in extensions)
        )
        self.allow_empty = allow_empty
        if isinstance(self.widget, FileInput):
            self.widget.clearable = not self.required
            self.widget.uploads_url = uploads_url
            self.widget.direct_url = direct_url

    def is_empty(self, raw: object) -> bool:
        """Return True if no file was chosen."""
        return raw is None or raw == ""

    def clean(self, raw: object, initial: object = None) -> Any:
        """Return the validated file, or `False` if the stored one is to be removed.

        Args:
            raw: The submitted value, as the widget reads it.
            initial: The stored file, which counts if no other is chosen.

        Raises:
            Invalid: The file breaks a rule.
        """
        if raw is CLEARED:
            if self.required:
                raise self.invalid("required")
            return False
        return super().clean(raw, initial)

    def clean_empty(self, initial: object) -> Any:
        """Return the stored file.

        Raises:
            Invalid: There is none, and the field is required.
        """
        return super().clean_empty(initial) if initial is None else initial

    def to_python(self, raw: object) -> UploadedFile:
        """Return the uploaded file.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: The value is not an upload: the form lacks `enctype="multipart/form-data"`.
        """
        if isinstance(raw, Arriving):
            return self._arrived(raw)
        if not isinstance(raw, UploadedFile):
            raise self.invalid("invalid")
        return raw

    def _arrived(self, arriving: Arriving) -> UploadedFile:
        # Imported here, because few forms take files in parts.
        from lback.storage.uploads import arrived_file, owner_of

        user = getattr(current.get(), "user", None)
        try:
            return arrived_file(arriving.token, arriving.field_name, owner_of(user))
        except HTTPException as error:
            raise self.invalid("arrived") from error

    def check(self, value: UploadedFile) -> None:
        """Validate size, name and content, in that order: the cheap checks first.

        Args:
            value: The converted value.

        Raises:
            Invalid: The file breaks a rule.
        """
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
        # Windows drops dots and blanks at the end of a name, and servers what follows an extension.
        parts = [part.strip().lower() for part in filename.rstrip(". ").split(".")[1:]]
        extension = parts.pop() if parts else ""
        allowed = DEFAULT_EXTENSIONS if self.extensions is None else self.extensions
        if extension not in allowed:
            names = ", ".join(self.extensions or ())
            offer = gettext("; please choose one of %(names)s", names=names) if names else ""
            key = "extension" if extension else "no_extension"
            raise self.invalid(key, found=f".{extension}", offer=offer)
        for part in map(_name_in, parts):
            if part in SERVER_EXTENSIONS and part not in allowed:
                raise self.invalid("inner_extension", found=f".{part}")
        return extension

    def check_content(self, value: UploadedFile, extension: str) -> None:
        """Validate the first bytes of the file.

        Args:
            value: The uploaded file.
            extension: Its extension in lower case, without the dot; empty if there is none.

        Raises:
            Invalid: The content does not match the extension, or might be executed.
        """
        head = head_of(value)
        expected = BY_EXTENSION.get(extension)
        if expected is not None and kind_of(head) is not expected:
            raise self.invalid("content")
        if extension not in ACTIVE_EXTENSIONS and is_executable_content(head):
            raise self.invalid("active")

    def attributes(self) -> dict[str, object]:
        """Return the attribute `accept`, which filters the file dialog of a browser."""
        names = ",".join(f".{name}" for name in self.extensions or ())
        return {"accept": names or None}

    def has_changed(self, initial: object, raw: object) -> bool:  # noqa: ARG002  signature
        """Return True if a file was chosen, or the stored one is to be removed.

        Args:
            initial: The stored file.
            raw: The submitted value.
        """
        return not self.is_empty(raw)


class ImageField(FileField):
    """An image: PNG, JPEG, GIF or WebP, detected by its content and limited in size.

    Args:
        max_pixels: Maximum width times height; a small file may decompress to billions of pixels.
        extensions: Accepted file name extensions.
        remove_metadata: Whether to decode the image and encode it again, so that it has no EXIF
            data such as a place, and nothing beside its pixels. Needs the extra `images`.
        **options: See `FileField`.
    """

    messages: ClassVar[Messages] = {
        "content": _("This file is not an image of an accepted type. Please choose another one."),
        "max_pixels": _("The image has {width} x {height} pixels. Please choose a smaller one."),
    }

    def __init__(
        self,
        *,
        max_pixels: int = MAX_PIXELS,
        extensions: Iterable[str] | None = IMAGE_EXTENSIONS,
        remove_metadata: bool = False,
        **options: Unpack[FileOptions],
    ) -> None:
        super().__init__(extensions=extensions, **options)
        self.max_pixels = max_pixels
        self.remove_metadata = remove_metadata

    def clean(self, raw: object, initial: object = None) -> Any:
        """Return the validated image, or `False` if the stored one is to be removed.

        Args:
            raw: The submitted value, as the widget reads it.
            initial: The stored image, which counts if no other is chosen.

        Raises:
            Invalid: The image breaks a rule.
            ServiceUnavailable: Other images are decoded, and took longer than 5 seconds.
        """
        image = super().clean(raw, initial)
        if not self.remove_metadata or not isinstance(image, UploadedFile):
            return image
        # Imported here, because it needs an extra.
        from lback.storage.images import clean_image

        try:
            data = clean_image(image, max_pixels=self.max_pixels)
        except BadRequest as error:
            raise self.invalid("content") from error
        kind = image.content_type
        return UploadedFile(image.filename, kind, BytesIO(data), image.field_name, len(data))

    def check_content(self, value: UploadedFile, extension: str) -> None:
        """Validate that the file is an image, and its size in pixels.

        Args:
            value: The uploaded file.
            extension: Its extension in lower case, without the dot.

        Raises:
            Invalid: The content is not an image of the accepted types, or the image is too large.
        """
        super().check_content(value, extension)
        size = size_of(value)
        if size is None or not all(size):
            raise self.invalid("content")
        if size[0] * size[1] > self.max_pixels:
            raise self.invalid("max_pixels", width=size[0], height=size[1])


def _name_in(part: str) -> str:
    """Return the letters and digits at the start of a part of a file name: "asp;" gives "asp"."""
    return part[: len(part) - len(part.lstrip(_LETTERS))]


def readable_size(size: int) -> str:
    """Return a number of bytes as text, such as "2.5 MB".

    Example:
        >>> readable_size(2_500_000)
        '2.5 MB'
    """
    amount, shown = float(size), ""
    for larger in (_("%(amount)s KB"), _("%(amount)s MB"), _("%(amount)s GB")):
        if amount < 1000:
            break
        amount, shown = amount / 1000, larger
    digits = f"{amount:.0f}" if amount >= 100 or amount.is_integer() else f"{amount:.1f}"
    if not shown:
        return ngettext("%(amount)s bytes", "%(amount)s bytes", size, amount=digits)
    return shown % {"amount": digits}
