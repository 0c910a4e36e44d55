"""The file `.env`: behind the environment, before the settings, and known by its name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError
from lback.core.settings.env_file import LOADED, load_env_file


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    before = dict(os.environ)
    os.environ.pop(LOADED, None)  # what the file of another test loaded
    yield tmp_path / ".env"
    os.environ.clear()
    os.environ.update(before)


def test_the_environment_comes_first(path: Path) -> None:
    path.write_text("SHOP_A=file\nSHOP_B=file\nEMPTY=\n# remark\nexport SHOP_C='quoted $X'\n")
    os.environ["SHOP_A"] = "environment"

    env_file = load_env_file(path)

    assert os.environ["SHOP_A"] == "environment"
    assert os.environ["SHOP_B"] == "file"
    assert os.environ["SHOP_C"] == "quoted $X"
    assert env_file.values["SHOP_A"] == "file"
    assert env_file.loaded == {"SHOP_B", "SHOP_C", "EMPTY"}


def test_a_missing_file_changes_nothing(path: Path) -> None:
    before = dict(os.environ)

    assert load_env_file(path).values == {}
    assert {k: v for k, v in os.environ.items() if k != LOADED} == before


def test_what_a_parent_took_from_the_file_is_read_again(path: Path) -> None:
    """As the process that the development server starts after each edit does."""
    path.write_text("SHOP_A=1\nSHOP_B=1\nSHOP_C=1\n")
    load_env_file(path)
    os.environ["SHOP_B"] = "set in between"
    path.write_text("SHOP_A=2\nSHOP_B=2\n")

    env_file = load_env_file(path)

    assert os.environ["SHOP_A"] == "2"
    assert os.environ["SHOP_B"] == "set in between"
    assert "SHOP_C" not in os.environ
    assert env_file.loaded == {"SHOP_A"}


def test_the_config_tells_what_came_from_where_and_what_it_shadowed(path: Path) -> None:
    path.with_name("config.json").write_text('{"PORT": 1, "DB_NAME": "of the copy"}')
    path.write_text("PORT=3\nHOST=localhost\nSECRET_KEY=of the file .env\n")
    os.environ["PORT"] = "4"

    config = Config(
        path.with_name("config.json"),
        settings={"PORT": 2, "DEBUG": True, "SHOP_NAME": "Corner"},
        env_file=load_env_file(path),
    )

    json = str(path.with_name("config.json"))
    assert config.origins_of("PORT") == [
        ("environment", "4"),
        (".env", "3"),
        ("settings.py", 2),
        (json, 1),
        ("default", 8000),
    ]
    assert (config.PORT, config.source_of("PORT")) == (4, "environment")
    assert (config.HOST, config.source_of("HOST")) == ("localhost", ".env")
    assert config.origins_of("DB_NAME") == [(json, "of the copy"), ("default", "db.sqlite3")]
    assert config.origins_of("SHOP_NAME") == [("settings.py", "Corner")]
    assert config.origins_of("DB_PORT") == [("default", 0)]
    with pytest.raises(AttributeError, match="did you mean PORT"):
        config.origins_of("PROT")


def test_what_development_chose_is_said_to_be_its_choice() -> None:
    config = Config(None, settings={"SECRET_KEY": ""})
    config.develop()

    assert config.origins_of("DEBUG") == [("development", True), ("default", False)]
    assert [source for source, _ in config.origins_of("SECRET_KEY")] == [
        "development",
        "settings",
        "default",
    ]


def test_an_empty_line_shadows_text_only(path: Path) -> None:
    path.write_text("PORT=\nDB_NAME=\n")

    config = Config(None, settings={"PORT": 2, "DB_NAME": "x"}, env_file=load_env_file(path))

    assert config.origins_of("PORT") == [("settings", 2), ("default", 8000)]
    assert config.origins_of("DB_NAME")[0] == (".env", "")


def test_a_misspelt_name_in_the_file_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("ALLOWED_HOST=example.com\nOTHER_PROGRAM=1\nSECRET_KEY=of the file .env\n")
    config = Config(None, settings={"DEBUG": True}, env_file=load_env_file(path))

    Config.validate(config)

    assert caplog.messages == [
        "ALLOWED_HOST (.env) is not a setting of Lback; did you mean ALLOWED_HOSTS?"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("DEBUG=true\r\n".encode("utf-16"), "looks like UTF-16, as Windows PowerShell writes it"),
        ("DEBUG=true\n".encode("utf-16-be"), "looks like UTF-16"),
        ("A=1\nNAME=Müller\n".encode("latin-1"), ", line 2: byte 10 is not UTF-8; save the file"),
    ],
)
def test_a_file_in_another_encoding_is_named_in_one_line(
    path: Path, content: bytes, reason: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        load_env_file(path)
    assert str(raised.value).startswith(str(path))
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_byte_order_mark_is_not_part_of_a_name(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfSHOP_A=\xc3\xa4\r\nSHOP_B=2\r\n")
    assert load_env_file(path).values == {"SHOP_A": "ä", "SHOP_B": "2"}


@pytest.mark.parametrize(
    "line", ["B='secret", 'B="secret', "B: secret", "set B=secret", "=secret", "B='a'secret"]
)
def test_a_malformed_line_is_named_and_not_shown(path: Path, line: str) -> None:
    path.write_text(f"A=1\n\n{line}\nC=3\n")
    with pytest.raises(
        ConfigurationError, match=r"\.env, line 3: this is not NAME=value"
    ) as raised:
        load_env_file(path)
    assert "secret" not in str(raised.value)
    assert "A" not in os.environ
