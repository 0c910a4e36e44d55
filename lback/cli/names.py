"""Names of projects and apps: such that Python can import them, and that hide no other module."""

import re
import sys
import unicodedata
from importlib.util import find_spec
from keyword import iskeyword

import click

# Modules and folders that a project has, or will have, beside its apps.
OF_THE_PROJECT = frozenset(
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
    """Refuse what cannot be the name of a folder that Python imports.

    Raises:
        BadParameter: Names the rule and a name near this one that would do.
    """
    if "/" in name or "\\" in name or name in (".", ".."):
        raise _refusal(name, "is a path; change into the folder that is to hold it")
    if not _NAME.fullmatch(name):
        raise _refusal(name, "has more than lower-case letters, digits and '_', a letter first")
    if iskeyword(name):
        raise _refusal(name, "is a word of Python's own")


def check_free(name: str) -> None:
    """Refuse the name of another module, which would hide this one or be hidden by it.

    Raises:
        BadParameter: Names whose it is, and a name near this one that is free.
    """
    owner = _owner(name)
    if owner:
        raise _refusal(name, f"is the name of {owner}, which it would hide")


def _owner(name: str) -> str:
    """Return whose name it is already, for people; empty where it is free."""
    if name in OF_THE_PROJECT:
        return "a part of every project"
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
    """Return a name for the first model of an app: the app's own, of one thing."""
    word = "".join(part.capitalize() for part in app.split("_"))
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if re.search(r"[^isuw]s$", word) else word
