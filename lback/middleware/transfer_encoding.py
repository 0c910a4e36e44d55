"""Decode parts of forms whose `Content-Transfer-Encoding` is base64 or quoted-printable."""

from binascii import a2b_base64, a2b_qp
from collections.abc import Callable

_UNENCODED = frozenset({"", "7bit", "8bit", "binary"})
_BLANKS = b" \t\r\n"


class Unencoded:
    """Decoder of a part whose bytes are those of its content, and base class of the others."""

    def decode(self, piece: bytes) -> bytes:
        """Return the content of a piece, without characters that the next piece completes.

        Raises:
            ValueError: The part is not in this encoding.
        """
        return piece

    def end(self) -> bytes:
        """Return the content that is left at the end of the part.

        Raises:
            ValueError: The part is cut off.
        """
        return b""


class Base64(Unencoded):
    """Decoder of base64 (RFC 2045 section 6.8): groups of four characters, in lines or not.

    Example:
        >>> from lback.middleware.transfer_encoding import Base64
        >>> decoder = Base64()
        >>> decoder.decode(b"SGVsb") + decoder.decode(b"G8=") + decoder.end()
        b'Hello'
    """

    def __init__(self) -> None:
        self._held = b""
        self._is_padded = False

    def decode(self, piece: bytes) -> bytes:
        """See `Unencoded.decode`."""
        whole = self._held + piece.translate(None, _BLANKS)
        cut = len(whole) - len(whole) % 4
        self._held = whole[cut:]
        if self._is_padded and whole:
            raise ValueError("data after the padding")
        self._is_padded = whole[:cut].endswith(b"=")
        return a2b_base64(whole[:cut], strict_mode=True)

    def end(self) -> bytes:
        """See `Unencoded.end`."""
        if self._held:
            raise ValueError("the last group is not complete")
        return b""


class QuotedPrintable(Unencoded):
    """Decoder of quoted-printable (RFC 2045 section 6.7)."""

    def __init__(self) -> None:
        self._held = b""

    def decode(self, piece: bytes) -> bytes:
        """See `Unencoded.decode`."""
        whole = self._held + piece
        # An escape has three bytes: "=3D", or "=" at the end of a line.
        begun = whole.rfind(b"=", max(len(whole) - 2, 0))
        cut = begun if begun >= 0 else len(whole)
        self._held = whole[cut:]
        return a2b_qp(whole[:cut])

    def end(self) -> bytes:
        """See `Unencoded.end`."""
        return a2b_qp(self._held)


_DECODERS: dict[str, Callable[[], Unencoded]] = {
    **dict.fromkeys(_UNENCODED, Unencoded),
    "base64": Base64,
    "quoted-printable": QuotedPrintable,
}


def decoder_of(encoding: str) -> Unencoded | None:
    """Return a decoder for a part, or None if the encoding is unknown.

    Args:
        encoding: Value of `Content-Transfer-Encoding`, in lower case; empty if there is none.
    """
    build = _DECODERS.get(encoding)
    return None if build is None else build()
