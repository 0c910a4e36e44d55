"""Transfer encodings: parts are decoded whole, however they are cut into pieces."""

import quopri
from base64 import b64encode, encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.middleware.transfer_encoding import decoder_of


def decoded(encoding: str, text: bytes, size: int) -> bytes:
    decoder = decoder_of(encoding)
    assert decoder is not None
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return b"".join([*map(decoder.decode, pieces), decoder.end()])


@given(st.binary(max_size=300), st.integers(1, 100), st.sampled_from([b64encode, encodebytes]))
def test_base64_is_decoded_in_pieces(content: bytes, size: int, encode: object) -> None:
    assert callable(encode)
    assert decoded("base64", encode(content), size) == content


@given(st.binary(max_size=300), st.integers(1, 100))
def test_quoted_printable_is_decoded_in_pieces(content: bytes, size: int) -> None:
    text = content.replace(b"\r", b"").replace(b"\n", b"\r\n")
    assert decoded("quoted-printable", quopri.encodestring(text), size) == text


@given(st.binary(max_size=300), st.integers(1, 100))
def test_what_is_not_encoded_stays(content: bytes, size: int) -> None:
    for encoding in ("", "7bit", "8bit", "binary"):
        assert decoded(encoding, content, size) == content


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_are_decoded_or_a_value_error(content: bytes, size: int) -> None:
    for encoding in ("base64", "quoted-printable"):
        try:
            decoded(encoding, content, size)
        except ValueError:
            assert encoding == "base64"


def test_padding_ends_a_part_in_base64_wherever_pieces_end() -> None:
    for size in range(1, 9):
        with pytest.raises(ValueError, match=r"."):
            decoded("base64", b"YQ==YQ==", size)


def test_other_encodings_are_unknown() -> None:
    assert decoder_of("x-uuencode") is None
