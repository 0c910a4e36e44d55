"""`lback new`: folders made whole or not at all, and never over what is there."""

import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import click

import lback
from lback import distribution
from lback.cli import wheel
from lback.cli.click_classes import Command, Group
from lback.cli.names import check_free, check_spelling, model_name
from lback.cli.project import find_project

SCAFFOLDING = Path(lback.__file__).parent / "scaffolding"
SUFFIX = ".template"
FIRST_APP = "notes"
MODES = {".env": 0o600, "manage.py": 0o777}
VENDOR = "vendor"

WHEEL = """\
# Lback is not on a package index yet, so its wheel file comes with this project. pip installs
# exactly this file, in the folder of the project, and refuses one with another hash.
file:{place}#sha256={digest}
"""
ABOUT_WHEEL = """
Lback is not on a package index yet. This project carries the version that it was made with as
`{place}`, and `requirements.txt` names the file with its hash; both belong into version control.
Do not install `{name}` by name alone before its first release: somebody else could have taken the
name. For a newer Lback, replace the file and its two lines in `requirements.txt`.
"""

_FIELD = re.compile(r"\[\[ (\w+) \]\]")


@click.group(
    cls=Group,
    examples=(
        "lback new project shop            # with an app, tests, and ready to deploy",
        "lback new project shop --minimal  # what a first page needs",
        "lback new app orders              # in a project",
    ),
)
def new() -> None:
    """Make a project, or an app in one."""


@click.command(
    cls=Command, examples=("lback new project shop", "lback startproject shop --minimal")
)
@click.argument("name")
@click.option("--minimal", is_flag=True, help="No app, no files for deployment.")
def project(name: str, minimal: bool) -> None:
    """Make a project in a folder of its own."""
    check_spelling(name)
    refuse_existing(Path.cwd() / name)
    check_free(name)
    extras = ("serve",) if minimal else ("postgres", "redis", "serve")
    values = {
        **app_values(FIRST_APP, "/"),
        "name": name,
        "requirement": distribution.requirement(*extras, version=lback.__version__),
        "apps": "[]" if minimal else f'["{FIRST_APP}"]',
        "secret_key": secrets.token_urlsafe(48),
        "database_password": secrets.token_urlsafe(24),
    }
    with whole(Path.cwd() / name) as folder:
        values |= vendored(folder)
        copy("project", folder, values)
        copy("minimal" if minimal else "full", folder, values)
        if not minimal:
            copy("app", folder / FIRST_APP, values)
            copy("app-tests", folder / "tests", values)
    click.echo(f"Made {name}/. Next:\n")
    click.echo(f"    cd {name}")
    click.echo("    python manage.py makemigrations && python manage.py migrate")
    click.echo("    python manage.py runserver")


@click.command(cls=Command, examples=("lback new app orders", "lback startapp orders --minimal"))
@click.argument("name")
@click.option("--minimal", is_flag=True, help="A view and its address, no model, no tests.")
def app(name: str, minimal: bool) -> None:
    """Make an app in the project."""
    root = Path(find_project())
    tests = root / "tests"
    values = app_values(name, f"/{name}/")
    check_spelling(name)
    refuse_existing(root / name, root / f"{name}.py", tests / f"test_{name}.py")
    check_free(name)
    with whole(root / name) as folder:
        copy("app-minimal" if minimal else "app", folder, values)
        if not minimal:
            copy("app-tests", tests, values)
    click.echo(f"Made {root / name}/. Now say so to the project:\n")
    click.echo(f'    settings.py    INSTALLED_APPS = [..., "{name}"]')
    click.echo(f'    urls.py        include("{name}.urls", "/{name}/")')
    if not minimal:
        click.echo("\nThen: lback makemigrations && lback migrate")


new.add_command(project, "project")
new.add_command(app, "app")


def app_values(name: str, prefix: str) -> dict[str, str]:
    """Return what the templates of an app are filled with."""
    return {"app": name, "model": model_name(name), "prefix": prefix}


def vendored(folder: Path) -> dict[str, str]:
    """Put the wheel file of Lback into a new project, unless a package index has it.

    Returns:
        What the templates say of it: the lines in `requirements.txt`, `Dockerfile` and `README.md`.
    """
    if distribution.PUBLISHED:
        return {"wheel": "", "copy_wheel": "", "about_wheel": ""}
    path = wheel.pack(folder / VENDOR)
    place = f"{VENDOR}/{path.name}"
    digest = sha256(path.read_bytes()).hexdigest()
    return {
        "wheel": WHEEL.format(place=place, digest=digest),
        "copy_wheel": f"COPY {VENDOR} {VENDOR}\n",
        "about_wheel": ABOUT_WHEEL.format(name=distribution.NAME, place=place),
    }


def refuse_existing(*paths: Path) -> None:
    """Stop where one of the paths is taken.

    Raises:
        ClickException: Names it.
    """
    for path in paths:
        if path.exists() or path.is_symlink():
            raise click.ClickException(
                f"{path} is there already, and nothing is written over it; take another name"
            )


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name when it is complete, or leaves no trace."""
    refuse_existing(target)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        folder = Path(beside) / target.name
        folder.mkdir()
        yield folder
        folder.rename(target)


def copy(tree: str, target: Path, values: Mapping[str, str]) -> None:
    """Copy a tree of templates, each `[[ field ]]` filled in, also `__field__` in file names.

    A later tree adds to an earlier one, and its files come instead of those of the same name.
    """
    source = SCAFFOLDING / tree
    for template in sorted(source.rglob(f"*{SUFFIX}")):
        relative = str(template.relative_to(source)).removesuffix(SUFFIX)
        path = target / re.sub(r"__(name|app)__", lambda match: values[match[1]], relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        text = _FIELD.sub(lambda match: values[match[1]], template.read_text(encoding="utf-8"))
        mode = MODES.get(path.name, 0o666)
        # Created with its mode, so that a secret is at no moment readable for others.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
            file.write(text)
