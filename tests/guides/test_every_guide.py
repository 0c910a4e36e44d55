"""What holds for all guides: each is tried in a project, and the settings that it names exist."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from lback.core.settings.defaults import Settings
from tests.guides.conftest import BLOCK, GUIDES

PAGES = sorted(GUIDES.glob("*.md"))
SETTINGS = {one.name for one in fields(Settings)}
NAME = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]*…?|DEBUG|HOST|PORT|WORKERS|THREADS|SERVER|CACHES)`")
# What is in upper case and no setting: of the environment, of a project, a name of `lback.api`,
# misspelt on purpose.
OTHERS = re.compile(
    r"LBACK_[A-Z_]+|SHOP_NAME|SIGNED_IN|ALLOWED_HOST|TOKEN_URL|STRIPE_PUBLIC_KEY|VERIFY_CA|VERIFY_IDENTITY"
)


def stem(page: Path) -> str:
    return page.stem


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_a_guide_is_tried_in_a_project(page: Path) -> None:
    test = Path(__file__).with_name(f"test_{page.stem.replace('-', '_')}.py")
    assert test.exists(), f"write {test.name}: docs/guides/{page.name} in a project of each variant"
    applied = f'project.apply("{page.stem}"' in test.read_text()
    assert applied == bool(BLOCK.search(page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_a_guide_says_what_does_not_work(page: Path) -> None:
    if page.stem != "performance":  # it does so under another heading
        assert "## What does not work\n" in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_a_guide_names_settings_that_exist(page: Path) -> None:
    named = [name for name in NAME.findall(page.read_text()) if not OTHERS.fullmatch(name)]
    assert [name for name in named if not exists(name)] == []


def exists(name: str) -> bool:
    """Return True if it is a setting, or with an ellipsis the beginning of some."""
    beginning, ellipsis, _ = name.partition("…")
    return any(known.startswith(beginning) if ellipsis else known == name for known in SETTINGS)
