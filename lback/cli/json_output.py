"""The option `--json` of commands, and how they print JSON."""

import json

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Output as JSON.")


def print_json(value: object) -> None:
    """Print a value as JSON, indented.

    Args:
        value: A value of the types that JSON can express.
    """
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
