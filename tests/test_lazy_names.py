"""Packages whose names are imported when they are first asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

LAZY = ["lback", "lback.admin", "lback.api", "lback.auth", "lback.sessions", "lback.storage"]


@pytest.mark.parametrize("name", LAZY)
def test_every_public_name_is_there(name: str) -> None:
    package: Any = import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", LAZY)
def test_an_unknown_name_is_refused_as_by_any_module(name: str) -> None:
    package: Any = import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Nothing'"):
        package.Nothing  # noqa: B018  the look-up is the test


@pytest.mark.parametrize("name", LAZY)
def test_no_module_hides_a_public_name(name: str) -> None:
    # The import of a module puts it into its package, in the place of a function of that name.
    package: Any = import_module(name)
    (directory,) = package.__path__
    modules = {path.stem for path in Path(directory).iterdir()}
    assert not modules & set(package.__all__)
