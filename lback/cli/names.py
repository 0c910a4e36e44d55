"""Validates names of projects and apps: importable, and not the name of another module."""

import re
import sys
import unicodedata
from importlib.util import find_spec
from keyword import iskeyword

import click

# Modules and directories of a project beside its apps.
PROJECT_MODULES = frozenset(
    {
        "conftest",
        "deploy",
        "manage",
        "migrations",
        "seeds",
        "settings",
        "static",
        "templates",
        "tests",
        "urls",
        "views",
        "wsgi",
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_spelling(name: str) -> None:
    """Check that a name is a valid package name: lower-case letters, digits and underscores.

    Raises:
        BadParameter: The name is not valid; the message suggests a similar one that is.
    """
    if "/" in name or "\\" in name or name in (".", ".."):
        raise _refusal(
            name, "is a path; change to the directory that should contain it and give a name"
        )
    if not _NAME.fullmatch(name):
        raise _refusal(
            name, "must start with a letter and contain lower-case letters, digits and '_' only"
        )
    if iskeyword(name):
        raise _refusal(name, "is a keyword of Python")


def check_free(name: str) -> None:
    """Check that no other module has the name, which would shadow it or be shadowed by it.

    Raises:
        BadParameter: A module has the name; the message suggests a similar free one.
    """
    owner = _owner(name)
    if owner:
        raise _refusal(name, f"is the name of {owner}, which it would shadow")


def _owner(name: str) -> str:
    """Return a description of what has this name; empty if nothing has."""
    if name in PROJECT_MODULES:
        return "a module of every project"
    if name in sys.stdlib_module_names:
        return "a module of Python"
    if find_spec(name) is not None:
        return "an installed package"
    return ""


def _refusal(name: str, rule: str) -> click.BadParameter:
    near = _near(name)
    hint = f"; did you mean {near}?" if near else ""
    return click.BadParameter(f"{name!r} {rule}{hint}", param_hint="NAME")


def _near(name: str) -> str:
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode().lower()
    near = re.sub(r"[^a-z0-9]+", "_", plain).strip("_").lstrip("0123456789_")
    if near and (iskeyword(near) or _owner(near)):
        near = f"my_{near}"
    return "" if near == name or not near or _owner(near) else near


def model_name(app: str) -> str:
    """Return a name for the first model of an app: the singular of the app's name in CamelCase.

    Example:
        >>> model_name("blog_entries")
        'BlogEntry'
    """
    word = "".join(part.capitalize() for part in app.split("_"))
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if re.search(r"[^isuw]s$", word) else word
