"""Two machines of one project: copies of what `lback new project` makes, on one PostgreSQL."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.serving import Running
from tests.guides.conftest import Visitor

PASSWORD = "correct horse battery"
# Read at the start of each process: its clock is ahead, or behind, by so many seconds.
CLOCK = """
import os, time
ahead, now = float(os.environ.get("CLOCK_AHEAD", "0")), time.time
time.time = lambda: now() + ahead
"""
SERVE = ("serve", "--port", "0", "--workers", "2", "--threads", "4")


class Site:
    """A new project, migrated, with an administrator, and the settings that all machines share."""

    def __init__(self, place: Path, database_url: str, **settings: str) -> None:
        self._place = place
        (place / "clock").mkdir()
        (place / "clock" / "sitecustomize.py").write_text(CLOCK)
        self.settings = {
            "DEBUG": "false",
            "ALLOWED_HOSTS": "localhost",
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
            "DATABASE_URL": database_url,
            "ACCESS_LOG": "false",
            "PYTHONPATH": str(place / "clock"),
            **settings,
        }
        self.lback("new", "project", "corner", cwd=place)
        self.project = place / "corner"
        self.lback("makemigrations", "--no-input", cwd=self.project)
        self.lback("migrate", cwd=self.project)
        self.lback("collectstatic", cwd=self.project)
        account = ("--username", "ada", "--email", "ada@example.org")
        self.lback("create_superuser", *account, cwd=self.project, LBACK_PASSWORD=PASSWORD)

    def machine(self, name: str) -> Path:
        """Copy the project, as it is installed on each machine."""
        return Path(shutil.copytree(self.project, self._place / name))

    def lback(self, *arguments: str, cwd: Path, **variables: str) -> str:
        """Run a command that succeeds, and return what it prints."""
        inherited = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        result = subprocess.run(
            [sys.executable, "-m", "lback", *arguments],
            cwd=cwd,
            env={**inherited, **self.settings, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr


def visit(machine: Running, visitor: Visitor | None = None) -> Visitor:
    """Return a browser that talks to a machine, with the cookies of another visit."""
    return Visitor(machine.port, machine.log, {} if visitor is None else visitor.cookies)
