"""Streaming parser of `multipart/form-data` (RFC 7578); large files are spooled to disk."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from multipart import (  # type: ignore[import-untyped]  # it ships annotations, no py.typed
    MultipartError,
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
)

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.multidict import MultiDict
from lback.core.http.uploaded_file import UploadedFile, full_disk_is_507
from lback.middleware.content_disposition import encoded_parameters, has_name
from lback.middleware.content_type import codec_of, require_codec
from lback.middleware.multipart_stream import delimited_pieces
from lback.middleware.transfer_encoding import Unencoded, decoder_of

if TYPE_CHECKING:
    from lback.core.config import Config

_HEADERS_IN_A_PART = 16
# Header fields are parsed in it whatever their charset is, because each byte is a character.
_BYTEWISE = "latin-1"


class FormLimits(NamedTuple):
    """Limits of a form.

    Attributes:
        fields: Number of fields (MAX_FORM_FIELDS).
        files: Number of files (MAX_FORM_FILES).
        field_size: Bytes of a field (MAX_FORM_FIELD_SIZE).
        header_size: Bytes of the header of a part (MAX_PART_HEADER_SIZE).
        memory: Bytes of all files that are kept in memory (MAX_UPLOAD_MEMORY_SIZE).
    """

    fields: int
    files: int
    field_size: int
    header_size: int
    memory: int

    @classmethod
    def of(cls, config: "Config") -> "FormLimits":
        """Return the limits of the settings; called once at start-up."""
        return cls(
            config.MAX_FORM_FIELDS,
            config.MAX_FORM_FILES,
            config.MAX_FORM_FIELD_SIZE,
            config.MAX_PART_HEADER_SIZE,
            config.MAX_UPLOAD_MEMORY_SIZE,
        )


def parse_multipart(
    stream: object, boundary: str, limits: FormLimits, charset: str | None = None
) -> tuple[MultiDict, MultiDict] | None:
    """Parse a form (RFC 7578) from a stream.

    Data before the first boundary and after the last is ignored (RFC 2046 section 5.1.1). If the
    form is refused, all files are closed.

    Args:
        stream: Binary file with `read(size)`; it ends with the body.
        boundary: Parameter `boundary` of the `Content-Type`.
        limits: Limits of the form.
        charset: Charset of parts that declare none. None means UTF-8.

    Returns:
        Fields and files, or None if the stream is empty.

    Raises:
        BadRequest: The form is malformed, incomplete, or has too many parts.
        HTTPException: 413, a part is too large; 415, charset or encoding of a part are not
            supported.
    """
    with ExitStack() as opened:
        form = _Form(limits, opened, charset)
        parser = _Parser(
            boundary,
            max_header_size=limits.header_size,
            max_header_count=_HEADERS_IN_A_PART,
            header_charset=_BYTEWISE,
        )
        try:
            _feed(parser, form, delimited_pieces(stream, boundary), f"--{boundary}--".encode())
        except ParserLimitReached as error:
            raise form.header_too_large() from error
        except MultipartError as error:
            reason = parser.error or error
            raise BadRequest(f"the form is malformed: {reason.args[0]}") from error
        opened.pop_all()
    return (form.fields, form.files) if form.begun else None


class _Parser(PushMultipartParser):  # type: ignore[misc]  # see the import
    """Accepts parts of other dispositions than `form-data`, as some clients name files."""

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
        segment = MultipartSegment(headerlist)
        if segment.disposition is None:
            raise ParserError("a part has no Content-Disposition")
        return segment


def _feed(parser: PushMultipartParser, form: "_Form", pieces: Iterator[bytes], last: bytes) -> None:
    for piece in pieces:
        form.begun = True
        for event in parser.parse(piece):
            form.take(event)
        if form.is_between_parts and piece.endswith(last):
            next(pieces, None)  # raises if the body is shorter than declared
            break
    if form.begun:
        parser.close()


class _Form:
    """Collects the parts of a form from the events of the parser."""

    def __init__(self, limits: FormLimits, opened: ExitStack, charset: str | None) -> None:
        self.fields = MultiDict()
        self.files = MultiDict()
        self.begun = False
        self._limits = limits
        self._charset = charset
        self._opened = opened
        self._memory_left = limits.memory
        self._field_count = self._file_count = 0
        self._part: MultipartSegment | None = None
        self._name, self._filename, self._codec = "", cast(str | None, None), "utf-8"
        self._decoder = Unencoded()
        self._size = 0  # of the content, decoded
        self._text = bytearray()
        self._file: SpooledTemporaryFile[bytes] | None = None

    @property
    def is_between_parts(self) -> bool:
        """True if no part is open."""
        return self._part is None

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        """Handle an event of the parser: the start of a part, its data, or None for its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._write(self._decoded(None))
            self._end()
        else:
            self._write(self._decoded(bytes(event)))

    def _decoded(self, piece: bytes | None) -> bytes:
        try:
            return self._decoder.end() if piece is None else self._decoder.decode(piece)
        except ValueError as error:
            raise BadRequest(
                f"{self._what()} is not in the encoding of its Content-Transfer-Encoding"
            ) from error

    def _write(self, content: bytes) -> None:
        self._size += len(content)
        if self._file is not None:
            with full_disk_is_507():
                self._file.write(content)
        else:
            self._text += content
            if len(self._text) > self._limits.field_size:
                limit = self._limits.field_size
                raise HTTPException(
                    f"{self._what()} is larger than {limit} bytes (MAX_FORM_FIELD_SIZE)", 413
                )

    def header_too_large(self) -> HTTPException:
        """Return the error for a part whose header is too large."""
        number = self._field_count + self._file_count + (self._part is None)
        return HTTPException(
            f"the header of part {number} is larger than {self._limits.header_size} bytes "
            f"(MAX_PART_HEADER_SIZE) or {_HEADERS_IN_A_PART} lines",
            413,
        )

    def _begin(self, part: MultipartSegment) -> None:
        disposition = self._header_text(part.header("Content-Disposition", ""), "replace")
        encoded = encoded_parameters(disposition)
        self._part = part
        self._name = encoded.get("name") or self._header_text(part.name or "")
        self._filename = encoded.get("filename")
        if self._filename is None and part.filename is not None:
            self._filename = self._header_text(part.filename, "replace")
        if not self._name and not has_name(disposition):
            raise BadRequest("the form is malformed: Content-Disposition of a part has no name")
        if self._filename is None:
            self._field_count += 1
            if self._field_count > self._limits.fields:
                raise BadRequest(f"more than {self._limits.fields} fields (MAX_FORM_FIELDS)")
        else:
            self._file_count += 1
            if self._file_count > self._limits.files:
                raise BadRequest(f"more than {self._limits.files} files (MAX_FORM_FILES)")
        self._check_header(part)
        self._text, self._size = bytearray(), 0
        if self._filename is not None:
            # At least 1: a max_size of 0 means no limit.
            self._file = SpooledTemporaryFile(max_size=max(self._memory_left, 1))  # noqa: SIM115  outlives this function on purpose
            self._opened.callback(_discard, self._file)

    def _header_text(self, text: str, errors: str = "strict") -> str:
        """Decode text of a header field: UTF-8, else the charset of the form.

        Raises:
            BadRequest: It is in neither, and `errors` is "strict".
        """
        if text.isascii():
            return text
        octets = text.encode(_BYTEWISE)
        try:
            return octets.decode()
        except UnicodeDecodeError:
            pass
        try:
            return octets.decode(codec_of(self._charset) or "utf-8", errors)
        except UnicodeDecodeError as error:
            raise BadRequest("the form is malformed: the name of a part is not UTF-8") from error

    def _check_header(self, part: MultipartSegment) -> None:
        lines = part.headerlist
        if sum(len(name) + len(value) for name, value in lines) > self._limits.header_size:
            raise self.header_too_large()
        if len({name for name, _ in lines}) < len(lines):
            raise BadRequest(f"{self._what()} has a header field twice")
        encoding = part.header("Content-Transfer-Encoding", "").strip().lower()
        decoder = decoder_of(encoding)
        if decoder is None:
            raise HTTPException(
                f"{self._what()} has the Content-Transfer-Encoding {encoding[:40]!r}; "
                "send it unencoded",
                415,
            )
        self._decoder = decoder
        if self._filename is None:
            self._codec = require_codec(part.charset or self._charset, self._what())

    def _end(self) -> None:
        part, file = cast(MultipartSegment, self._part), self._file
        if file is None:
            try:
                self.fields.add(self._name, self._text.decode(self._codec))
            except UnicodeDecodeError as error:
                label = "UTF-8" if self._codec == "utf-8" else part.charset or self._charset
                raise BadRequest(f"{self._what()} is not valid {label}") from error
        elif self._filename or self._size:
            self._keep(part, file)
        else:  # a file input without a chosen file
            file.close()
        self._part = self._file = None

    def _keep(self, part: MultipartSegment, file: "SpooledTemporaryFile[bytes]") -> None:
        if self._size <= self._memory_left:
            self._memory_left -= self._size
        with full_disk_is_507():
            file.seek(0)
        uploaded = UploadedFile(
            self._filename or "",
            part.content_type or "application/octet-stream",
            cast(BinaryIO, file),
            self._name,
            self._size,
            {name: self._header_text(value, "replace") for name, value in part.headerlist},
        )
        self.files.add(uploaded.field_name, uploaded)

    def _what(self) -> str:
        return f"{'field' if self._filename is None else 'file'} {self._name[:60]!r}"


def _discard(file: "SpooledTemporaryFile[bytes]") -> None:
    """Close a file of a refused form; errors of a full disk no longer matter."""
    with suppress(OSError):
        file.close()
