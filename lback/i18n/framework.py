"""The catalogues of the framework itself, for those who work on it: `make messages`."""

import sys
from pathlib import Path

from lback.i18n.catalogues import (
    FRAMEWORK_CATALOGUES,
    FRAMEWORK_DOMAIN,
    CatalogueDirectory,
    languages_in,
)
from lback.i18n.extraction import MessageSource, extract_messages
from lback.i18n.maintenance import compile_catalogues, update_catalogue
from lback.i18n.po_files import write_source

LANGUAGES = ("ar", "de", "es", "fr", "zh")
_PACKAGE = Path(__file__).parents[1]


def framework_source() -> MessageSource:
    """Return the source of the messages of the framework; commands and templates stay English."""
    return MessageSource(
        "lback",
        _PACKAGE,
        CatalogueDirectory(FRAMEWORK_CATALOGUES, FRAMEWORK_DOMAIN),
        (_PACKAGE / "cli", _PACKAGE / "scaffolding"),
        {"CountedMessage": (1, 1)},
    )


def main() -> None:
    """Extract the messages, and update and compile the catalogues."""
    source = framework_source()
    template = extract_messages(source)
    write_source(source.template, template)
    for code in sorted({*LANGUAGES, *languages_in(source.catalogues)}):
        done = update_catalogue(source, code, template)
        sys.stdout.write(
            f"{code}: {done.translated} translated, {done.missing} missing, {done.fuzzy} fuzzy\n"
        )
    compile_catalogues(source.catalogues)


if __name__ == "__main__":
    main()
