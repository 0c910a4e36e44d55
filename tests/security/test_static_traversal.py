"""Class 1: no byte from outside the static directories, whatever the path of a request is."""

import os
from pathlib import Path

import pytest

from lback import Application
from lback.static_files import collect
from lback.testing import Client

OUTSIDE = "not for the public"
ATTACKS = [
    "../secret.txt",
    "css/../../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "%252e%252e%252fsecret.txt",
    "..%5csecret.txt",
    "..\\secret.txt",
    "css\\..\\..\\secret.txt",
    "./secret.txt",
    "css/./site.css",
    "css//site.css",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "css/site.css%00.png",
    "%00",
    "../static-other/secret.txt",
    "-other/secret.txt",
    "..%c0%af..%c0%afsecret.txt",
    "%c0%ae%c0%ae/secret.txt",
    "%ef%bc%8e%ef%bc%8e/secret.txt",
    "..;/secret.txt",
    "link.txt",
    "linked/secret.txt",
    "loop",
    "loop/x",
    "pipe",
    ".env",
    ".git/config",
    "css/.hidden",
    "css",
    "css/",
    "x" * 300,
    "x/" * 2000,
    "%ff%fe",
    "css/site.css/",
    "css/site.css/more",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("secret.txt", "static-other/secret.txt", "other/secret.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(OUTSIDE)
    static = tmp_path / "static"
    (static / "css").mkdir(parents=True)
    (static / "css/site.css").write_text("body {}")
    (static / ".git").mkdir()
    for name in (".env", ".git/config", "css/.hidden"):
        (static / name).write_text(OUTSIDE)
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    (static / "linked").symlink_to(tmp_path / "other")
    (static / "loop").symlink_to(static / "loop")
    os.mkfifo(static / "pipe")
    return tmp_path


@pytest.fixture(params=["development", "public"])
def client(request: pytest.FixtureRequest, root: Path) -> Client:
    public = request.param == "public"
    app = Application(
        PROJECT_ROOT=str(root),
        DEBUG=not public,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
    )
    if public:
        files = app.static_files
        collect(files.sources, files.root, files.static_url)
        (files.root / "link.txt").symlink_to(root / "secret.txt")
        (files.root / "linked").symlink_to(root / "other")
        (files.root / ".env").write_text(OUTSIDE)
    return Client(app)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_path_that_leaves_the_directory_finds_nothing(client: Client, attack: str) -> None:
    answer = client.get(f"/static/{attack}")
    assert 400 <= answer.status_code < 500
    assert OUTSIDE not in answer.text
    assert "root:" not in answer.text


def test_what_lies_inside_is_served(client: Client) -> None:
    assert client.get("/static/css/site.css").text == "body {}"
    assert client.get("/static/css/%73ite.css").text == "body {}"


def test_nothing_hidden_or_from_outside_is_collected(root: Path) -> None:
    app = Application(PROJECT_ROOT=str(root))
    found = collect(app.static_files.sources, root / "public", "/static/")
    assert list(found.files) == ["css/site.css"]
