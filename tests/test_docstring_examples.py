"""The examples in docstrings are true: each `>>>` line runs and prints what stands below it.

A docstring is run in a fresh namespace, in an empty directory. It may use the names of its module,
and `Application`, `Client`, `Request`, `Response`, `app`, `request` and `response`.
"""

import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lback
from lback import Application, Request, Response
from lback.testing import Client

ROOT = Path(lback.__file__).parents[1]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in (ROOT / "lback").rglob("*.py")
    if ">>>" in file.read_text()
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_ONLY_FIRST_FAILURE


def namespace() -> dict[str, Any]:
    """Return the names that an example may use without an import."""
    return {
        "Application": Application,
        "Client": Client,
        "Request": Request,
        "Response": Response,
        "app": Application(DEBUG=True),
        "request": Request("/", "GET", None, None, {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}),
        "response": Response(),
    }


def failures(module: ModuleType) -> list[str]:
    """Return what doctest reports about the examples of a module."""
    runner, reports = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS), list[str]()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        if test.examples:
            names = namespace()
            test.globs.update(names)
            runner.run(test, out=reports.append, clear_globs=False)
            for app in (names["app"], test.globs["app"]):  # an example may have one of its own
                app.db_manager.dispose()
    return reports


@pytest.mark.usefixtures("tasks_as_before")
@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    reports = failures(import_module(name))

    assert not reports, "".join(reports)


def test_a_wrong_example_is_reported() -> None:
    module = ModuleType("wrong", ">>> Response().status_code\n404\n")

    assert "Expected:\n    404\nGot:\n    200" in "".join(failures(module))
