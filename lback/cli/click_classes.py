"""Commands whose help teaches by example."""

from collections.abc import Sequence
from typing import Any

import click


class Command(click.Command):
    """A command with examples below its options.

    Args:
        *args: As of `click.Command`.
        examples: Command lines, each with a remark behind `#` if it needs one.
        **options: As of `click.Command`.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and the epilog behind them."""
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """A group of commands with examples; see `Command`."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and the epilog behind them."""
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


def write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write command lines as they are, with what stands behind `#` aligned."""
    if not examples:
        return
    pairs = [example.partition("#") for example in examples]
    width = max(len(line.rstrip()) for line, _, _ in pairs)
    with formatter.section("Examples"):
        for line, _, remark in pairs:
            text = f"{line.rstrip():{width}}  #{remark}" if remark else line.rstrip()
            formatter.write(f"{'':{formatter.current_indent}}{text}\n")
