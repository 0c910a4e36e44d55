"""Names of stored files: what clients send never leaves a storage, on any system."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.storage import InvalidFileName, clean_name, storable_name, unguessable_name
from lback.storage.names import MAX_PART, is_unguessable, with_token

HOSTILE = [
    "../../etc/passwd", "..", ".", "/etc/passwd", "//host/share", "a/../../b", "a/..", "./a",
    "..\\..\\windows\\win.ini", "C:\\x", "C:x", "a:stream.txt", "\\\\host\\share",
    "a\0.png", "a\n.png", "a\r.png", "a\x1b[31m.png", "a\x7f", "a\x85b",
    "photo\u202egnp.exe", "a\u200fb", "a\u2066b", "a\u200bb", "\ufeffa", "a\u00adb",
    "\uff0e\uff0e/passwd", "a/\uff0e\uff0e/b", "a\uff0fb", "a\uff3cb", "\u2025/a", "a/\u2024",
    "a\u2100b", "a\uff1ab",
    "CON", "con.txt", "a/NUL", "nul.tar.gz", "COM1", "com\u00b9.txt", "LPT9.x", "aux .txt",
    ".htaccess", "a/.git/config", ".incoming/x", "a.", "a ", " a", "a /b", "a./b",
    "a\ud800b", "\ue000", "a\u2028b", "a\u3000b", "a\u00a0b",
    "a*", "a?b", 'a"b', "<script>", "a|b",
    "a" * (MAX_PART + 1), "é" * 101, "/".join(["aa"] * 300),
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidFileName) as raised:
        clean_name(name)
    assert raised.value.status_code == 400
    assert raised.value.message == "This file name cannot be used."


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_of_uploads_become_harmless(name: str) -> None:
    stored = storable_name(name)
    assert "/" not in stored
    assert clean_name(stored) == stored


@pytest.mark.parametrize("name", ["a", "a/b.c", "a-b_c (1).tar.gz", "ﬁle.txt", "Straße/Ⅷ.pdf"])
def test_usual_names_are_kept(name: str) -> None:
    assert clean_name(name) == name


@given(st.text(max_size=300))
def test_any_upload_can_be_stored(filename: str) -> None:
    stored = storable_name(filename)
    assert clean_name(stored) == stored
    assert "/" not in stored
    assert is_unguessable(unguessable_name(filename, "folder"))


@given(st.text(max_size=60))
def test_a_name_that_is_accepted_has_plain_parts(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except InvalidFileName:
        return
    assert clean_name(cleaned) == cleaned
    for form in (cleaned, unicodedata.normalize("NFKC", cleaned)):
        assert not {"", ".", ".."} & set(form.split("/"))
        assert not set(form) & set("\\\0:")


def test_other_types_are_refused() -> None:
    for name in (None, 7, b"a.txt"):
        with pytest.raises(InvalidFileName):
            clean_name(name)  # type: ignore[arg-type]


def test_unguessable_names_differ_and_keep_the_name_of_the_upload() -> None:
    first, second = (unguessable_name("C:\\My cat.PNG", "pictures") for _ in range(2))
    assert first != second
    assert first.startswith("pictures/")
    assert first.endswith("/My cat.PNG")


@pytest.mark.parametrize("name", ["a.png", "a" * MAX_PART, "x/" + "é" * 98 + ".jpg", "a.b" * 30])
def test_a_token_fits_into_any_name(name: str) -> None:
    other = with_token(name)
    assert clean_name(other) == other
    assert is_unguessable(other)
    assert other.rpartition(".")[2] == name.rpartition(".")[2] or len(name) > 80


def test_long_names_are_cut_before_they_are_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    class Watched:
        category = staticmethod(unicodedata.category)

        @staticmethod
        def normalize(form: Any, text: str) -> str:
            lengths.append(len(text))
            return unicodedata.normalize(form, text)

    monkeypatch.setattr("lback.storage.names.unicodedata", Watched)
    stored = storable_name("a\ufdfa" * 125_000 + ".png")
    assert stored.startswith("a")
    assert stored.endswith(".png")
    with pytest.raises(InvalidFileName, match="more than 700 bytes"):
        clean_name("a" * 1_000_000)
    assert max(lengths) < 5_000
