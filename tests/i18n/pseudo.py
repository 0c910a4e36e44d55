"""A pseudo-language: each message of the framework with accents and doubled."""

import re
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Catalog

from lback.i18n.extraction import extract_messages
from lback.i18n.framework import framework_source
from lback.i18n.po_files import write_source

# Esperanto has two plural forms, as English, and no catalogue of the framework.
CODE = "eo"
# What stays as it is: placeholders and tags.
_KEPT = re.compile(r"(%\(\w+\)s|\{\w+\}|<[^<>]*>|%%)")
_ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áƀćđéƒğĥíĵķļḿńőƥɋŕśţúṽŵẍýžÁɃĆĐÉƑĞĤÍĴĶĻḾŃŐƤɊŔŚŢÚṼŴẌÝŽ",
)
SHOWN_ATTRIBUTES = frozenset({"alt", "aria-label", "placeholder", "title", "data-label"})


def accented(message: str) -> str:
    parts = _KEPT.split(message)
    return "".join(p if n % 2 else p.translate(_ACCENTS) for n, p in enumerate(parts))


def pseudo_text(message: str, *, doubled: bool = True) -> str:
    text = accented(message)
    return f"{text} {text}" if doubled and message.strip() else text


def write_pseudo_catalogue(root: Path, *more: str, doubled: bool = True) -> None:
    """Write the catalogue of a project, with messages of its own after those of the framework."""
    catalogue = Catalog(locale=CODE, charset="utf-8", fuzzy=False, header_comment="")
    for message in extract_messages(framework_source()):
        if not message.id:
            continue
        is_plural = not isinstance(message.id, str)
        texts = (message.id,) if isinstance(message.id, str) else message.id
        done = tuple(pseudo_text(text, doubled=doubled) for text in texts)
        catalogue.add(message.id, done if is_plural else done[0], context=message.context)
    for text in more:
        catalogue.add(text, pseudo_text(text, doubled=doubled))
    write_source(root / "locale" / CODE / "LC_MESSAGES" / "messages.po", catalogue)


class VisibleText(HTMLParser):
    """Collects what people see or hear of a page: text, and some attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script"):
            self._skipped += 1
        self.found += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._skipped -= 1

    def handle_data(self, data: str) -> None:
        if not self._skipped and data.strip():
            self.found.append(data.strip())


def visible(page: str) -> list[str]:
    parser = VisibleText()
    parser.feed(page)
    return parser.found


def untranslated(texts: list[str], data: frozenset[str]) -> list[str]:
    """Return the texts with an English word that is not data."""
    words = {text: set(re.findall(r"(?<![\w%])[A-Za-z]{2,}(?![\w])", text)) for text in texts}
    return [text for text, found in words.items() if found - data]
