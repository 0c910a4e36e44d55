"""Questions to whoever runs a command, in a terminal or through a pipe."""

import os
import sys
import warnings
from getpass import GetPassWarning

import click

PASSWORD_VARIABLE = "LBACK_PASSWORD"  # noqa: S105  the name, not a password


def confirm(question: str, *, default: bool = True) -> bool | None:
    """Ask a question of yes or no; `None` where nobody is there to answer."""
    try:
        return click.confirm(question, default=default, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None


def line(question: str) -> str | None:
    """Ask for a line; `None` where nobody is there to answer."""
    try:
        answer: str = click.prompt(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None
    return answer


def is_watched() -> bool:
    """Tell whether a person sits at the terminal, who may be asked before something is undone."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def password(*, from_stdin: bool) -> str:
    """Return a password from the standard input, the environment, or a person, who types it twice.

    It is never an argument: those are seen by everybody on the machine, and kept by the shell.

    Raises:
        UsageError: Nobody gave one.
    """
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif PASSWORD_VARIABLE in os.environ:
        given = os.environ[PASSWORD_VARIABLE]
    else:
        given = _typed() or ""
    if not given:
        raise click.UsageError(
            "there is no password: type it in a terminal, or in a script give --password-stdin "
            f"or the environment variable {PASSWORD_VARIABLE}"
        )
    return given


def _typed() -> str | None:
    try:
        with warnings.catch_warnings():
            # Of a terminal that cannot hide what is typed, such as a pipe.
            warnings.simplefilter("ignore", GetPassWarning)
            typed: str = click.prompt(
                "Password", hide_input=True, confirmation_prompt=True, err=True
            )
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return None
    return typed
