"""Every setting with its value and origin, and no secret among them."""

import json
from pathlib import Path

import pytest

from lback.cli.settings import meaning_of
from lback.core.config import Config
from tests.cli.conftest import SETTINGS, Run

MORE = """
DB_PASSWORD = "swordfish-1"
DATABASE_URL = "postgresql://app:swordfish-2@db/shop"
SHOP = {"name": "Corner", "api_token": "swordfish-3", "urls": ["redis://:swordfish-4@cache/0"]}
"""


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "settings.py").write_text(SETTINGS + MORE + "PORT = 8001\nWORKERS = 3\n")
    (project / ".env").write_text("PORT=8002\nWORKERS=5\nDEBUG=true\n")
    return project


def test_each_setting_comes_with_its_origin_and_what_that_shadows(lback: Run, shop: Path) -> None:
    (shop / "config.json").write_text('{"PORT": 8003, "ROOT_URLCONF": "urls"}')

    result = lback("config", cwd=shop / "..", LBACK_PROJECT_ROOT=str(shop), WORKERS="7")

    assert result.returncode == 0, result.stderr
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()}
    assert lines["PORT"] == "8002 .env settings.py: 8001; config.json: 8003"
    assert lines["WORKERS"] == "7 environment .env: '5'; settings.py: 3"
    assert lines["ROOT_URLCONF"] == "'urls' settings.py"
    assert lines["HOST"] == "'127.0.0.1' default"
    assert set(Config.DEFAULTS) <= set(lines)
    assert "swordfish" not in result.stdout
    assert lines["SHOP"].startswith("{'name': 'Corner', 'api_token': '********', 'urls':")

    as_json = lback("config", "--json", "--changed", cwd=shop)
    facts = json.loads(as_json.stdout)
    assert facts["PORT"] == {
        "value": "8002",
        "source": ".env",
        "shadows": {"settings.py": "8001", "config.json": "8003"},
    }
    assert "HOST" not in facts
    assert "swordfish" not in as_json.stdout


def test_one_setting_is_explained(lback: Run, shop: Path) -> None:
    told = lback("config", "explain", "PORT", cwd=shop, PORT="9")
    assert told.stdout.splitlines() == [
        "PORT (int): 0: one that is free",
        "  environment  '9'  <- effective",
        "  .env         '8002'",
        "  settings.py  8001",
        "  default      8000",
    ]
    secret = lback("config", "explain", "DATABASE_URL", cwd=shop).stdout
    assert "'********'" in secret
    assert "swordfish" not in secret

    unknown = lback("config", "explain", "prot", cwd=shop)
    assert unknown.returncode == 2
    assert "unknown setting 'prot'; did you mean PORT?" in unknown.stderr


def test_settings_that_cannot_be_read_are_told_of_all_at_once(lback: Run, shop: Path) -> None:
    (shop / "settings.py").write_text(SETTINGS + 'PORT = "eighty"\nALLOWED_HOSTS = "a.org"\n')
    (shop / ".env").write_text("THREADS=many\n")

    result = lback("config", cwd=shop)

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Error: 3 settings cannot work:",
        "- ALLOWED_HOSTS = 'a.org' (settings.py): must be a list",
        "- PORT = 'eighty' (settings.py): write a whole number",
        "- THREADS = 'many' (.env): write a whole number",
    ]

    (shop / "settings.py").write_text("DEBUG = True\nPORT = = 1\n")
    result = lback("config", cwd=shop)
    assert result.returncode == 1
    place = f"{shop / 'settings.py'}, line 2"
    assert result.stderr == f"Error: {place}: SyntaxError: invalid syntax\n"


def test_a_misspelt_setting_is_warned_of_with_a_near_one(lback: Run, shop: Path) -> None:
    (shop / "settings.py").write_text(SETTINGS + 'ALLOWED_HOST = ["example.com"]\n')

    result = lback("routes", cwd=shop)

    assert result.returncode == 0
    assert (
        "ALLOWED_HOST (settings.py) is not a setting of Lback; did you mean ALLOWED_HOSTS?"
        in result.stderr
    )


def test_what_a_setting_means_is_read_where_it_is_defined() -> None:
    assert meaning_of("MIDDLEWARES") == "in the order of their request hooks"
    assert meaning_of("DB_USER") == ""


def test_what_only_speaks_of_a_secret_is_shown(lback: Run, shop: Path) -> None:
    (shop / "settings.py").write_text(
        SETTINGS + "MIN_PASSWORD_LENGTH = 14\nTOKEN_URL = '/tokens'\n"
    )

    shown = json.loads(lback("config", "--json", cwd=shop).stdout)

    assert shown["MIN_PASSWORD_LENGTH"]["value"] == "14"
    assert shown["TOKEN_URL"]["value"] == "'/tokens'"
    assert shown["SECRET_KEY"]["value"] == "'********'"
