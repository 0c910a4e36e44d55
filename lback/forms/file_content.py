"""File type detection by the first bytes of a file, not by its name or its sender."""

import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

HEAD = 4096


class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        ...

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position.

        Args:
            offset: Number of bytes.
            whence: 0 counts from the start of the file, 1 from the current position, 2 from its
                end.
        """
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A file type: media type, first bytes, and file name extensions."""

    media_type: str
    starts: tuple[bytes, ...]
    extensions: tuple[str, ...]


KINDS = (
    Kind("image/png", (b"\x89PNG\r\n\x1a\n",), ("png",)),
    Kind("image/jpeg", (b"\xff\xd8\xff",), ("jpg", "jpeg")),
    Kind("image/gif", (b"GIF87a", b"GIF89a"), ("gif",)),
    Kind("image/webp", (b"RIFF",), ("webp",)),
    Kind("application/pdf", (b"%PDF-",), ("pdf",)),
    Kind(
        "application/zip",
        (b"PK\x03\x04", b"PK\x05\x06"),
        ("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"),
    ),
    Kind("application/gzip", (b"\x1f\x8b",), ("gz", "tgz")),
)
IMAGE_EXTENSIONS = ("png", "jpg", "jpeg", "gif", "webp")
BY_EXTENSION = {extension: kind for kind in KINDS for extension in kind.extensions}

# Extensions that are accepted if a field names none. An allow-list, because no list of what is
# dangerous is complete.
DEFAULT_EXTENSIONS = (
    *IMAGE_EXTENSIONS, "bmp", "tif", "tiff", "heic", "heif", "avif",
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "epub",
    "txt", "md", "log", "csv", "tsv",
    "zip", "gz", "tgz", "tar", "bz2", "xz", "zst", "7z", "rar",
    "mp3", "wav", "ogg", "oga", "opus", "flac", "m4a", "aac",
    "mp4", "m4v", "mov", "webm", "mkv", "avi", "mpg", "mpeg", "ogv",
)  # fmt: skip

# What a browser or a server would execute if it were served from the site or stored on its disk.
ACTIVE_EXTENSIONS = frozenset(
    {
        *("html", "htm", "xhtml", "xht", "shtml", "mht", "mhtml", "svg", "svgz", "xml", "xsl"),
        *("xslt", "js", "mjs", "css", "swf", "hta", "htc", "wasm", "php", "phtml", "phar", "asp"),
        *("aspx", "jsp", "cgi", "pl", "py", "pyc", "rb", "sh", "bash", "bat", "cmd", "com", "exe"),
        *("dll", "msi", "scr", "ps1", "vbs", "jar", "htaccess", "lnk", "url", "desktop"),
    }
)
# What some servers execute wherever it stands in a name, as in "shell.php.jpg". A web page that was
# printed to a file is named after its site: "www.bank.com.pdf" is not a program.
SERVER_EXTENSIONS = frozenset(
    {
        *("php", "php2", "php3", "php4", "php5", "php6", "php7", "php8", "phps", "pht", "phtml"),
        *("phar", "asp", "aspx", "asa", "ashx", "asmx", "cer", "cfm", "jsp", "jspx"),
        *("cgi", "fcgi", "shtml", "htaccess"),
    }
)
_EXECUTABLE_TEXT = re.compile(
    rb"<(?:!doctype|html|head|body|script|svg|iframe|\?xml|\?php|!\[CDATA\[|style|img|a\s)|^#!|^MZ|^\x7fELF",
    re.IGNORECASE,
)
# JPEG start-of-frame segments: all of C0..CF but DHT, JPG and DAC (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def head_of(file: Readable) -> bytes:
    """Return the first 4096 bytes of a file, and set its position to the start.

    Args:
        file: An open, seekable binary file.
    """
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    return head


def kind_of(head: bytes) -> Kind | None:
    """Return the file type that the first bytes of a file show, or `None` if it is not known.

    Args:
        head: The first bytes of the file.
    """
    for kind in KINDS:
        if head.startswith(kind.starts):
            webp = kind.media_type == "image/webp"
            return None if webp and head[8:12] != b"WEBP" else kind
    return None


def is_executable_content(head: bytes) -> bool:
    """Return True if a browser or an operating system might execute a file that begins like this.

    Args:
        head: The first bytes of the file.

    Example:
        >>> is_executable_content(b"<script>alert(1)</script>")
        True
        >>> is_executable_content(b"%PDF-1.7")
        False
    """
    if kind_of(head) is not None:
        return False
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\x0c\0")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16 with its mark
        text = head[2:].replace(b"\0", b"")
    return _EXECUTABLE_TEXT.search(text[:1024]) is not None


def size_of(file: Readable) -> tuple[int, int] | None:
    """Return width and height of an image in pixels, or `None` if they cannot be read.

    Only headers are read; the image is not decompressed.

    Args:
        file: An open, seekable binary file; its position is set to the start.
    """
    head = head_of(file)
    kind = kind_of(head)
    try:
        match kind.media_type if kind is not None else None:
            case "image/png":
                return _png_size(head)
            case "image/gif":
                return struct.unpack_from("<HH", head, 6)
            case "image/webp":
                return _webp_size(head)
            case "image/jpeg":
                return _jpeg_size(file)
    except struct.error:
        pass  # the file ends before its size
    finally:
        file.seek(0)
    return None


def _png_size(head: bytes) -> tuple[int, int] | None:
    if head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _webp_size(head: bytes) -> tuple[int, int] | None:
    chunk = head[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        return (width + 1, height + 1) if len(head) >= 30 else None
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and head[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _jpeg_size(file: Readable) -> tuple[int, int] | None:
    # Each segment starts with its length, so this reads a few bytes of each; 200 are plenty.
    file.seek(2)
    for _ in range(200):
        marker, code, length = struct.unpack(">BBH", file.read(4))
        if marker != 0xFF or length < 2:
            return None
        if code in _FRAMES:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)
    return None


def __getattr__(name: str) -> Any:
    if name != "is_active":  # its name in version 0.1
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    text = f"{__name__}.is_active is deprecated and goes in 0.3: use is_executable_content"
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return is_executable_content
