"""Read files of the project through STATIC_ROOT: only what was collected is served."""

from pathlib import Path

import pytest

from lback import Application
from lback.core import ConfigurationError
from lback.static_files import collect
from lback.testing import Client


def build(root: Path, static_root: str) -> Application:
    return Application(
        PROJECT_ROOT=str(root),
        STATIC_ROOT=static_root,
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "static").mkdir(parents=True)
    (root / "static" / "site.css").write_text("body {}")
    (root / "notes").mkdir()
    for name in ("settings.py", "db.sqlite3", "notes/models.py"):
        (root / name).write_text("not for the public")
    return root


@pytest.mark.parametrize("static_root", [".", "", "./", "..", "/", "notes/..", "static/.."])
def test_the_directory_of_the_project_is_refused(project: Path, static_root: str) -> None:
    with pytest.raises(ConfigurationError, match=r"STATIC_ROOT = .* is the project directory"):
        build(project, static_root)


def test_a_link_to_the_project_is_refused(project: Path) -> None:
    (project / "public").symlink_to(project)
    with pytest.raises(ConfigurationError, match="STATIC_ROOT = 'public' is the project directory"):
        build(project, "public")


@pytest.mark.parametrize("directory", [".", "", "..", "/", "notes/..", "public"])
@pytest.mark.parametrize("debug", [True, False])
def test_the_project_is_not_a_source_of_static_files(
    project: Path, directory: str, debug: bool
) -> None:
    (project / "public").symlink_to(project)
    with pytest.raises(ConfigurationError, match=r"STATICFILES_DIRS = .* is the project directory"):
        Application(
            PROJECT_ROOT=str(project),
            STATICFILES_DIRS=["static", directory],
            DEBUG=debug,
            SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
            ALLOWED_HOSTS=["localhost"],
        )


@pytest.mark.parametrize("name", ["models.py", "../settings.py", "%2e%2e/settings.py"])
def test_a_directory_without_a_manifest_serves_nothing(project: Path, name: str) -> None:
    client = Client(build(project, "notes"))
    response = client.get(f"/static/{name}")
    assert response.status_code == 404
    assert "not for the public" not in response.text


def test_only_collected_files_are_served(project: Path) -> None:
    app = build(project, "notes")
    collect(app.static_files.sources, app.static_files.root, "/static/")
    client = Client(app)
    assert client.get("/static/site.css").status_code == 200
    for name in ("models.py", "staticfiles.json", "site.css.bak"):
        (project / "notes" / name).touch()
        assert client.get(f"/static/{name}").status_code == 404
