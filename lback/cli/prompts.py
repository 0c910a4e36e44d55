"""Prompts of commands, in a terminal or through a pipe."""

import os
import sys
import warnings
from getpass import GetPassWarning

import click

PASSWORD_VARIABLE = "LBACK_PASSWORD"  # noqa: S105  the name, not a password


def confirm(question: str, *, default: bool = True) -> bool | None:
    """Prompt for yes or no.

    Args:
        question: Text of the prompt, without the choices.
        default: Answer to an empty line.

    Returns:
        The answer, or None if standard input ends and is not a terminal.

    Raises:
        Abort: The user pressed Ctrl+C or Ctrl+D.
    """
    try:
        return click.confirm(question, default=default, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None


def line(question: str) -> str | None:
    """Prompt for a line of text; None if standard input ends and is not a terminal.

    Raises:
        Abort: The user pressed Ctrl+C or Ctrl+D.
    """
    try:
        answer: str = click.prompt(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None
    return answer


def is_interactive() -> bool:
    """Return True if standard input and output are a terminal, so that a user can confirm."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def password(*, from_stdin: bool) -> str:
    """Return a password from standard input, the environment variable `LBACK_PASSWORD` or a prompt.

    A password is never an argument, which other users of the machine and the history of the shell
    would show.

    Args:
        from_stdin: Read the first line of standard input. Otherwise the environment variable is
            used if it is set, and a prompt that asks twice if not.

    Raises:
        UsageError: No password was given.
    """
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif PASSWORD_VARIABLE in os.environ:
        given = os.environ[PASSWORD_VARIABLE]
    else:
        given = _typed() or ""
    if not given:
        raise click.UsageError(
            "no password given; type it in a terminal, use --password-stdin or set the environment "
            f"variable {PASSWORD_VARIABLE}"
        )
    return given


def _typed() -> str | None:
    try:
        with warnings.catch_warnings():
            # Raised for input whose echo cannot be turned off, such as a pipe.
            warnings.simplefilter("ignore", GetPassWarning)
            typed: str = click.prompt(
                "Password", hide_input=True, confirmation_prompt=True, err=True
            )
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None
    return typed
