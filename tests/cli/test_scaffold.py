"""New projects and apps: whole, private where they hold secrets, never over what is there."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from lback.cli.names import model_name
from lback.core.settings.defaults import Settings
from tests.cli.conftest import Run

VARIANTS = [(), ("--minimal",)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shop(lback_here: Run, tmp_path: Path) -> Path:
    result = lback_here("new", "project", "shop")
    assert result.returncode == 0, result.stderr
    return tmp_path / "shop"


@pytest.mark.parametrize("options", VARIANTS)
def test_secrets_are_fresh_private_and_ignored(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    keys = set()
    for name in ("one", "two"):
        assert lback_here("startproject", name, *options).returncode == 0
        env = tmp_path / name / ".env"
        assert mode(env) == 0o600
        (key,) = re.findall(r"^SECRET_KEY=(\S{64})$", env.read_text(), re.MULTILINE)
        keys.add(key)
        for file in (tmp_path / name).rglob("*"):
            if file != env and file.is_file():
                assert key.encode() not in file.read_bytes()
    assert len(keys) == 2

    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path / "one", check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path / "one", check=True)
    files = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path / "one", check=True, capture_output=True, text=True
    ).stdout.split()
    assert "settings.py" in files
    assert ".env" not in files


@pytest.mark.parametrize("options", VARIANTS)
def test_what_a_project_makes_stays_out_of_git(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    lback_here("startproject", "shop", *options)
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path / "shop", check=True)
    made = [
        ".env", "config.json", "db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "other.sqlite3",
        "mail/20260101-1.eml", "uploads/a.png", "staticfiles/style.1.css", ".venv/bin/python",
        "shop.egg-info/PKG-INFO", "build/x", "dist/x.whl", ".coverage", "htmlcov/index.html",
        ".mypy_cache/x", ".pytest_cache/x", ".ruff_cache/x", "notes/__pycache__/x.pyc",
    ]  # fmt: skip
    for name in made:
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    found = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=tmp_path / "shop", check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert "settings.py" in found
    assert not set(made).intersection(found)


@pytest.mark.parametrize("options", VARIANTS)
def test_each_page_names_an_icon_that_is_there(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    lback_here("startproject", "shop", *options)

    base = (tmp_path / "shop" / "templates" / "base.html").read_text()
    assert """<link rel="icon" href="{{ static('icon.svg') }}" type="image/svg+xml">""" in base
    icon = (tmp_path / "shop" / "static" / "icon.svg").read_text()
    assert ElementTree.fromstring(icon).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("options", VARIANTS)
def test_nothing_of_a_template_is_left_over(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    lback_here("new", "project", "shop", *options)

    files = [path for path in (tmp_path / "shop").rglob("*") if path.is_file()]
    for path in files:
        if path.suffix != ".whl":
            assert "[[" not in path.read_text(), path
        assert "__" not in path.name.replace("__init__", ""), path
        assert path.suffix != ".template"
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    assert os.access(tmp_path / "shop" / "manage.py", os.X_OK)


@pytest.mark.parametrize("options", VARIANTS)
def test_a_new_project_is_well_written(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    """Its Python passes the checks of this repository."""
    lback_here("new", "project", "shop", *options)
    root = tmp_path / "shop"
    lback_here("new", "app", "orders", *options, cwd=root)

    rules = ["--isolated", "--line-length", "100", "--target-version", "py311"]
    for command in (["check", "--select", "E,F,W,I,UP,B,N,RUF"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *rules, "."],
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("options", VARIANTS)
def test_what_is_there_is_never_written_over(
    options: tuple[str, ...], lback_here: Run, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()

    result = lback_here("new", "project", "shop", *options)

    assert result.returncode == 1
    assert "shop already exists and is not overwritten" in result.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "shop"]
    assert not list((tmp_path / "shop").iterdir())


@pytest.mark.parametrize("taken", ["orders", "orders.py", "tests/test_orders.py"])
def test_an_app_is_written_over_nothing(taken: str, lback_here: Run, shop: Path) -> None:
    (shop / taken).write_text("mine\n")

    result = lback_here("new", "app", "orders", cwd=shop)

    assert result.returncode == 1
    assert f"{shop / taken} already exists" in result.stderr
    assert (shop / taken).read_text() == "mine\n"
    assert not (shop / "orders").is_dir()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "../x",
            "'../x' is a path; change to the directory that should contain it and give a name; "
            "did you mean x?",
        ),
        ("/etc/x", "is a path"),
        ("..", "'..' is a path"),
        ("my-shop", "digits and '_' only; did you mean my_shop?"),
        ("Über", "did you mean uber?"),
        ("9lives", "did you mean lives?"),
        ("class", "'class' is a keyword of Python; did you mean my_class?"),
        ("json", "'json' is the name of a module of Python, which it would shadow; "),
        ("jinja2", "'jinja2' is the name of an installed package, which it would shadow"),
        ("lback", "'lback' is the name of an installed package"),
        ("tests", "'tests' is the name of a module of every project"),
        ("", "must start with a letter and contain lower-case letters"),
    ],
)
@pytest.mark.parametrize("kind", ["project", "app"])
def test_names_that_cannot_work_are_refused_with_a_hint(
    kind: str, name: str, words: str, lback_here: Run, project: Path
) -> None:
    before = sorted(project.parent.rglob("*"))

    result = lback_here("new", kind, name, cwd=project)

    assert result.returncode == 2
    assert words in " ".join(result.stderr.split())
    assert sorted(project.parent.rglob("*")) == before


def test_an_app_is_made_in_the_project_from_anywhere_inside(lback_here: Run, shop: Path) -> None:
    result = lback_here("new", "app", "orders", cwd=shop / "notes" / "templates")

    assert result.returncode == 0, result.stderr
    assert (shop / "orders" / "models.py").is_file()
    assert (shop / "tests" / "test_orders.py").is_file()
    assert 'INSTALLED_APPS = [..., "orders"]' in result.stdout
    assert 'include("orders.urls", "/orders/")' in result.stdout


def test_an_app_needs_a_project(lback_here: Run) -> None:
    result = lback_here("new", "app", "orders")

    assert result.returncode == 1
    assert "no project found" in result.stderr


def test_the_files_for_machines_are_what_machines_read(shop: Path) -> None:
    """As far as can be told without a registry and a host: syntax, and names that must agree."""
    compose = yaml.safe_load((shop / "compose.yaml").read_text())
    workflow = yaml.safe_load((shop / ".github" / "workflows" / "tests.yml").read_text())

    assert set(compose["services"]) == {"migrate", "web", "database", "redis"}
    assert compose["services"]["web"]["environment"]["DEBUG"] == "false"
    assert set(workflow["jobs"]["tests"]["services"]) == {"postgres", "redis"}
    assert {"run": "pip install -r requirements-dev.txt"} in workflow["jobs"]["tests"]["steps"]
    for step in ("lback migrate", "lback test"):
        assert {"run": step} in workflow["jobs"]["tests"]["steps"]


def test_the_files_for_machines_agree_on_health_and_on_stopping(shop: Path) -> None:
    services = yaml.safe_load((shop / "compose.yaml").read_text())["services"]
    longest = Settings().SHUTDOWN_TIMEOUT + 10  # the guide drains for ten seconds

    assert "/health/ready" in services["web"]["healthcheck"]["test"][-1]
    assert int(services["web"]["stop_grace_period"].removesuffix("s")) > longest
    assert json.loads(services["web"]["environment"]["CACHES"])["default"] == {"backend": "redis"}
    assert services["redis"]["command"] == "redis-server --appendonly yes"
    assert services["redis"]["volumes"] == ["redis:/data"]
    unit = (shop / "deploy" / "shop.service").read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > longest
    for name in (".env.example", ".env"):
        assert "another one on each machine" not in (shop / name).read_text()
    lock = (shop / "routes.lock").read_text()
    assert "GET\t/health/live\tpublic\nGET\t/health/ready\tpublic\n" in lock


def test_systemd_takes_the_unit(shop: Path, tmp_path: Path) -> None:
    program = tmp_path / "lback"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "shop.service"
    text = (shop / "deploy" / "shop.service").read_text()
    # It looks for the programs and the user, which only the server has.
    text = text.replace("/srv/shop/.venv/bin/lback", str(program)).replace("User=shop\n", "")
    unit.write_text(text)
    try:
        result = subprocess.run(
            ["systemd-analyze", "verify", unit],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("there is no systemd-analyze here")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("app", "model"),
    [
        ("notes", "Note"),
        ("categories", "Category"),
        ("news", "News"),
        ("address", "Address"),
        ("status", "Status"),
        ("line_items", "LineItem"),
        ("blog", "Blog"),
    ],
)
def test_the_model_of_an_app_is_named_after_one_thing(app: str, model: str) -> None:
    assert model_name(app) == model
