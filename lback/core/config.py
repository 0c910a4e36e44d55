"""Loads and validates settings from the environment, `.env`, the project and the defaults."""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from lback.core.exceptions import ConfigurationError, did_you_mean, known_names
from lback.core.settings.database_uri import ENGINES, database_uri, masked
from lback.core.settings.defaults import Settings
from lback.core.settings.env_file import NO_FILE, EnvFile
from lback.core.settings.json_file import parse_json, parse_yaml, read_mapping
from lback.core.settings.key_strength import NEW_KEY, length_problem, weakness_of_key
from lback.core.settings.validation import check, fit
from lback.core.settings.values import parse_text, shown

logger = logging.getLogger(__name__)

_PARSERS = {".json": parse_json, ".yaml": parse_yaml, ".yml": parse_yaml}

# Only very similar names count as misspelt, because projects have settings of their own.
_MISSPELT = 0.85


class _InvalidSettings(ConfigurationError, ValueError):
    """Invalid settings; the message has one line for each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        count = "1 setting" if len(problems) == 1 else f"{len(problems)} settings"
        super().__init__("\n- ".join([f"{count} cannot work:", *problems.values()]))


def load_config(config_file: str | os.PathLike[str] = "config.json") -> dict[str, Any]:
    """Read a JSON or YAML file, depending on its suffix; empty if the file does not exist.

    Raises:
        ConfigurationError: The file cannot be read or parsed, its top level is not a mapping, or
            its name does not end with `.json`, `.yaml` or `.yml`.
    """
    path = Path(config_file)
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise ConfigurationError(
            f"{path}: the name of a configuration file must end in {', '.join(_PARSERS)}"
        )
    return read_mapping(path, parse)


class Config(Settings):
    """The settings of an application, as attributes in upper case.

    A value comes from the environment, else from `settings`, else from the file, else from
    `DEFAULTS`. `.env` is not read here. Text of the environment is converted to the type of the
    setting; empty text is ignored unless the setting is text. Other upper-case names in `settings`
    and in the file are settings of the project and become attributes too.

    Args:
        config_file: Path of a JSON or YAML file, which need not exist; `None` reads no file.
        settings: Values of `settings.py`, or the keywords of an `Application`. `None` as the
            value of a known setting means that it is not set.
        env_file: The content of `.env`, as `load_env_file` returned it.

    Raises:
        ConfigurationError: The file cannot be read, or values have the wrong type. The latter is
            also a ValueError, and its message names all problems.

    Example:
        >>> from lback import Config
        >>> config = Config(None, settings={"PORT": 9000})
        >>> config.PORT, config.source_of("PORT"), config.source_of("WORKERS")
        (9000, 'settings', 'default')
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = MappingProxyType(vars(Settings()))

    def __init__(
        self,
        config_file: str | os.PathLike[str] | None = "config.json",
        *,
        settings: Mapping[str, object] | None = None,
        env_file: EnvFile = NO_FILE,
    ) -> None:
        super().__init__()
        self._sources: dict[str, str] = {}
        self._origins: dict[str, list[tuple[str, object]]] = {}
        self._env_file = env_file
        self._warned = False
        self._allows_weak_keys = False
        given: dict[str, Mapping[str, object]] = {}
        if config_file is not None:
            given[str(config_file)] = load_config(config_file)
        given["settings" if config_file is None else "settings.py"] = settings or {}
        broken = self._take(given)
        if broken:
            # Without a project, `develop` may still set what is missing.
            deployed = not self.DEBUG and (config_file is not None or "DEBUG" in self._sources)
            others = self.problems(deployed=deployed and "DEBUG" not in broken)
            raise _InvalidSettings({**others, **broken})

    def _take(self, given: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
        """Set the attributes, lowest precedence first; return the problems by name."""
        values: dict[str, object] = {}
        for source, mapping in given.items():
            for name, value in _settings_in(mapping):
                self._take_from(source, name, value)
                values[name] = value
        broken = {}
        for name in {**self.DEFAULTS, **values}:
            like = self.DEFAULTS.get(name, values.get(name))
            for source, text in self._texts(name):
                if text.strip() or like is None or isinstance(like, str):
                    self._take_from(source, name, text)
                    values[name] = text
            value = values.get(name, like)
            try:
                vars(self)[name] = self._typed(name, value, like)
            except ValueError as error:
                broken[name] = self._line(name, value, str(error))
        return broken

    def _take_from(self, source: str, name: str, value: object) -> None:
        self._sources[name] = source
        self._origins.setdefault(name, []).append((source, value))

    def _texts(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the texts of `.env` and of the environment, lower precedence first."""
        if name in self._env_file.values:
            yield ".env", self._env_file.values[name]
        if name in os.environ and name not in self._env_file.loaded:
            yield "environment", os.environ[name]

    def _typed(self, name: str, value: Any, like: object) -> object:
        if name == "DATABASE_URI":
            raise ValueError("is made of other settings; write DATABASE_URL")
        if self._sources.get(name) in ("environment", ".env"):
            return parse_text(value, like)
        return fit(value, like) if name in self.DEFAULTS else value

    def get(self, name: str, default: object = None) -> Any:
        """Return a setting, or the default.

        Args:
            name: Name of the setting, in upper case.
            default: Returned if there is no setting of that name.
        """
        if name == "DATABASE_URI":
            return self.DATABASE_URI
        return vars(self).get(name, default)

    def source_of(self, name: str) -> str:
        """Return where the value of a setting comes from.

        Returns:
            `"environment"`, `".env"`, `"settings.py"` (`"settings"` for the keywords of an
            `Application`), the name of the configuration file, `"development"` if `develop` set
            it, or `"default"`.

        Raises:
            AttributeError: The setting does not exist.
        """
        getattr(self, name)
        return self._sources.get(name, "default")

    def origins_of(self, name: str) -> list[tuple[str, object]]:
        """Return all sources that set a setting, with their values, highest precedence first.

        The first pair is the one that is used; the others are shadowed by it. Values are as in
        the source: text from the environment. See `source_of` for the names of the sources.

        Raises:
            AttributeError: The setting does not exist.
        """
        getattr(self, name)
        origins = self._origins.get(name, [])[::-1]
        if self.source_of(name) == "development":
            origins = [("development", self.get(name)), *origins]
        if name in self.DEFAULTS:
            origins.append(("default", self.DEFAULTS[name]))
        return origins

    @property
    def DATABASE_URI(self) -> str:  # noqa: N802  the name of a setting
        """The SQLAlchemy URL of the database, including the driver.

        It may contain a password: never log it.

        Raises:
            ConfigurationError: The engine is unknown or credentials are missing; also a
                ValueError.
        """
        try:
            return self._database_uri()
        except ValueError as error:
            # Not chained: the message of a library may quote the URL with its password.
            raise _InvalidSettings({"DB_ENGINE": str(error)}) from None

    def _database_uri(self) -> str:
        settings = vars(self)
        if ENGINES.get(str(self.DB_ENGINE).lower()) != "sqlite" and "DB_NAME" not in self._sources:
            # The default is the name of a file, which is not valid for a database server.
            settings = {**settings, "DB_NAME": ""}
        return database_uri(settings)

    def develop(self) -> None:
        """Set values for development, except for settings that are set.

        DEBUG becomes True unless it is set, and an empty SECRET_KEY becomes a random one, valid
        until the process ends. An empty ALLOWED_HOSTS allows loopback hosts while DEBUG is on.
        """
        if "DEBUG" not in self._sources:
            self.DEBUG, self._sources["DEBUG"] = True, "development"
        if not self.SECRET_KEY:
            self._choose_key()

    def allow_weak_keys(self) -> None:
        """Accept guessable keys while DEBUG is off, for tests. Their length is still checked.

        `lback.testing.Client` calls this. Never call it in a process that serves visitors.
        """
        self._allows_weak_keys = True

    def _choose_key(self) -> None:
        self.SECRET_KEY, self._sources["SECRET_KEY"] = secrets.token_urlsafe(48), "development"

    @staticmethod
    def validate(config_instance: "Config") -> None:
        """Validate the settings, and log a warning for names that look misspelt.

        With DEBUG off, SECRET_KEY and ALLOWED_HOSTS must be set. With DEBUG on, an empty
        SECRET_KEY becomes a random one, with a warning.

        Raises:
            ConfigurationError: Settings are invalid; the message names all. Also a ValueError.
        """
        config_instance._warn_of_misspelt_names()
        problems = config_instance.problems(deployed=not config_instance.DEBUG)
        if problems:
            raise _InvalidSettings(problems)
        if not config_instance.SECRET_KEY:
            config_instance._choose_key()
            logger.warning(
                "SECRET_KEY is empty: sessions and tokens end with this process; "
                "set it, for example to the output of %s",
                NEW_KEY,
            )

    def problems(self, *, deployed: bool) -> dict[str, str]:
        """Return a message for each invalid setting, by name.

        Args:
            deployed: Whether to require also the settings that a public server needs.
        """
        found = dict(self._broken_rules())
        if not found.keys() & {"DATABASE_URL", "DB_ENGINE"}:
            found.update(self._database_problem())
        if deployed:
            found.update(self._missing_in_public(found))
        return found

    def _broken_rules(self) -> Iterator[tuple[str, str]]:
        for name, like in self.DEFAULTS.items():
            value = vars(self)[name]
            try:
                fit(value, like)
                check(name, value)
            except ValueError as error:
                yield name, self._line(name, value, str(error))

    def _database_problem(self) -> Iterator[tuple[str, str]]:
        engine = self.DB_ENGINE.lower()
        if not self.DATABASE_URL and engine not in ENGINES:
            rule = known_names(engine, ENGINES)
            yield "DB_ENGINE", self._line("DB_ENGINE", self.DB_ENGINE, rule)
            return
        try:
            self._database_uri()
        except ValueError as error:
            name = "DATABASE_URL" if self.DATABASE_URL else "DB_ENGINE"
            yield name, f"{error} ({name} is from {self.source_of(name)})"

    def _missing_in_public(self, found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for name, keys in self._keys().items():
            find = length_problem if self._allows_weak_keys else weakness_of_key
            weakness = next(filter(None, map(find, keys)), "")
            if weakness and name not in found:
                rule = (
                    f"{weakness}, which is not allowed while DEBUG is off; "
                    f"set it, for example to the output of {NEW_KEY}"
                )
                yield name, self._line(name, self.get(name), rule)
        if not self.ALLOWED_HOSTS:
            rule = (
                "must name the hosts served while DEBUG is off; "
                "write them, such as example.com, or .example.com for subdomains as well"
            )
            yield "ALLOWED_HOSTS", self._line("ALLOWED_HOSTS", self.ALLOWED_HOSTS, rule)

    def _keys(self) -> dict[str, list[str]]:
        # Tokens can also be forged with a weak former key.
        return {"SECRET_KEY": [self.SECRET_KEY], "SECRET_KEY_FALLBACKS": self.SECRET_KEY_FALLBACKS}

    def _line(self, name: str, value: object, rule: str) -> str:
        # A mapping may contain nested secrets.
        text = f"a {type(value).__name__}" if isinstance(value, dict) else shown(name, value)
        return f"{name} = {text} ({self._sources.get(name, 'default')}): {rule}"

    def _warn_of_misspelt_names(self) -> None:
        if self._warned:
            return
        self._warned = True
        sources = {**dict.fromkeys(self._env_file.values, ".env"), **self._sources}
        for name in sorted(sources.keys() - self.DEFAULTS.keys()):
            near = did_you_mean(name, self.DEFAULTS, _MISSPELT)
            if near:
                logger.warning("%s (%s) is not a setting of Lback%s", name, sources[name], near)

    def __getattr__(self, name: str) -> Any:
        # Called for missing attributes only. Lower-case and private names are not settings.
        near = did_you_mean(name, vars(self)) if name.isupper() else ""
        raise AttributeError(f"there is no setting {name!r}{near}", name=name, obj=self)

    def __repr__(self) -> str:
        try:
            address = masked(self._database_uri()).partition("?")[0]
        except ValueError:
            address = "no database"
        return f"<Config DEBUG={self.DEBUG} {address}>"


def _settings_in(mapping: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in mapping.items():
        if not (isinstance(name, str) and name.isupper()):
            continue
        if value is not None or name not in Config.DEFAULTS:
            yield name, value
