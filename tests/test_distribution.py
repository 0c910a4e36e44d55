"""Lback is installed as `lback-web`: the bare name belongs to a program of somebody else."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

import lback
from lback import distribution
from lback.cli import scaffold, wheel

ROOT = Path(__file__).resolve().parents[1]
NAME = r"(?<![\w./-])lback"
BARE = re.compile(
    rf"pip3?\s+install\b[^\n]*{NAME}(?![\w./-])"  # pip install lback
    rf"|{NAME}\[[a-z]"  # lback with extras
    rf"|{NAME}\s*(?:[>=~!<]=|===|@)\s*[\"'\d]",  # lback with a version
    re.IGNORECASE,
)


def bare_names(paths: Iterator[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # a picture, a wheel
            continue
        found += [f"{path}:{at}: {line}" for at, line in enumerate(lines, 1) if BARE.search(line)]
    return found


@pytest.mark.parametrize(
    "line",
    ["pip install lback", 'pip install "lback[serve]" pytest', "pip3 install -U lback==0.1",
     'dependencies = ["lback[jwt]>=0.1.0"]', "lback>=0.1", "lback ~= '1'", "RUN pip install lback"],
)  # fmt: skip
def test_a_bare_name_is_recognised(line: str) -> None:
    assert BARE.search(line)


@pytest.mark.parametrize(
    "line",
    ['pip install "lback-web[serve]"', "lback-web==0.1.0", "lback new project shop", "import lback",
     "pip install -e ../lback", "/clone/lback[serve]", "lback == other", "pip install lback-web"],
)  # fmt: skip
def test_other_uses_of_the_name_are_let_through(line: str) -> None:
    assert not BARE.search(line)


def test_no_tracked_file_installs_the_bare_name() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    found = bare_names(path for path in paths if path.is_file() and path != Path(__file__))
    assert not found, f"write {distribution.NAME}"


@pytest.mark.parametrize("options", [(), ("--minimal",)])
def test_no_file_of_a_new_project_installs_the_bare_name(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    new_project(tmp_path, *options)
    found = bare_names(path for path in (tmp_path / "shop").rglob("*") if path.is_file())
    assert not found


def new_project(folder: Path, *options: str) -> Path:
    subprocess.run(
        [sys.executable, "-m", "lback", "new", "project", "shop", *options],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder / "shop"


def test_one_place_names_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == distribution.NAME
    assert version(distribution.NAME) == project["version"] == lback.__version__
    spelled = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "lback").rglob("*.py"))
        if distribution.NAME in path.read_text()
    ]
    assert spelled == ["lback/distribution.py"]


def test_the_hint_installs_extras_of_this_distribution() -> None:
    assert distribution.install_hint("jwt") == 'pip install "lback-web[jwt]"'
    assert distribution.requirement("redis", "serve", version="1.2.3") == (
        "lback-web[redis,serve]==1.2.3"
    )
    assert distribution.requirement() == "lback-web"


def test_every_extra_that_is_hinted_at_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    texts = [path.read_text() for path in (ROOT / "lback").rglob("*.py")]
    texts += [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    hinted = {
        extra
        for text in texts
        for names in re.findall(
            r"install_hint\(['\"]([\w'\", ]+)['\"]\)|lback-web\[([\w,]+)\]", text
        )
        for extra in re.split(r"\W+", "".join(names))
    }
    assert {"jwt", "redis", "serve"} <= hinted <= set(extras)


@pytest.mark.parametrize("options", [(), ("--minimal",)])
def test_a_new_project_names_a_wheel_file_with_its_hash(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    shop = new_project(tmp_path, *options)

    (file,) = (shop / "vendor").iterdir()
    lines = (shop / "requirements.txt").read_text().splitlines()
    extras = "serve" if options else "postgres,redis,serve"
    assert [line for line in lines if not line.startswith("#")] == [
        f"file:vendor/{file.name}#sha256={sha256(file.read_bytes()).hexdigest()}",
        f"lback-web[{extras}]=={lback.__version__}",
    ]
    assert file.name == f"lback_web-{lback.__version__}-py3-none-any.whl"
    readme = (shop / "README.md").read_text()
    assert "not on a package index yet" in readme
    assert f"`vendor/{file.name}`" in readme
    if not options:
        assert "COPY vendor vendor\n" in (shop / "Dockerfile").read_text()


def test_after_the_first_release_a_new_project_pins_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "PUBLISHED", True)
    monkeypatch.chdir(tmp_path)
    scaffold.project.main(["shop"], standalone_mode=False)

    shop = tmp_path / "shop"
    assert not (shop / "vendor").exists()
    assert (shop / "requirements.txt").read_text().splitlines()[1:] == [
        f"lback-web[postgres,redis,serve]=={lback.__version__}"
    ]
    for name in ("README.md", "Dockerfile", "requirements.txt"):
        assert "vendor" not in (shop / name).read_text()
        assert "\n\n\n" not in (shop / name).read_text()


def test_the_wheel_holds_what_is_installed_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = wheel.pack(tmp_path / "a"), wheel.pack(tmp_path / "b")

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
        assert archive.read("lback/__init__.py") == Path(lback.__file__).read_bytes()
        metadata = archive.read(f"lback_web-{lback.__version__}.dist-info/METADATA").decode()
    package = Path(lback.__file__).parent
    code = {path.relative_to(package.parent).as_posix() for path in package.rglob("*.py")}
    assert code <= names
    assert "lback/cli/signals.md" in names
    assert "lback/scaffolding/full/.env.template" in names
    assert not [name for name in names if "__pycache__" in name or "direct_url" in name]
    assert "Name: lback-web\n" in metadata


@pytest.mark.integration
def test_pip_installs_the_wheel_of_a_project_and_refuses_another_one(tmp_path: Path) -> None:
    shop = new_project(tmp_path, "--minimal")
    lines = (shop / "requirements.txt").read_text()

    def install(target: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target]
        return subprocess.run(
            [*command, "-r", "requirements.txt"],
            cwd=shop,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    installed = install(str(tmp_path / "installed"))
    assert installed.returncode == 0, installed.stderr
    program = "import lback.cli.main, lback; print(lback.__file__)"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.startswith(str(tmp_path / "installed"))

    digest = lines.partition("#sha256=")[2][:64]
    (shop / "requirements.txt").write_text(lines.replace(digest, digest[::-1]))
    refused = install(str(tmp_path / "refused"))
    assert refused.returncode == 1
    assert "DO NOT MATCH THE HASHES" in refused.stderr
