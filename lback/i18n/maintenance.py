"""Updates and compiles the catalogues of a source of messages."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lback.i18n.catalogues import CatalogueDirectory, compile_source, languages_in
from lback.i18n.extraction import MessageSource, extract_messages
from lback.i18n.po_files import new_catalogue, parse_source, write_source

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog


class Extracted(NamedTuple):
    """The result of `write_template`.

    Attributes:
        path: Path of the `.pot` file.
        messages: Number of messages in it.
        is_changed: Whether its content has changed.
    """

    path: Path
    messages: int
    is_changed: bool


class Updated(NamedTuple):
    """The result of `update_catalogue`, in numbers of messages.

    Attributes:
        path: Path of the `.po` file.
        language: Tag of the language.
        translated: Those with a translation.
        missing: Those without one.
        fuzzy: Those with a guessed one, which is not used.
        obsolete: Those that the code does not use any more.
        is_changed: Whether the content of the file has changed.
    """

    path: Path
    language: str
    translated: int
    missing: int
    fuzzy: int
    obsolete: int
    is_changed: bool


def write_template(source: MessageSource) -> Extracted:
    """Write the `.pot` file of a source.

    Args:
        source: The source.

    Raises:
        ConfigurationError: A file cannot be parsed.
    """
    catalogue = extract_messages(source)
    return Extracted(source.template, len(catalogue), write_source(source.template, catalogue))


def update_catalogue(source: MessageSource, code: str, template: "Catalog") -> Updated:
    """Bring the catalogue of a language up to date with the messages of a source.

    Translations and the comments of translators stay. Messages that are not used any more are
    kept at the end of the file, marked as obsolete.

    Args:
        source: The source.
        code: Tag of the language.
        template: The messages, as `extract_messages` returned them.

    Raises:
        ConfigurationError: The `.po` file is broken.
    """
    path = source.catalogues.source(code)
    catalogue = parse_source(path) if path.is_file() else new_catalogue(code)
    catalogue.update(template, update_creation_date=False)
    is_changed = write_source(path, catalogue)
    messages = [message for message in catalogue if message.id]
    fuzzy = sum(message.fuzzy for message in messages)
    missing = sum(not _is_translated(message.string) for message in messages)
    return Updated(
        path,
        code,
        len(messages) - fuzzy - missing,
        missing,
        fuzzy,
        len(catalogue.obsolete),
        is_changed,
    )


def _is_translated(text: object) -> bool:
    return all(text) if isinstance(text, (list, tuple)) else bool(text)


def compile_catalogues(directory: CatalogueDirectory) -> list[tuple[Path, bool]]:
    """Write the `.mo` file beside each `.po` file of a directory.

    Args:
        directory: The directory.

    Returns:
        The paths, each with whether its content has changed.

    Raises:
        ConfigurationError: A `.po` file is broken.
    """
    done = []
    for code in languages_in(directory):
        source = directory.source(code)
        content, path = compile_source(source, source.read_bytes()), source.with_suffix(".mo")
        is_changed = not path.is_file() or path.read_bytes() != content
        if is_changed:
            path.write_bytes(content)
        done.append((path, is_changed))
    return done
