"""Where settings come from, what refuses a start, and that no message gives a secret away."""

import copy
import json
import logging
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from lback.core.config import Config, load_config
from lback.core.exceptions import ConfigurationError

KEY = "kT4-q9ZpW2_xR7mL8vNc"
PUBLIC: Mapping[str, Any] = {"SECRET_KEY": KEY, "ALLOWED_HOSTS": ["example.com"]}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in, and an environment that sets nothing."""
    for name in Config.DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, **values: Any) -> str:
    path.write_text(json.dumps(values))
    return str(path)


def refusal(*arguments: Any, **settings: Any) -> str:
    """What `Config`, or its validation, answers to settings that cannot work."""
    with pytest.raises(ConfigurationError) as caught:
        Config.validate(Config(*(arguments or [None]), settings=settings))
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


# --- precedence


def test_environment_beats_settings_beats_file_beats_default(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "1")
    file = write(project / "config.json", PORT=3, HOST="file", LOGIN_URL="/file")

    config = Config(file, settings={"PORT": 2, "HOST": "settings"})

    assert (config.PORT, config.HOST, config.LOGIN_URL) == (1, "settings", "/file")
    assert config.SESSION_COOKIE_NAME == "session"
    names = ("PORT", "HOST", "LOGIN_URL", "SESSION_COOKIE_NAME")
    assert [config.source_of(n) for n in names] == ["environment", "settings.py", file, "default"]


def test_settings_never_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///from-environment.db")

    config = Config(settings={"DATABASE_URL": "sqlite:///from-settings.db"})

    assert config.DATABASE_URI == "sqlite:///from-environment.db"


def test_config_json_of_the_directory_is_read_unless_told_otherwise(project: Path) -> None:
    write(project / "config.json", PORT=4000)

    assert Config().PORT == 4000
    assert Config(None).PORT == 8000


def test_the_environment_is_read_once_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(None)
    monkeypatch.setenv("PORT", "9")

    assert config.PORT == 8000


def test_a_dotenv_file_alone_changes_nothing(project: Path) -> None:
    (project / ".env").write_text("PORT=5555\nDEBUG=true\n")

    assert (Config().PORT, Config().DEBUG) == (8000, False)


def test_debug_is_off_and_no_secret_has_a_default() -> None:
    config = Config()

    assert config.DEBUG is False
    assert config.SECRET_KEY == ""
    assert config.DB_PASSWORD == ""


def test_two_configs_share_no_list_with_each_other_or_with_the_defaults() -> None:
    first, second = Config(), Config()
    first.ALLOWED_HOSTS.append("example.com")

    assert second.ALLOWED_HOSTS == Config.DEFAULTS["ALLOWED_HOSTS"] == []


def test_changing_a_config_leaves_the_list_it_was_given() -> None:
    hosts = ["example.com"]
    Config(None, settings={"ALLOWED_HOSTS": hosts}).ALLOWED_HOSTS.append("other.org")

    assert hosts == ["example.com"]


def test_the_table_of_defaults_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Config.DEFAULTS["DEBUG"] = True  # type: ignore[index]  # that it is read-only is the point


# --- which keys exist


def test_every_upper_case_key_of_the_file_is_kept(project: Path) -> None:
    write(project / "config.json", SHOP_NAME="Corner", MAX_ORDERS=3, _synced=["x"], note="no")

    config = Config()

    assert (config.SHOP_NAME, config.MAX_ORDERS) == ("Corner", 3)
    assert config.get("SHOP_NAME") == "Corner"
    assert config.get("note") is None
    with pytest.raises(AttributeError):
        _ = config.note


def test_the_environment_overrides_the_projects_own_settings_in_their_type(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "config.json", MAX_ORDERS=3, RATE=0.5, NOTHING=None, SHOP_NAME="Corner")
    for name, text in (("MAX_ORDERS", "7"), ("RATE", "0.25"), ("NOTHING", "x"), ("UNKNOWN", "x")):
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("SHOP_NAME", "")

    config = Config()

    assert (config.MAX_ORDERS, config.RATE, config.NOTHING) == (7, 0.25, "x")
    assert config.SHOP_NAME == ""
    assert config.get("UNKNOWN", "absent") == "absent"


def test_an_unknown_attribute_names_what_may_have_been_meant() -> None:
    with pytest.raises(AttributeError, match=r"'DEBG'; did you mean DEBUG\?"):
        _ = Config().DEBG
    with pytest.raises(AttributeError, match=r"'ZZZ'$"):
        Config().source_of("ZZZ")


def test_none_means_unset_for_a_known_setting() -> None:
    config = Config(None, settings={"SECRET_KEY": None, "PORT": None, "SHOP": None})

    assert (config.SECRET_KEY, config.PORT, config.get("SHOP", "given")) == ("", 8000, None)


def test_a_config_can_be_copied() -> None:
    config = copy.deepcopy(Config(None, settings={"PORT": 81}))

    assert (config.PORT, config.source_of("PORT")) == (81, "settings")


@pytest.mark.parametrize("name", ["ALLOWED_HOST", "DATABASE_ULR", "MIDDLEWARE"])
def test_a_misspelt_name_is_warned_of_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    config = Config(None, settings={**PUBLIC, name: [], "SHOP_NAME": "Corner"})
    Config.validate(config)
    Config.validate(config)

    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        f"{name} (settings) is not a setting of Lback; did you mean"
    )


# --- validation


def test_good_settings_pass_and_nothing_is_returned() -> None:
    config = Config(None, settings={**PUBLIC, "TEMPLATE_DIRS": [Path("t"), "u"]})
    result: Any = Config.validate(config)
    assert result is None


def test_mail_settings_are_not_demanded() -> None:
    assert Config(None, settings=PUBLIC).problems(deployed=True) == {}


@pytest.mark.parametrize("key", ["", "short", "k" * 15])
def test_a_missing_or_short_secret_key_is_refused_in_public(key: str) -> None:
    text = refusal(**{**PUBLIC, "SECRET_KEY": key})

    assert "SECRET_KEY = " in text
    assert "secrets.token_urlsafe" in text
    assert not key or key not in text


def test_hosts_must_be_named_in_public() -> None:
    assert "ALLOWED_HOSTS = [] (default): must name the hosts served" in refusal(SECRET_KEY=KEY)


def test_everything_wrong_is_told_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")
    file = write(project / "config.json", LOGGING_LEVEL="INOF", DB_ENGINE="sqlight")

    text = refusal(file, MAX_URL_SIZE=0)

    lines = text.splitlines()
    assert lines[0] == "6 settings cannot work:"
    assert "- PORT = 99999 (environment): must be a port: 0 to 65535" in lines
    assert "- MAX_URL_SIZE = 0 (settings.py): must be greater than 0" in lines
    assert any(f"LOGGING_LEVEL = 'INOF' ({file}): must be" in line for line in lines)
    assert any(line.endswith("did you mean INFO?") for line in lines)
    assert any(line.endswith("did you mean sqlite?") for line in lines)
    assert any("SECRET_KEY" in line for line in lines)


def test_a_wrong_type_is_told_together_with_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    with pytest.raises(ConfigurationError) as caught:
        Config("config.json", settings={"DB_PORT": -1, "SECRET_KEY": 12345678})

    lines = str(caught.value).splitlines()[1:]
    names = sorted(line.split()[1] for line in lines)
    assert names == ["ALLOWED_HOSTS", "DB_PORT", "PORT", "SECRET_KEY"]
    assert "12345678" not in str(caught.value)


def test_who_starts_without_a_project_is_not_told_of_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "x")
    with pytest.raises(ConfigurationError) as caught:
        Config(None)
    assert "SECRET_KEY" not in str(caught.value)
    assert str(caught.value).startswith("1 setting cannot work:\n- PORT")


def test_who_cannot_switch_debug_is_not_told_of_deployment() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config("config.json", settings={"DEBUG": "no"})
    assert "SECRET_KEY" not in str(caught.value)


def test_what_was_assigned_later_is_checked_as_well() -> None:
    config = Config(None, settings=PUBLIC)
    config.DEBUG = "no"  # type: ignore[assignment]  # the mistake of a user without a checker
    config.DB_ENGINE = None  # type: ignore[assignment]  # the same

    with pytest.raises(ConfigurationError) as caught:
        Config.validate(config)
    assert len(str(caught.value).splitlines()) == 3


def test_debug_without_a_key_gets_one_for_the_process_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = (Config(None, settings={"DEBUG": True}) for _ in range(2))
    Config.validate(first)
    Config.validate(first)
    Config.validate(second)

    assert len(first.SECRET_KEY) >= 43
    assert first.SECRET_KEY != second.SECRET_KEY
    assert [m.startswith("SECRET_KEY is empty") for m in caplog.messages] == [True, True]
    assert first.SECRET_KEY not in caplog.text


def test_debug_accepts_a_short_key() -> None:
    Config.validate(Config(None, settings={"DEBUG": True, "SECRET_KEY": "dev"}))


# --- development


def test_development_fills_what_nothing_decides(caplog: pytest.LogCaptureFixture) -> None:
    config = Config(None)
    config.develop()
    Config.validate(config)

    assert (config.DEBUG, config.ALLOWED_HOSTS) == (True, [])
    assert len(config.SECRET_KEY) >= 43
    assert config.source_of("DEBUG") == config.source_of("SECRET_KEY") == "development"
    assert not caplog.messages


def test_development_keeps_what_was_decided() -> None:
    config = Config(None, settings={**PUBLIC, "DEBUG": False})
    config.develop()

    assert (config.DEBUG, config.SECRET_KEY) == (False, KEY)


# --- the database


SERVER = {"DB_NAME": "shop", "DB_USER": "app", "DB_HOST": "db"}


@pytest.mark.parametrize(
    ("settings", "uri"),
    [
        ({}, "sqlite:///db.sqlite3"),
        ({"DB_NAME": "shop.db"}, "sqlite:///shop.db"),
        ({"DB_NAME": "/srv/shop.db"}, "sqlite:////srv/shop.db"),
        ({"DB_NAME": "shop.db", "PROJECT_ROOT": "/srv"}, "sqlite:////srv/shop.db"),
        ({"DB_NAME": "/data/shop.db", "PROJECT_ROOT": "/srv"}, "sqlite:////data/shop.db"),
        ({"DB_NAME": ":memory:", "DB_ENGINE": "sqlite3"}, "sqlite://"),
        ({**SERVER, "DB_ENGINE": "postgresql"}, "postgresql+psycopg://app@db/shop"),
        (
            {**SERVER, "DB_ENGINE": "Postgres", "DB_PASSWORD": "p", "DB_PORT": 5433},
            "postgresql+psycopg://app:p@db:5433/shop",
        ),
        ({**SERVER, "DB_ENGINE": "mysql"}, "mysql+pymysql://app@db/shop?charset=utf8mb4"),
        (
            {**SERVER, "DB_ENGINE": "mariadb", "DB_HOST": "::1", "DB_PORT": 3307},
            "mysql+pymysql://app@[::1]:3307/shop?charset=utf8mb4",
        ),
        ({"DATABASE_URL": "postgresql://u:p@h/n"}, "postgresql+psycopg://u:p@h/n"),
        ({"DATABASE_URL": "postgres://u@[::1]:5/n"}, "postgresql+psycopg://u@[::1]:5/n"),
        ({"DATABASE_URL": "mysql://u@h/n"}, "mysql+pymysql://u@h/n?charset=utf8mb4"),
        ({"DATABASE_URL": "mariadb://u@h/n?ssl=1"}, "mysql+pymysql://u@h/n?ssl=1"),
        ({"DATABASE_URL": "postgresql+asyncpg://u@h/n"}, "postgresql+asyncpg://u@h/n"),
        ({"DATABASE_URL": "sqlite:///x.db", "DB_ENGINE": "mysql"}, "sqlite:///x.db"),
    ],
)
def test_the_database_uri_names_its_driver(settings: dict[str, Any], uri: str) -> None:
    config = Config(None, settings=settings)

    assert config.DATABASE_URI == config.get("DATABASE_URI") == uri
    assert config.problems(deployed=False) == {}


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    # White space around a value does not count in the environment, and is no part of one here.
    lambda text: text == text.strip()
)


@given(user=TEXT, password=TEXT, name=TEXT, engine=st.sampled_from(["postgresql", "mysql"]))
def test_credentials_come_out_as_they_went_in(
    user: str, password: str, name: str, engine: str
) -> None:
    settings = {"DB_USER": user, "DB_PASSWORD": password, "DB_NAME": name, "DB_HOST": "fe80::1"}
    url = make_url(Config(None, settings={**settings, "DB_ENGINE": engine}).DATABASE_URI)

    assert (url.username, url.password, url.database) == (user, password, name)
    assert url.host == "fe80::1"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"DB_ENGINE": "postgresql"}, "'postgresql' needs DB_NAME, DB_USER, DB_HOST"),
        ({"DB_ENGINE": "mysql", "DB_USER": "u", "DB_HOST": "h"}, "'mysql' needs DB_NAME, or"),
        ({"DB_NAME": ""}, "needs DB_NAME"),
        ({"DATABASE_URL": "hunter2"}, "DATABASE_URL is not a URL"),
        ({"DB_ENGINE": "oracle"}, "'oracle'"),
    ],
)
def test_a_database_without_an_address_is_refused(settings: dict[str, Any], problem: str) -> None:
    assert problem in refusal(**PUBLIC, **settings)

    with pytest.raises(ConfigurationError) as caught:
        _ = Config(None, settings=settings).DATABASE_URI
    assert isinstance(caught.value, ValueError)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (
            {"DATABASE_URL": "postgres://app:hunter2@db/shop"},
            "postgresql+psycopg://app:***@db/shop",
        ),
        ({"DATABASE_URL": "postgres://db/shop?password=hunter2"}, "postgresql+psycopg://db/shop"),
        (
            {**SERVER, "DB_ENGINE": "mysql", "DB_PASSWORD": "hunter2"},
            "mysql+pymysql://app:***@db/shop",
        ),
        ({"DATABASE_URL": "hunter2"}, "no database"),
    ],
)
def test_repr_shows_no_secret(settings: dict[str, Any], shown: str) -> None:
    config = Config(None, settings={"SECRET_KEY": "hunter2" * 5, **settings})

    assert repr(config) == f"<Config DEBUG=False {shown}>"


# --- the file


def test_json_and_yaml_give_the_same(project: Path) -> None:
    (project / "a.json").write_text('\ufeff{"PORT": 1, "ALLOWED_HOSTS": ["ä.org"]}', "utf-8")
    (project / "a.yaml").write_text("PORT: 1\nALLOWED_HOSTS: [ä.org]\n2: ignored\n", "utf-8")
    (project / "a.yml").write_text("")

    assert load_config("a.json") == {"PORT": 1, "ALLOWED_HOSTS": ["ä.org"]}
    from_yaml: dict[Any, Any] = load_config(project / "a.yaml")
    assert from_yaml == {"PORT": 1, "ALLOWED_HOSTS": ["ä.org"], 2: "ignored"}
    assert load_config("a.yml") == {}
    assert Config("a.yaml").PORT == 1


def test_a_missing_file_gives_an_empty_mapping() -> None:
    assert load_config() == {}
    assert load_config("no.yaml") == {}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("c.json", b'{\n  "PORT": 1,,\n}', "line 2, column 13: Expecting property name"),
        ("c.json", b"", "line 1, column 1: Expecting value"),
        ("c.json", b"[1]", "the top level must be a mapping of names to values, not list"),
        ("c.json", b"[" * 100_000, "recursion"),
        ("c.json", b"1" * 5000, "limit"),
        ("c.json", b'{"A": "\xff"}', "byte 7 is not UTF-8"),
        ("c.yaml", b"A: hunter2\nB: [hunter2", "line 2, column 12: expected"),
        ("c.yaml", b"hunter2", "the top level must be a mapping"),
        ("c.yaml", b"A: \x07hunter2", "ReaderError in YAML"),
        ("c.yml", b"A: !!python/object/apply:os.system [hunter2]", "could not determine"),
        ("c.toml", b"A = 1", "must end in .json, .yaml, .yml"),
    ],
)
def test_a_broken_file_is_never_taken_for_an_empty_one(
    name: str, content: bytes, reason: str, project: Path
) -> None:
    (project / name).write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        Config(name)

    assert str(caught.value).startswith(name)
    assert reason in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_directory_in_place_of_the_file_is_refused(project: Path) -> None:
    (project / "config.json").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        Config()


def test_importing_it_loads_no_yaml_and_watches_nothing(project: Path) -> None:
    script = (
        "import sys, lback.core.config\n"
        "assert not {'yaml', 'watchdog.observers', 'sqlalchemy', 'dotenv'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True, timeout=60)


def test_construction_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Config(None, settings={"ALLOWED_HOST": []})
    assert not caplog.messages


# --- the guide

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "settings.md").read_text("utf-8")


def test_the_guide_lists_every_setting_with_its_type_and_default() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \| `(.+?)` \|", GUIDE, re.MULTILINE)

    expected = [(name, type(v).__name__, repr(v)) for name, v in Config.DEFAULTS.items()]
    assert listed == expected


def test_the_snippets_of_the_guide_run() -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    for snippet in snippets:
        exec(snippet, names)
    assert len(snippets) == 2
