"""`lback new`: creates projects and apps, completely or not at all, and never overwrites files."""

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
from lback.cli.json_output import json_option, print_json
from lback.cli.names import check_free, check_spelling, model_name
from lback.cli.project import find_project

SCAFFOLDING = Path(lback.__file__).parent / "scaffolding"
SUFFIX = ".template"
FIRST_APP = "notes"
MODES = {".env": 0o600, "manage.py": 0o777}
VENDOR = "vendor"

WHEEL = """\
# Lback is not on a package index yet, so this project includes its wheel file. Run pip in the
# directory of the project; it installs this file only if its hash matches.
file:{place}#sha256={digest}
"""
ABOUT_WHEEL = """
Lback is not on a package index yet. This project includes the version that created it as
`{place}`, and `requirements.txt` pins the file by its hash. Commit both to version control. Do not
install `{name}` by name before its first release: another package could have taken the name. To
upgrade Lback, replace the file and its two lines in `requirements.txt`.
"""

_FIELD = re.compile(r"\[\[ (\w+) \]\]")


@click.group(
    cls=Group,
    examples=(
        "lback new project shop            # with an app, tests and deployment files",
        "lback new project shop --minimal  # one page only",
        "lback new app orders              # in the current project",
    ),
)
def new() -> None:
    """Create a project, or an app in one."""


@click.command(
    cls=Command, examples=("lback new project shop", "lback startproject shop --minimal")
)
@click.argument("name")
@click.option("--minimal", is_flag=True, help="Without an app and deployment files.")
@json_option
def project(name: str, minimal: bool, as_json: bool) -> None:
    """Create a project in a new directory."""
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
    with created_atomically(Path.cwd() / name) as folder:
        values |= vendored(folder)
        copy("project", folder, values)
        copy("minimal" if minimal else "full", folder, values)
        if not minimal:
            copy("app", folder / FIRST_APP, values)
            copy("app-tests", folder / "tests", values)
    if as_json:
        print_json({"created": [str(Path.cwd() / name)]})
        return
    click.echo(f"Created {name}/. Next steps:\n")
    click.echo(f"    cd {name}")
    click.echo("    python manage.py makemigrations && python manage.py migrate")
    click.echo("    python manage.py runserver")


@click.command(cls=Command, examples=("lback new app orders", "lback startapp orders --minimal"))
@click.argument("name")
@click.option("--minimal", is_flag=True, help="One view and its route, without a model and tests.")
@json_option
def app(name: str, minimal: bool, as_json: bool) -> None:
    """Create an app in the project."""
    root = Path(find_project())
    tests = root / "tests"
    values = app_values(name, f"/{name}/")
    check_spelling(name)
    refuse_existing(root / name, root / f"{name}.py", tests / f"test_{name}.py")
    check_free(name)
    with created_atomically(root / name) as folder:
        copy("app-minimal" if minimal else "app", folder, values)
        if not minimal:
            copy("app-tests", tests, values)
    if as_json:
        made = [root / name] if minimal else [root / name, tests / f"test_{name}.py"]
        print_json({"created": [str(path) for path in made]})
        return
    click.echo(f"Created {root / name}/. Add it to the project:\n")
    click.echo(f'    settings.py    INSTALLED_APPS = [..., "{name}"]')
    click.echo(f'    urls.py        include("{name}.urls", "/{name}/")')
    if not minimal:
        click.echo("\nThen run: lback makemigrations && lback migrate")


new.add_command(project, "project")
new.add_command(app, "app")


def app_values(name: str, prefix: str) -> dict[str, str]:
    """Return the values for the templates of an app.

    Args:
        name: Package name of the app.
        prefix: URL prefix of its routes, such as `"/orders/"`.
    """
    return {"app": name, "model": model_name(name), "prefix": prefix}


def vendored(folder: Path) -> dict[str, str]:
    """Add the wheel file of Lback to a new project, unless Lback is on a package index.

    Returns:
        Values for the templates of `requirements.txt`, `Dockerfile` and `README.md`.
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
    """Check that none of the paths exists.

    Raises:
        ClickException: One does; the message names it.
    """
    for path in paths:
        if path.exists() or path.is_symlink():
            raise click.ClickException(
                f"{path} already exists and is not overwritten; choose another name"
            )


@contextmanager
def created_atomically(target: Path) -> Iterator[Path]:
    """Yield a temporary directory that is renamed to the target, or removed if the block raises."""
    refuse_existing(target)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        folder = Path(beside) / target.name
        folder.mkdir()
        yield folder
        folder.rename(target)


def copy(tree: str, target: Path, values: Mapping[str, str]) -> None:
    """Render a tree of templates into a directory.

    `[[ field ]]` is replaced in the content of files, `__name__` and `__app__` in their paths.
    Existing files are replaced, so that a later tree extends an earlier one.

    Args:
        tree: Name of a directory in `lback/scaffolding`.
        target: Directory to write to; created if it does not exist.
        values: Values of the fields by name.
    """
    source = SCAFFOLDING / tree
    for template in sorted(source.rglob(f"*{SUFFIX}")):
        relative = str(template.relative_to(source)).removesuffix(SUFFIX)
        path = target / re.sub(r"__(name|app)__", lambda match: values[match[1]], relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        text = _FIELD.sub(lambda match: values[match[1]], template.read_text(encoding="utf-8"))
        mode = MODES.get(path.name, 0o666)
        # Created with its mode, so that other users can never read a secret.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
            file.write(text)
