"""Prints tables with aligned columns."""

from collections.abc import Sequence

import click

GAP = "  "


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns below a header line.

    A column that is empty in every row is left out.

    Args:
        head: Titles of the columns.
        rows: Rows, each with as many cells as there are titles.
    """
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    widths = [max(len(line[i]) for line in (head, *rows)) for i in kept]

    def line(cells: Sequence[str]) -> str:
        padded = (cells[i].ljust(width) for i, width in zip(kept, widths, strict=True))
        return GAP.join(padded).rstrip()

    # Click removes the style where the output is not a terminal.
    click.secho(line(head), bold=True)
    for row in rows:
        click.echo(line(row))
