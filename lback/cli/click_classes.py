"""Click commands and groups whose help page shows examples."""

from collections.abc import Sequence
from typing import Any

import click


class Command(click.Command):
    """A `click.Command` with examples below its options.

    Args:
        *args: Passed to `click.Command`.
        examples: Command lines, each with an optional comment after `#`.
        **options: Passed to `click.Command`.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and then the epilog.

        Args:
            ctx: Click context.
            formatter: The help page to write to.
        """
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """A `click.Group` with examples; see `Command`."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and then the epilog.

        Args:
            ctx: Click context.
            formatter: The help page to write to.
        """
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


def write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write a section of examples with aligned comments; nothing if there are none.

    Args:
        examples: Command lines, each with an optional comment after `#`.
        formatter: The help page to write to.
    """
    if not examples:
        return
    pairs = [example.partition("#") for example in examples]
    width = max(len(line.rstrip()) for line, _, _ in pairs)
    with formatter.section("Examples"):
        for line, _, comment in pairs:
            text = f"{line.rstrip():{width}}  #{comment}" if comment else line.rstrip()
            formatter.write(f"{'':{formatter.current_indent}}{text}\n")
