"""Checks catalogues: missing, fuzzy and broken translations."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lback.core.exceptions import ConfigurationError
from lback.i18n.extraction import MessageSource, extract_messages
from lback.i18n.po_files import new_catalogue, parse_source

# Placeholders of `%`, with the letter of the conversion, and those of `str.format`.
_PERCENT = re.compile(r"%\((\w+)\)([#0 +-]*[0-9.]*[a-zA-Z])")
_BRACES = re.compile(r"\{(\w+)(?:![rsa])?(?::[^{}]*)?\}")
# `ngettext` adds it: a form such as "one book" need not show it.
NUMBER = "num"


class MessageProblem(NamedTuple):
    """A problem of a catalogue.

    Attributes:
        path: Path of the `.po` file.
        line: Line of the message, or 0.
        language: Tag of the language.
        message: The message, or empty for a problem of the file.
        kind: "missing", "fuzzy", "placeholders", "plural" or "file".
        problem: What is wrong.
    """

    path: str
    line: int
    language: str
    message: str
    kind: str
    problem: str


def check_catalogue(
    source: MessageSource, code: str, template: Any = None
) -> Iterator[MessageProblem]:
    """Yield the problems of the catalogue of a language.

    Args:
        source: The source of its messages.
        code: Tag of the language.
        template: The messages, as `extract_messages` returned them; None extracts them.
    """
    path = source.catalogues.source(code)
    template = extract_messages(source) if template is None else template
    for kind, text, message in _problems(path, code, template):
        line = getattr(message, "lineno", None) or 0
        yield MessageProblem(str(path), line, code, _shown(message), kind, text)


def _problems(path: Path, code: str, template: Any) -> Iterator[tuple[str, str, Any]]:
    if not path.is_file():
        if len(template):
            yield "file", "the catalogue does not exist; run: lback messages update", None
        return
    try:
        catalogue = parse_source(path)
        wanted = new_catalogue(code)
    except ConfigurationError as error:
        yield "file", str(error), None
        return
    if catalogue.num_plurals != wanted.num_plurals:
        text = (
            f"the header has {catalogue.num_plurals} plural forms, the language has "
            f"{wanted.num_plurals}; write: Plural-Forms: {wanted.plural_forms}"
        )
        yield "plural", text, None
    for message in (one for one in template if one.id):
        found = catalogue.get(message.id, message.context)
        if found is None:
            yield "missing", "the catalogue lacks it; run: lback messages update", message
            continue
        for kind, text in message_problems(found, catalogue.num_plurals):
            yield kind, text, found


def _shown(message: Any) -> str:
    if message is None:
        return ""
    text = message.id[0] if isinstance(message.id, (list, tuple)) else message.id
    return str(text)


def message_problems(message: Any, plurals: int) -> Iterator[tuple[str, str]]:
    """Yield the problems of one message of a catalogue, each with its kind.

    Args:
        message: A message of Babel.
        plurals: Number of plural forms of the catalogue.
    """
    is_plural = isinstance(message.id, (list, tuple))
    forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    if message.fuzzy:
        yield "fuzzy", "the translation is a guess; correct it and remove 'fuzzy'"
    elif not all(forms):
        what = "a plural form" if is_plural and any(forms) else "the translation"
        yield "missing", f"{what} is empty"
    elif is_plural and len(forms) != plurals:
        yield "plural", f"{len(forms)} plural forms, and the language has {plurals}"
    elif not is_plural and len(forms) != 1:
        yield "plural", "several forms of a message that has no plural"
    else:
        for form in forms:
            broken = placeholder_problem(message.id, form)
            if broken:
                yield "placeholders", broken


def placeholder_problem(message: Any, translation: str) -> str:
    """Return what is wrong with the placeholders of a translation, or an empty text.

    Args:
        message: The message; singular and plural of one with plural forms.
        translation: The translation, or one of its forms.
    """
    originals = list(message) if isinstance(message, (list, tuple)) else [message]
    sets = [_placeholders(text) for text in originals]
    allowed = set().union(*sets)
    required = set(sets[0]).intersection(*sets[1:])
    if len(originals) > 1:
        required = {one for one in required if one[0] != NUMBER}
    found = _placeholders(translation)
    unknown, absent = sorted(found - allowed), sorted(required - found)
    if unknown:
        return f"the placeholder {_written(unknown[0])} is not in the message"
    if absent:
        return f"the placeholder {_written(absent[0])} is missing"
    if any(kind != "{}" for _, kind in allowed):
        try:
            translation % defaultdict(int)
        except (TypeError, ValueError) as error:
            return f"a placeholder is broken: {error}; write %% for a percent sign"
    return ""


def _placeholders(text: str) -> set[tuple[str, str]]:
    named = {(name, kind) for name, kind in _PERCENT.findall(text)}
    return named | {(name, "{}") for name in _BRACES.findall(text)}


def _written(placeholder: tuple[str, str]) -> str:
    name, kind = placeholder
    return f"{{{name}}}" if kind == "{}" else f"%({name}){kind}"
