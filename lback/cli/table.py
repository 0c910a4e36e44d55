"""Tables for people: columns aligned and as wide as they must be, in a terminal as in a file."""

from collections.abc import Sequence

import click

GAP = "  "


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a head; a cell that is empty in every row takes its column away."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    widths = [max(len(line[i]) for line in (head, *rows)) for i in kept]

    def line(cells: Sequence[str]) -> str:
        padded = (cells[i].ljust(width) for i, width in zip(kept, widths, strict=True))
        return GAP.join(padded).rstrip()

    # Click takes the colour out where no terminal looks.
    click.secho(line(head), bold=True)
    for row in rows:
        click.echo(line(row))
