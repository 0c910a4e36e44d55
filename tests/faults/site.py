"""A project made by `lback new project`, served by `lback serve`."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.servers import PATIENCE, until

LBACK = [sys.executable, "-m", "lback"]
SERVED = re.compile(r"http://127\.0\.0\.1:(\d+)")

MODELS = '''"""What the requests read and write."""

from lback.database import Base
from sqlalchemy.orm import Mapped, mapped_column


class Entry(Base):
    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
'''
VIEWS = '''"""Views that lean on the database, Redis or a disk."""

import os
from pathlib import Path

from lback import Request
from lback.core import Cache
from lback.middleware import csrf_exempt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ledger.models import Entry


def plain(request: Request) -> str:
    return "plain"


def read(request: Request, db_session: Session) -> dict[str, int]:
    return {"count": db_session.scalar(select(func.count()).select_from(Entry)) or 0}


@csrf_exempt
def write(request: Request, db_session: Session) -> dict[str, int]:
    entry = Entry(number=int(request.POST["number"]))
    db_session.add(entry)
    db_session.flush()
    return {"id": entry.id}


def numbers(request: Request, db_session: Session) -> list[int]:
    return list(db_session.scalars(select(Entry.number)))


def visits(request: Request) -> dict[str, int]:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"]}


def cached(request: Request, cache: Cache) -> str:
    text = cache.get("text")
    if text is None:
        text = "made"
        cache.set("text", text, ttl=60)
    return text


@csrf_exempt
def upload(request: Request) -> dict[str, int]:
    file = request.files["file"]
    file.save(Path(os.environ["UPLOADS"]) / file.filename)
    return {"size": file.size}
'''
URLS = '''"""Open routes."""

from lback import path

from ledger import views

urlpatterns = [
    path("/plain", views.plain, ["GET"], requires_auth=False),
    path("/read", views.read, ["GET"], requires_auth=False),
    path("/write", views.write, ["POST"], requires_auth=False),
    path("/numbers", views.numbers, ["GET"], requires_auth=False),
    path("/visits", views.visits, ["GET"], requires_auth=False),
    path("/cached", views.cached, ["GET"], requires_auth=False),
    path("/upload", views.upload, ["POST"], requires_auth=False),
]
'''


class Site:
    """A project in a temporary directory, and its server.

    Args:
        **settings: Environment variables of all commands.
    """

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lback-faults-"))
        self.root = self.folder / "shop_site"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {
            "DEBUG": "false", "ALLOWED_HOSTS": "127.0.0.1", "ACCESS_LOG": "false", **settings
        }  # fmt: skip
        self.run("new", "project", "shop_site", folder=self.folder)
        self.run("new", "app", "ledger", "--minimal")
        for name, source in (("models", MODELS), ("views", VIEWS), ("urls", URLS)):
            (self.root / "ledger" / f"{name}.py").write_text(source)
        with (self.root / "settings.py").open("a") as file:
            file.write('\nINSTALLED_APPS = ["notes", "ledger"]\n')
        (self.root / "urls.py").write_text(
            "from lback import include\n\nurlpatterns = [include('ledger.urls', '/')]\n"
        )
        self.run("makemigrations", "--no-input")
        self.run("migrate")

    def run(self, *command: str, folder: Path | None = None) -> str:
        result = subprocess.run(
            [*LBACK, *command], cwd=folder or self.root, check=False, capture_output=True,
            text=True, env={**os.environ, **self._settings}, timeout=PATIENCE * 3,
        )  # fmt: skip
        if result.returncode:
            raise RuntimeError(f"lback {' '.join(command)}: {result.stdout}{result.stderr}")
        return result.stdout

    @property
    def log(self) -> list[str]:
        """The lines that the server has logged."""
        return (self.folder / "served.log").read_text(errors="replace").splitlines()

    def serve(self, *, workers: int = 2, threads: int = 8) -> None:
        with (self.folder / "served.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*LBACK, "serve", "--port", "0", "--workers", str(workers),
                 "--threads", str(threads)],
                cwd=self.root, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self._settings, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        until(self._is_listening, "lback serve does not start")

    def _is_listening(self) -> bool:
        found = SERVED.search("\n".join(self.log))
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError("\n".join(self.log))
        self.port = int(found[1]) if found else 0
        return self.port > 0

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
