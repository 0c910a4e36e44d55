"""A project with German and Arabic, and an application of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from lback import Application
from lback.time_zones import CURRENT_ZONE
from lback.translation import CURRENT

Build: TypeAlias = Callable[..., Application]

GERMAN = r"""
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "Welcome"
msgstr "Willkommen"

#: static/app.js:3
msgid "Hello %(name)s"
msgstr "Hallo %(name)s"

#: static/app.js:4
msgid "%(num)s book"
msgid_plural "%(num)s books"
msgstr[0] "%(num)s Buch"
msgstr[1] "%(num)s Bücher"

#, fuzzy
msgid "Guess"
msgstr "Falsch"
"""

ARABIC = r"""
msgid ""
msgstr ""
"Language: ar\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5);\n"

msgid "Welcome"
msgstr "أهلا"
"""  # noqa: E501


def write(root: Path, code: str, text: str) -> Path:
    path = root / "locale" / code / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.lstrip(), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def language_as_before() -> Iterator[None]:
    """Forget the language and zone of requests that a test sends without a client."""
    language, zone = CURRENT.set(None), CURRENT_ZONE.set(None)
    yield
    CURRENT.reset(language)
    CURRENT_ZONE.reset(zone)


@pytest.fixture
def project(tmp_path: Path) -> Any:
    write(tmp_path, "de", GERMAN)
    write(tmp_path, "ar", ARABIC)
    (tmp_path / "templates").mkdir()
    return tmp_path


@pytest.fixture
def build(project: Path) -> Any:
    def make(**settings: Any) -> Any:
        given = {"LANGUAGES": ["en", "de", "ar"], "DEBUG": True, "PROJECT_ROOT": str(project)}
        return Application(**{**given, **settings})

    return make
