"""Modules that moved can be imported under their old names, with a warning."""

import subprocess
import sys
from importlib import import_module

import pytest

from lback.moved_modules import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_gives_the_module_itself(old: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} moved to {MOVED[old]};"):
        found = import_module(old)
    assert found is import_module(MOVED[old])
    sys.modules.pop(old)


def test_what_was_imported_by_an_old_name_is_the_same_class() -> None:
    script = (
        "from lback.core.http.uploaded_file import UploadedFile as old\n"
        "from lback import UploadedFile\n"
        "assert old is UploadedFile, old\n"
        "import lback.core.http.uploaded_file as new\n"
        "assert new.__spec__.name == 'lback.core.http.uploaded_file', new.__spec__\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_name_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'lback\.core\.nothing'"):
        import_module("lback.core.nothing")
