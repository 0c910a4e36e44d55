"""Media types of stored files, decided by the suffix of their names and nothing else."""

from lback.core.response import BYTES_TYPE

# An allow-list of what browsers show without executing anything.
INLINE_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "txt": "text/plain; charset=utf-8",
    "log": "text/plain; charset=utf-8",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
}
# What is saved by the browser and opened by another program.
ATTACHMENT_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "zip": "application/zip",
    "gz": "application/gzip",
    "tar": "application/x-tar",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "epub": "application/epub+zip",
}
_TYPES = ATTACHMENT_TYPES | INLINE_TYPES


def suffix_of(name: str) -> str:
    """Return the suffix of a name in lower case, without the dot; empty if there is none."""
    last = name.rpartition("/")[2]
    return last.rpartition(".")[2].lower() if "." in last else ""


def type_of_name(name: str) -> str:
    """Return the media type for a name; `application/octet-stream` for all that are not listed.

    Pages, scripts, styles and SVG are among these, so that no browser executes them.

    Example:
        >>> type_of_name("cat.PNG"), type_of_name("page.html")
        ('image/png', 'application/octet-stream')
    """
    return _TYPES.get(suffix_of(name), BYTES_TYPE)


def is_inline(name: str) -> bool:
    """Return True if a browser may show a file of this name instead of saving it."""
    return suffix_of(name) in INLINE_TYPES
