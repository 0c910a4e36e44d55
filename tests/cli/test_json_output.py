"""`--json`: every command that prints information has it, in the shape that the guide documents."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from lback.cli.commands import COMMANDS
from lback.cli.main import Commands
from tests.cli.conftest import Run

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "command-line.md"
ROW = re.compile(r"^\| `lback (.+?)` \| `(.+)` \|$", re.MULTILINE)
SHAPES = dict(ROW.findall(GUIDE.read_text()))
# They run until they are stopped, or pass their arguments to another program.
WITHOUT = {"realtime", "runserver", "serve", "shell", "test", "signals watch", "work"}
PASSWORD = {"LBACK_PASSWORD": "correct horse battery staple"}
MODELS = """
from lback.database import Base
from sqlalchemy.orm import Mapped, mapped_column


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
"""
TASKS = """
from lback.tasks import task


@task(name="stock.count")
def count() -> int:
    return 1
"""
ENQUEUE = """
from lback.core.server import build_project_application
app = build_project_application()
from stock.tasks import count
print(count.enqueue().id)
app.db_manager.dispose()
"""
# What brings a project to the state in which a command prints each part of its shape.
BEFORE: dict[str, list[str]] = {
    "routes --lock": [],
    "routes --audit": ["routes --lock"],
    "openapi --audit": ["openapi --lock"],
    "makemigrations --check": ["makemigrations", "migrate"],
    "migrate": ["makemigrations"],
    "showmigrations": ["makemigrations"],
    "rollback --yes": ["makemigrations", "migrate"],
    "create_superuser --username root": ["init_db"],
    "list_users": ["init_db", "create_superuser --username root"],
    "reset_password root": ["init_db", "create_superuser --username root"],
    "activate_user root": ["init_db", "create_superuser --username root"],
    "tasks resume mail": ["init_db", "tasks pause mail"],
    "deactivate_user root": ["init_db", "create_superuser --username root"],
}


def commands() -> dict[str, click.Command]:
    """Every command by its words, without groups."""
    found: dict[str, click.Command] = {}
    group = Commands()
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": one for below, one in command.commands.items()}
    return found


def has_shape(value: Any, shape: Any) -> bool:
    """Return True if a value has the shape: names of types, or lists and objects of them."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(has_shape(item, shape[0]) for item in value)
    if isinstance(shape, dict) and set(shape) == {"…"}:
        return isinstance(value, dict) and all(has_shape(v, shape["…"]) for v in value.values())
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and value.keys() == shape.keys()
            and all(has_shape(value[name], inner) for name, inner in shape.items())
        )
    kinds: dict[str, set[type]] = {
        "text": {str},
        "number": {int, float},
        "yes": {bool},
        "null": {type(None)},
    }
    return any(type(value) in kinds[name] for name in shape.split(" or "))


def test_every_command_that_prints_information_has_the_option() -> None:
    without = {
        name for name, command in commands().items()
        if "--json" not in {o for p in command.params for o in p.opts}
    }  # fmt: skip
    assert without == WITHOUT


def test_the_guide_documents_a_shape_for_each_of_them() -> None:
    documented = {name.split(" --")[0].removesuffix(" root") for name in SHAPES}
    named = {
        next(
            known for known in (" ".join(name.split()[:2]), name.split()[0]) if known in commands()
        )
        for name in documented
    }
    assert named == commands().keys() - WITHOUT


@pytest.mark.parametrize("name", SHAPES)
def test_the_output_has_the_documented_shape(name: str, lback: Run, project: Path) -> None:
    with (project / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS = ["stock"]\n')
    (project / "stock").mkdir()
    (project / "stock" / "__init__.py").touch()
    (project / "stock" / "models.py").write_text(MODELS)
    (project / "stock" / "tasks.py").write_text(TASKS)
    is_about_tasks = name.startswith(("tasks", "prune"))
    if is_about_tasks:
        with (project / "settings.py").open("a") as settings:
            settings.write('TASKS = "database"\n')
    if name.startswith("storage"):
        with (project / "settings.py").open("a") as settings:
            settings.write('STORAGES = {"other": {"path": "other"}}\n')
    for command in BEFORE.get(name, ["init_db"] if is_about_tasks else ()):
        done = lback(*command.split(), cwd=project, **PASSWORD)
        assert done.returncode == 0, done.stderr
    words = name.split()
    if is_about_tasks:
        enqueue = [sys.executable, "-c", ENQUEUE]
        made = subprocess.run(enqueue, cwd=project, capture_output=True, text=True, check=True)
        words = [made.stdout.strip() if word == "ID" else word for word in words]

    done = lback(*words, "--json", cwd=project, **PASSWORD)

    assert done.returncode in (0, 1), done.stderr
    assert has_shape(json.loads(done.stdout), json.loads(SHAPES[name])), done.stdout
