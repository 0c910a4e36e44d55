"""The signals of Lback, read from the one table of them: that of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# In an installed package the table lies beside this file, in a clone among the documentation.
PLACES = (HERE / "signals.md", HERE.parents[1] / "docs" / "signals.md")

_ROW = re.compile(r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: who sends it, when, and with what."""

    name: str
    sender: str
    when: str
    arguments: str


def catalogue() -> list[Signal]:
    """Return the signals of Lback, in the order of a request's life."""
    text = next(place for place in PLACES if place.is_file()).read_text(encoding="utf-8")
    return [
        Signal(name, *(cell.replace("`", "").strip() for cell in cells))
        for name, *cells in _ROW.findall(text)
    ]
