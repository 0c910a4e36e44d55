"""Catalogues of messages: where they lie, and the languages of an application loaded from them.

The source is a `.po` file. Beside it lies the compiled `.mo` file, at whose end the hash of its
source is written; one that was compiled from another source is not read. Then, as in development,
the source is compiled in memory.
"""

import gettext
import hashlib
import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import ConfigurationError, known_names
from lback.core.templates.renderer import places_of
from lback.i18n.babel import locale_of
from lback.translation import SOURCE_LANGUAGE, Forms, Translations

if TYPE_CHECKING:
    from lback.core.config import Config

FRAMEWORK_CATALOGUES = Path(__file__).with_name("catalogues")
FRAMEWORK_DOMAIN, PROJECT_DOMAIN = "lback", "messages"
# Before the hash at the end of a compiled file, where readers of the format do not look.
_MARK = b"\x00lback-source:"


class CatalogueDirectory(NamedTuple):
    """A directory with catalogues: `<language>/LC_MESSAGES/<domain>.po`.

    Attributes:
        path: The directory.
        domain: Name of the files in it.
    """

    path: Path
    domain: str

    def source(self, code: str) -> Path:
        """Return the path of the source of a language.

        Args:
            code: Tag of the language; its directory is named as gettext does, such as `pt_BR`.
        """
        return self.path / code.replace("-", "_") / "LC_MESSAGES" / f"{self.domain}.po"


def catalogue_directories(config: "Config") -> list[CatalogueDirectory]:
    """Return the directories of an application; a later one takes precedence.

    These are that of the framework, `locale` of each app of `INSTALLED_APPS`, of which the first
    takes precedence as with templates, and `locale` of the project.

    Args:
        config: Settings: `INSTALLED_APPS` and `PROJECT_ROOT`.
    """
    places = [place for app in config.INSTALLED_APPS for place in places_of(app)]
    if config.PROJECT_ROOT:
        places.insert(0, Path(config.PROJECT_ROOT))
    found = [CatalogueDirectory(place / "locale", PROJECT_DOMAIN) for place in reversed(places)]
    return [CatalogueDirectory(FRAMEWORK_CATALOGUES, FRAMEWORK_DOMAIN), *found]


def language_codes(config: "Config") -> tuple[str, ...]:
    """Return the languages of an application, the default one first."""
    return tuple(dict.fromkeys([config.LANGUAGE, *config.LANGUAGES]))


class AppTranslations(Translations):
    """The messages of one language of an application, with its other languages."""

    def __init__(
        self,
        languages: "Languages",
        code: str,
        messages: Mapping[str, str],
        plurals: Mapping[str, Forms],
    ) -> None:
        super().__init__(code, messages, plurals)
        self.find = languages.find


