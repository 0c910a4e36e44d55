"""The signals of Lback, read from the table in the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# An installed package has the table beside this file, a clone in its documentation.
PLACES = (HERE / "signals.md", HERE.parents[1] / "docs" / "signals.md")

_ROW = re.compile(r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal: its name, sender, moment and arguments, as the documentation lists them."""

    name: str
    sender: str
    when: str
    arguments: str


def catalogue() -> list[Signal]:
    """Return the signals of Lback, in the order in which a request sends them."""
    text = next(place for place in PLACES if place.is_file()).read_text(encoding="utf-8")
    return [
        Signal(name, *(cell.replace("`", "").strip() for cell in cells))
        for name, *cells in _ROW.findall(text)
    ]
