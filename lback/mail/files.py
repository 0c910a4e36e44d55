"""Files of emails, which are read from their storages when the email is sent."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import IO, TYPE_CHECKING, Any, Protocol

from lback.core.exceptions import (
    ConfigurationError,
    FrameworkException,
    HTTPException,
    NotFound,
    ServiceUnavailable,
)
from lback.core.http.content_id import content_name

if TYPE_CHECKING:
    from lback.mail.message import OutgoingMail

_LONGEST_FILENAME = 200
# The address of an image as a whole value of an attribute or of a CSS url().
_SHOWN = re.compile(r"""(?<=["'(=])cid:([A-Za-z0-9._-]+)(?=["')\s>])""")


class MissingAttachment(FrameworkException):
    """A file of an email is not in its storage."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file that is sent with an email. It is read when the email is sent.

    Attributes:
        name: Name of the file in its storage.
        storage: Name of the storage in the setting `STORAGES`.
        filename: Name that the recipient sees; empty for the last part of `name`.

    Example:
        >>> Attachment("invoices/7.pdf", filename="Invoice 7.pdf").shown
        'Invoice 7.pdf'
    """

    name: str
    storage: str = "default"
    filename: str = ""

    @property
    def shown(self) -> str:
        """The name that the recipient sees.

        Raises:
            ValueError: The name is too long, or has a slash or a control character.
        """
        found = self.filename or self.name.rpartition("/")[2]
        allowed = found.isprintable() and "/" not in found and "\\" not in found
        if not allowed or not 0 < len(found) <= _LONGEST_FILENAME:
            raise ValueError(
                f"{found[:200]!r} cannot be the file name of an attachment: use 1 to "
                f"{_LONGEST_FILENAME} printable characters without slashes"
            )
        return found


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file that belongs into a message.

    Attributes:
        name: Name of the file in its storage.
        storage: Name of the storage.
        shown: Name that the recipient sees.
        content_id: `Content-ID` of an inline image, without angle brackets; empty for attachments.
    """

    name: str
    storage: str
    shown: str
    content_id: str = ""


class StoredInfo(Protocol):
    """What is known about a stored file."""

    @property
    def content_type(self) -> str:
        """Media type."""
        ...


class StorageOfFiles(Protocol):
    """A storage, as far as emails need it."""

    def info(self, name: str, /) -> StoredInfo:
        """Return what is known about a file."""
        ...

    def open(self, name: str, /) -> IO[bytes]:
        """Open a file for reading."""
        ...


GetStorages = Callable[[], Mapping[str, Any]]


def files_of(
    attachments: "tuple[Attachment, ...]", images: Mapping[str, Attachment], content_ids: str
) -> "tuple[FileToRead, ...]":
    """Return the files that belong into a message.

    Args:
        attachments: What is attached.
        images: Inline images by name.
        content_ids: What follows the name of an image in its `Content-ID`.

    Raises:
        ValueError: A name cannot be part of a header field.
    """
    shown = [
        FileToRead(file.name, file.storage, file.shown, f"{content_name(key)}.{content_ids}")
        for key, file in images.items()
    ]
    attached = [FileToRead(file.name, file.storage, file.shown) for file in attachments]
    return (*shown, *attached)


def with_content_ids(html: str, images: Mapping[str, Attachment], content_ids: str) -> str:
    """Return HTML in which the addresses of images are those of one message.

    Args:
        html: HTML with addresses such as `cid:logo`.
        images: Inline images by name.
        content_ids: What follows the name of an image in its `Content-ID`.

    Raises:
        ValueError: The HTML shows an image that is not there, or does not show one of them.
    """
    shown = set(_SHOWN.findall(html))
    if unknown := sorted(shown - images.keys()):
        raise ValueError(
            f"the HTML of an email shows cid:{unknown[0]}, and its images are "
            f"{sorted(images)}; add {unknown[0]!r} to Mail(images=…)"
        )
    if unused := sorted(images.keys() - shown):
        raise ValueError(
            f"the HTML of an email does not show its image {unused[0]!r}; write "
            f"<img src=\"{{{{ cid('{unused[0]}') }}}}\"> or leave the image out"
        )
    return _SHOWN.sub(lambda match: f"cid:{match[1]}.{content_ids}", html)


def add_files(message: "OutgoingMail", storages: GetStorages | None) -> None:
    """Read the files of a message and add them to it, if this has not been done before.

    Args:
        message: The message; it stays as it is if a file cannot be read.
        storages: Returns the storages by name.

    Raises:
        MissingAttachment: A file is not in its storage.
        ConfigurationError: There is no storage of this name.
        ValueError: An inline file is not an image that mail programs show.
        OSError: A storage cannot be read now.
    """
    if not message.files:
        return
    if storages is None:
        raise ConfigurationError(
            "the email has files, which are read from storages: use the service `mailer`, or "
            "pass storages=… to Mailer"
        )
    found = [(file, *_read(file, storages(), str(message["Subject"]))) for file in message.files]
    for file, content, media_type in found:
        _add(message, file, content, media_type)
    message.files = ()


def _read(file: FileToRead, storages: Mapping[str, Any], subject: str) -> tuple[bytes, str]:
    place = f"the email {subject!r} needs {file.name!r} of the storage {file.storage!r}"
    try:
        storage: StorageOfFiles = storages[file.storage]
    except KeyError as error:
        raise ConfigurationError(f"{place}: {error.args[0]}") from error
    try:
        media_type = storage.info(file.name).content_type
        with storage.open(file.name) as opened:
            content = opened.read()
    except NotFound as error:
        raise MissingAttachment(
            f"{place}, which does not exist; store it before the email is sent, and delete it "
            "no earlier"
        ) from error
    except ServiceUnavailable as error:
        raise OSError(f"{place}, which cannot be read now") from error
    except HTTPException as error:
        raise ValueError(f"{place}: {error}") from error
    if file.content_id and not media_type.startswith("image/"):
        raise ValueError(
            f"{place} as an inline image, and its type is {media_type}; use a file whose name ends "
            "with .png, .jpg, .gif or .webp"
        )
    return content, media_type


def _add(message: EmailMessage, file: FileToRead, content: bytes, media_type: str) -> None:
    kind, _, subtype = media_type.partition(";")[0].partition("/")
    options: dict[str, Any] = {"maintype": kind, "subtype": subtype, "filename": file.shown}
    if not file.content_id:
        message.add_attachment(content, **options)
        return
    html = message.get_body(("html",))
    if not isinstance(html, EmailMessage):
        raise ValueError("the email has inline images and no HTML")
    # After the first image, `get_body` returns the HTML within multipart/related.
    related = next((p for p in message.walk() if p.get_content_type() == "multipart/related"), html)
    related.add_related(content, **options, disposition="inline", cid=f"<{file.content_id}>")
