"""A project with static files of its own and of an app."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lback import Application

Build = Callable[..., Application]

FILES: dict[str, str | bytes] = {
    "static/css/site.css": "body { background: url(../img/back.png) }\n",
    "static/img/back.png": b"\x89PNG back",
    "static/robots.txt": "User-agent: *\n",
    "shelf/__init__.py": "",
    "shelf/static/shelf/book.svg": "<svg/>",
    "shelf/static/robots.txt": "of the app",
    "secret.txt": "outside",
    "static-other/secret.txt": "outside",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shelf", raising=False)
    for name, content in FILES.items():
        write(tmp_path / name, content)
    return tmp_path


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def build(root: Path) -> Build:
    """Build the application; `public=True` as it is deployed."""

    def build(*, public: bool = False, **settings: Any) -> Application:
        return Application(
            **{
                "PROJECT_ROOT": str(root),
                "INSTALLED_APPS": ["shelf"],
                "DEBUG": not public,
                "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
                "ALLOWED_HOSTS": ["localhost"],
                **settings,
            }
        )

    return build
