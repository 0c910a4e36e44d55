"""The project that a command works on: found from below, loaded whole, or explained."""

from pathlib import Path

from tests.cli.conftest import Run

SCRIPT = """
from lback.cli.project import open_project
from lback.core import server
app = open_project()
assert server.app_controller is app.app_controller
print(app.config.PROJECT_ROOT, [route.name for route in app.router.routes if route.name])
"""


def test_a_project_is_opened_from_deep_inside(project: Path, python: Run) -> None:
    deep = project / "notes" / "templates"
    deep.mkdir(parents=True)

    result = python(SCRIPT, cwd=deep)

    assert result.stdout == f"{project} ['home']\n", result.stderr
    assert result.stderr == ""


def test_without_a_project_the_message_tells_where_it_looked_with_a_hint(
    tmp_path: Path, python: Run
) -> None:
    result = python(SCRIPT, cwd=tmp_path)

    assert result.returncode == 1
    message = result.stderr.splitlines()[-1]
    assert "no project found: found no settings.py that you own in " in message
    assert str(tmp_path) in message
    assert message.endswith("or create one: lback new project NAME")