class Languages:
    """The languages of an application. Catalogues are read when a language is first used.

    Args:
        codes: Tags of the languages, the default one first.
        directories: Where catalogues are; a later one takes precedence.
        reload: Read catalogues again when their files change, for development.

    Attributes:
        codes: As given.
        default: The first of the codes.

    Raises:
        ConfigurationError: The extra `i18n` is missing, or a code is unknown to it.
    """

    def __init__(
        self,
        codes: Iterable[str],
        directories: Iterable[CatalogueDirectory] = (),
        *,
        reload: bool = False,
    ) -> None:
        self.codes = tuple(codes)
        self.default = self.codes[0]
        self.directories = list(directories)
        self._by_key = {code.lower(): code for code in self.codes}
        self._by_key.setdefault(SOURCE_LANGUAGE, SOURCE_LANGUAGE)
        self._loaded: dict[str, AppTranslations] = {}
        # The scripts of `lback.i18n.javascript` by language, with the times of their sources.
        self.scripts: dict[str, tuple[object, bytes, str]] = {}
        self._reload = reload
        self._read: dict[str, object] = {}
        for code in self.codes:
            try:
                locale_of(code)
            except ValueError as error:
                raise ConfigurationError(f"LANGUAGES: {error}") from error

    @classmethod
    def of(cls, config: "Config") -> "Languages | None":
        """Return the languages of the settings; None for English alone, which needs nothing.

        Args:
            config: Settings: `LANGUAGE`, `LANGUAGES`, and those of `catalogue_directories`.
        """
        codes = language_codes(config)
        if codes == (SOURCE_LANGUAGE,):
            return None
        return cls(codes, catalogue_directories(config), reload=config.DEBUG)

    def code_of(self, code: str) -> str | None:
        """Return a code as the settings write it, or None if the application does not have it.

        Args:
            code: Tag of a language in any case.
        """
        return self._by_key.get(code.lower())

    def find(self, code: str) -> Translations:
        """Return the messages of a language.

        Args:
            code: Tag of the language in any case.

        Raises:
            ValueError: The application does not have the language.
            ConfigurationError: A catalogue cannot be read.
        """
        known = self.code_of(code)
        if known is None:
            raise ValueError(f"the language {code!r} {known_names(code, self.codes)}")
        if self._reload:
            self._forget_changed(known)
        found = self._loaded.get(known)
        if found is None:
            # Two threads may load it at once; the results are equal.
            found = self._loaded[known] = self._load(known)
        return found

    def _forget_changed(self, code: str) -> None:
        stamps = [(path, path.stat().st_mtime_ns) for path in self.sources(code) if path.is_file()]
        if self._read.get(code) != stamps:
            self._loaded.pop(code, None)
            self._read[code] = stamps

    def sources(self, code: str) -> list[Path]:
        """Return the paths of all sources of a language, which need not exist.

        Args:
            code: Tag of the language. Those of "pt" come before those of "pt-BR".
        """
        parts = code.split("-")
        names = ["-".join(parts[: count + 1]) for count in range(len(parts))]
        return [place.source(name) for place in self.directories for name in names]

    def _load(self, code: str) -> AppTranslations:
        messages: dict[str, str] = {}
        plurals: dict[str, Forms] = {}
        for path in self.sources(code):
            found = read_catalogue(path)
            if found is not None:
                messages |= found.messages
                plurals |= found.plurals
        return AppTranslations(self, code, messages, plurals)


class Messages(NamedTuple):
    """The translated messages of one file."""

    messages: dict[str, str]
    plurals: dict[str, Forms]


def read_catalogue(source: Path) -> Messages | None:
    """Return the translated messages of a catalogue; None if there is none.

    Args:
        source: Path of the `.po` file; the `.mo` file beside it is read if it was compiled from
            it, or if there is no source.

    Raises:
        ConfigurationError: The file is broken, or the source must be compiled and the extra
            `i18n` is missing.
    """
    text = source.read_bytes() if source.is_file() else None
    compiled_file = source.with_suffix(".mo")
    content = compiled_file.read_bytes() if compiled_file.is_file() else None
    if content is None or (text is not None and not content.endswith(_stamp(text))):
        if text is None:
            return None
        content = compile_source(source, text)
    try:
        return _messages(gettext.GNUTranslations(io.BytesIO(content)))
    except (OSError, ValueError, struct.error) as error:
        raise ConfigurationError(
            f"{compiled_file} cannot be read: {error}; write it again with: lback messages compile"
        ) from error


def _stamp(text: bytes) -> bytes:
    return _MARK + hashlib.sha256(text).hexdigest()[:32].encode()


def compile_source(source: Path, text: bytes) -> bytes:
    """Return the content of the `.mo` file for a source, without fuzzy messages.

    Args:
        source: Path of the source, for messages.
        text: Its content.

    Raises:
        ConfigurationError: The source is broken, or the extra `i18n` is missing.
    """
    from lback.i18n.po_files import compiled, parse_source  # they need the extra

    return compiled(parse_source(source, text)) + _stamp(text)


def _messages(found: gettext.GNUTranslations) -> Messages:
    catalogue: Mapping[Any, str] = found._catalog  # type: ignore[attr-defined]  # for one look-up per message
    choose = found.plural  # type: ignore[attr-defined]
    messages: dict[str, str] = {}
    forms: dict[str, dict[int, str]] = {}
    for key, text in catalogue.items():
        if isinstance(key, tuple):
            forms.setdefault(key[0], {})[key[1]] = text
        elif key:
            messages[key] = text
    plurals = {
        key: (choose, tuple(by_index[index] for index in sorted(by_index)))
        for key, by_index in forms.items()
    }
    return Messages(messages, plurals)


def languages_in(directory: CatalogueDirectory) -> Iterator[str]:
    """Yield the tags of the languages that a directory has a catalogue of.

    Args:
        directory: The directory.
    """
    for path in sorted(directory.path.glob(f"*/LC_MESSAGES/{directory.domain}.po")):
        yield path.parents[1].name.replace("_", "-")
