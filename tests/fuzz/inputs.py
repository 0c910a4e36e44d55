"""Inputs for the targets: what was kept, mutated, and bytes from nowhere."""

from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).with_name("corpus")

# What parsers of the web stumble over.
PIECES = [
    b"\r\n", b"\n", b"\0", b"--x\r\n", b"--x--", b"%", b"%00", b"%2F", b"..", b"\\", b"=", b";",
    b'"', b"'", b"{", b"}", b"[", b"]", b":", b",", b"&", b"#", b"?", b"@", b"-", b"/", b"//",
    b"\xff", b"\xc3\xa4", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b"1e999",
    b"NaN", b"9" * 25, b"-1", b"bytes=0-", b"{{", b"}}", b"{%", b"%}", b"__class__", b"\t", b" ",
    b"a" * 300, b"content-disposition: form-data; name=", b"filename*=utf-8''", b"<script>",
]  # fmt: skip


def kept(name: str) -> list[Path]:
    """Return the files of a target in the corpus."""
    return sorted((CORPUS / name).iterdir())


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Return a strategy for the inputs of a target."""
    seeds = [path.read_bytes() for path in kept(name)]
    piece = st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))
    grown = st.lists(piece, max_size=30).map(b"".join)
    return st.one_of(_mutated(seeds), grown, st.binary(max_size=2000))


@st.composite
def _mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 20)))
        piece = draw(
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(data[at:end]))
        )
        data = data[:at] + piece * draw(st.sampled_from([1, 1, 1, 2, 40])) + data[end:]
    return data[:20_000]
