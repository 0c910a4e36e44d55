"""The chapters of a tutorial, followed to the letter: files written, changed, commands run.

A chapter is Markdown. A code block below a line with nothing but a bold path is the content of
that file, or its change where the block is a `diff`; `sh` is run, and `text` is what it prints,
where `…` stands for anything. `console` is for people alone: servers, and other machines.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STEP = re.compile(
    r"^(?:\*\*`(?P<path>[^`\n]+)`\*\*\n\n)?```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S
)
PATIENCE = 120.0


@dataclass
class Reader:
    """A person who follows chapters at a terminal.

    Attributes:
        folder: Where they are; `cd` moves them.
        variables: Their environment.
        printed: What the last command printed.
    """

    folder: Path
    variables: Mapping[str, str]
    printed: str = field(default="", init=False)

    def follow(self, chapter: Path) -> None:
        """Do what a chapter says, from top to bottom."""
        for path, kind, body in steps(chapter.read_text()):
            if path and kind == "diff":
                self.change(path, body)
            elif path:
                self.write(path, body)
            elif kind == "sh":
                self.run(body)
            elif kind == "text":
                self.has_read(body)
            else:
                assert kind == "console", f"{chapter.name}: a block {kind!r} without a path"

    def write(self, path: str, body: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)

    def change(self, path: str, diff: str) -> None:
        file = self.folder / path
        file.write_text(changed(file.read_text(), diff, path))

    def run(self, script: str) -> str:
        """Run commands, which must succeed, and return what they print."""
        result = subprocess.run(
            ["bash", "-ec", script],
            cwd=self.folder,
            env=self.variables,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
        self.printed = result.stdout + result.stderr
        moved = re.search(r"^cd (\S+)$", script, re.M)
        self.folder /= moved[1] if moved else ""
        return self.printed

    def has_read(self, expected: str) -> None:
        """Check that these lines were printed, in this order; the width of columns is free."""
        place, printed = 0, squeezed(self.printed)
        for line in squeezed(expected).splitlines():
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            found = re.compile(f"^{pattern}$", re.M).search(printed, place)
            assert found, f"{line!r} is not printed where it should be:\n{self.printed}"
            place = found.end() if line != "…" else place


def steps(text: str) -> Iterator[tuple[str | None, str, str]]:
    """Return path, kind and content of each code block."""
    blocks = list(STEP.finditer(text))
    fences = re.findall(r"^\s*```", text, re.M)
    assert len(fences) == 2 * len(blocks), "a code block is not written as all others"
    for found in blocks:
        yield found["path"], found["kind"], found["body"]


def changed(text: str, diff: str, path: str) -> str:
    """Return a text with a change made, each piece of which stands at exactly one place."""
    for piece in re.split(r"^@@.*\n", diff, flags=re.M):
        lines = [line if line.strip() else " \n" for line in piece.splitlines(keepends=True)]
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"{text.count(old)} places of {path} read\n{old}\n\n{text}"
        text = text.replace(old, new)
    return text


def squeezed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())
