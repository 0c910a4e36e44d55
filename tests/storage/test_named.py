"""STORAGES: validated at the start, with all problems at once; and the services of views."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lback import Application, ConfigurationError, Request
from lback.core.settings.storage_validators import check_storages
from lback.storage import (
    FolderStorage,
    MemoryStorage,
    ReadOnlyStorage,
    S3Storage,
    Storage,
    Storages,
)
from lback.testing import Client

KEYS = {"access_key_id": "k", "secret_access_key": "hidden-secret"}


def build(**settings: Any) -> Application:
    return Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", **settings)


def test_without_the_setting_there_is_a_folder_below_the_project(tmp_path: Path) -> None:
    app = build(PROJECT_ROOT=str(tmp_path))
    storages: Storages = app.dependencies["storages"]
    assert list(storages) == ["default"]
    storage = app.dependencies["storage"]
    assert storage is storages["default"]
    assert isinstance(storage, FolderStorage)
    assert storage.path == tmp_path / "media"
    assert not storage.public
    assert not storage.path.exists()


def test_several_storages(tmp_path: Path) -> None:
    app = build(
        PROJECT_ROOT=str(tmp_path),
        STORAGES={
            "default": {"path": "files", "mode": 0o600},
            "public": {"backend": "memory", "public": True, "url_seconds": 60},
            "archive": {"path": tmp_path.as_posix(), "read_only": True},
            "remote": {"backend": "s3", "bucket": "abc", "timeout": 2, **KEYS},
        },
    )
    storages: Storages = app.dependencies["storages"]
    assert list(storages) == ["default", "public", "archive", "remote"]
    assert [type(storage) for storage in storages.values()] == [
        FolderStorage, MemoryStorage, ReadOnlyStorage, S3Storage,
    ]  # fmt: skip
    assert (storages["public"].public, storages["public"].url_seconds) == (True, 60)
    assert [storage.name for storage in storages.values()] == list(storages)
    with pytest.raises(KeyError, match="did you mean archive"):
        storages["archiv"]
    assert "archiv" not in storages


def test_views_take_storages_by_name(tmp_path: Path) -> None:
    app = build(PROJECT_ROOT=str(tmp_path))

    @app.route("/", requires_auth=False)
    def show(request: Request, storage: Storage, storages: Storages) -> str:
        assert storages["default"] is storage
        return storage.save("a.txt", b"x").name

    assert Client(app).get("/").text == "a.txt"


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"A b": {}}, "'A b' is not a storage name"),
    ({"a": "folder"}, "'a' must be a mapping"),
    ({"a": {"backend": "floder"}}, "did you mean folder"),
    ({"a": {"pat": "x"}}, "the option 'pat' of 'a' must be one of .*did you mean path"),
    ({"a": {"backend": "memory", "path": "x"}}, "for the backend 'memory'"),
    ({"a": {"public": 1}}, "'public' of 'a' must be bool"),
    ({"a": {"mode": "600"}}, "'mode' of 'a' must be int"),
    ({"a": {"url_seconds": 0}}, "between 1 and 604800"),
    ({"a": {"accel_redirect": "files"}}, "begins and ends with a slash"),
    ({"a": {"accel_redirect": "/f/", "sendfile": True}}, "choose one"),
    ({"a": {"backend": "s3"}}, "'a' needs the option 'bucket'"),
    ({"a": {"backend": "s3", "bucket": "A_"}}, "must be the name of a bucket"),
    ({"a": {"backend": "s3", "bucket": "abc", "endpoint": "s3.example.com"}}, "must be a URL"),
    ({"a": {"backend": "s3", "bucket": "abc", "access_key_id": "k"}}, "or neither of them"),
    ({"a": {"backend": "s3", "bucket": "abc", "timeout": 0}}, "greater than 0"),
]


@pytest.mark.parametrize(("value", "message"), PROBLEMS)
def test_what_is_wrong_is_said(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_storages(value)


def test_all_problems_are_said_at_once_and_no_secret(tmp_path: Path) -> None:
    wrong = {"a": {"pat": "x"}, "b": {"backend": "s3", "secret_access_key": "hidden-secret"}}
    with pytest.raises(ConfigurationError) as raised:
        build(STORAGES=wrong).prepare()
    for part in ("'pat'", "'bucket'", "or neither of them"):
        assert part in str(raised.value)
    assert "hidden-secret" not in str(raised.value)


def test_folders_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("")
    storages = {name: {"path": str(tmp_path / name)} for name in ("one", "two")}
    with pytest.raises(ConfigurationError, match=r"(?s)one: .*two: "):
        build(STORAGES=storages)


def test_an_application_without_files_loads_nothing(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom lback import Application\nfrom lback.testing import Client\n"
        "app = Application(DEBUG=True)\n"
        "app.add_route('/', lambda request: 'x', requires_auth=False)\n"
        "assert Client(app).get('/').text == 'x'\n"
        "loaded = [n for n in sys.modules if n.startswith(('lback.storage', 'obstore', 'PIL'))]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_a_folder_does_not_load_the_library_of_s3(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom lback import Application\n"
        "Application(DEBUG=True).dependencies['storage'].save('a.txt', b'x')\n"
        "assert 'obstore' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
