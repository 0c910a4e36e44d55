"""A chapter that leads elsewhere than it says is noticed."""

import os
from pathlib import Path

import pytest

from tests.examples.chapters import Reader, changed

CHAPTER = """\
# One

**`letters/first.txt`**

```txt
a
b

c
```

```sh
mkdir inner
cd inner
echo "there   is 1 file"
```

```text
there is … file
```
"""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path, {"PATH": os.environ["PATH"]})


def follow(reader: Reader, chapter: str) -> None:
    page = reader.folder / "chapter.md"
    page.write_text(chapter)
    reader.follow(page)


def test_files_are_written_and_commands_run(reader: Reader, tmp_path: Path) -> None:
    follow(reader, CHAPTER)
    assert (tmp_path / "letters/first.txt").read_text() == "a\nb\n\nc\n"
    assert reader.folder == tmp_path / "inner"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("there is … file", "there is no … file", "not printed where it should be"),
        ("mkdir inner", "false", "false"),
        ("```txt", "``` txt", "a code block is not written as all others"),
    ],
)
def test_what_does_not_happen_fails(reader: Reader, old: str, new: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        follow(reader, CHAPTER.replace(old, new))


def test_a_block_of_a_file_needs_its_name(reader: Reader) -> None:
    with pytest.raises(AssertionError, match="a block 'py' without a path"):
        follow(reader, "```py\nx = 1\n```\n")


def test_a_diff_changes_what_stands_at_one_place() -> None:
    diff = " a\n-b\n+B\n\n@@\n c\n+d\n"
    assert changed("a\nb\n\nc\n", diff, "first.txt") == "a\nB\n\nc\nd\n"
    for text in ("a\nx\n\nc\n", "a\nb\n\na\nb\n\nc\n"):
        with pytest.raises(AssertionError, match=r"[02] places of first.txt"):
            changed(text, diff, "first.txt")
