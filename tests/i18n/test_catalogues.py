"""Reading, writing, updating and checking catalogues."""

import os
from pathlib import Path
from typing import Any

import pytest

from lback.core.exceptions import ConfigurationError
from lback.i18n import gettext, language, ngettext
from lback.i18n.catalogues import CatalogueDirectory, Languages, compile_source, read_catalogue
from lback.i18n.checking import check_catalogue, placeholder_problem
from lback.i18n.extraction import MessageSource, extract_messages, message_sources
from lback.i18n.maintenance import compile_catalogues, update_catalogue, write_template
from lback.translation import CURRENT
from tests.i18n.conftest import ARABIC, Build, write

CODE = """
from lback.i18n import gettext as _, gettext_lazy, ngettext, pgettext

# Translators: on the first page
title = _("Welcome")
label = gettext_lazy("Hello %(name)s")
text = ngettext("%(num)s book", "%(num)s books", 3)
month = pgettext("month", "May")
"""
TEMPLATE = """
{# Translators: a button #}
<button>{{ _("Save") }}</button>
{% trans name=user.name %}
  Dear <b>{{ name }}</b>,
  100%
{% endtrans %}
"""
SCRIPT = 'alert(gettext("From JavaScript")); ngettext("%(num)s file", "%(num)s files", n);\n'


@pytest.fixture
def source(tmp_path: Path) -> Any:
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    (tmp_path / "views.py").write_text(CODE)
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE)
    (tmp_path / "static" / "app.js").write_text(SCRIPT)
    return MessageSource("project", tmp_path, CatalogueDirectory(tmp_path / "locale", "messages"))


def translate(source: MessageSource, code: str, **translations: str) -> Path:
    """Fill in the catalogue of a language by the first word of each message."""
    path = source.catalogues.source(code)
    text = path.read_text(encoding="utf-8")
    for message, translation in translations.items():
        text = text.replace(f'msgid "{message}"\nmsgstr ""', f'msgid "{message}"\n{translation}')
    path.write_text(text, encoding="utf-8")
    return path


def messages_of(path: Path) -> dict[str, str]:
    found = read_catalogue(path)
    assert found is not None
    return found.messages


def problems(source: MessageSource, code: str = "de") -> list[tuple[str, str]]:
    return [(one.kind, one.message) for one in check_catalogue(source, code)]


# Extraction.


def test_messages_are_extracted_from_code_templates_and_scripts(source: MessageSource) -> None:
    found = {message.id: message for message in extract_messages(source) if message.id}
    assert set(found) == {
        "Welcome",
        "Hello %(name)s",
        ("%(num)s book", "%(num)s books"),
        "May",
        "Save",
        "Dear <b>%(name)s</b>, 100%%",
        "From JavaScript",
        ("%(num)s file", "%(num)s files"),
    }
    assert found["Welcome"].auto_comments == ["on the first page"]
    assert found["Save"].auto_comments == ["a button"]
    assert found["May"].context == "month"
    assert found["From JavaScript"].locations[0][0] == "static/app.js"


@pytest.mark.parametrize("name", ["node_modules", ".venv", "migrations", "tests", "locale"])
def test_directories_that_are_not_the_projects_are_skipped(
    source: MessageSource, name: str
) -> None:
    (source.root / name).mkdir()
    (source.root / name / "a.py").write_text('_("Not this")')
    assert "Not this" not in [message.id for message in extract_messages(source)]


def test_a_broken_template_is_named(source: MessageSource) -> None:
    (source.root / "templates" / "broken.html").write_text("{% trans %}")
    with pytest.raises(ConfigurationError, match=r"broken\.html"):
        extract_messages(source)


def test_an_app_with_a_locale_directory_has_its_own_catalogue(
    build: Build, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(project)
    app = project / "shelf18"
    (app / "locale").mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "views.py").write_text('_("Of the app")')
    (project / "views.py").write_text('_("Of the project")')
    config = build(INSTALLED_APPS=["shelf18"]).config
    names = {
        source.name: [message.id for message in extract_messages(source) if message.id]
        for source in message_sources(config)
    }
    assert names == {"project": ["Of the project"], "shelf18": ["Of the app"]}


# Updating.


def test_an_update_keeps_translations_and_comments(source: MessageSource) -> None:
    assert write_template(source).messages == 8
    update_catalogue(source, "de", extract_messages(source))
    path = translate(source, "de", Welcome='msgstr "Willkommen"')
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("#. on the first", "# Checked by Ada\n#. on the first"))
    (source.root / "views.py").write_text(CODE + '\nnew = _("Brand new")\n')
    done = update_catalogue(source, "de", extract_messages(source))
    assert (done.translated, done.missing, done.is_changed) == (1, 8, True)
    text = path.read_text(encoding="utf-8")
    assert 'msgid "Welcome"\nmsgstr "Willkommen"' in text
    assert "# Checked by Ada" in text
    assert 'msgid "Brand new"' in text


def test_a_second_update_changes_nothing(source: MessageSource) -> None:
    template = extract_messages(source)
    assert update_catalogue(source, "pt-BR", template).is_changed
    assert not update_catalogue(source, "pt-BR", template).is_changed
    assert (source.root / "locale" / "pt_BR" / "LC_MESSAGES" / "messages.po").is_file()


def test_moved_lines_change_no_catalogue(source: MessageSource) -> None:
    update_catalogue(source, "de", extract_messages(source))
    (source.root / "views.py").write_text("\n\n\n" + CODE)
    assert not update_catalogue(source, "de", extract_messages(source)).is_changed


def test_unused_messages_are_kept_as_obsolete(source: MessageSource) -> None:
    update_catalogue(source, "de", extract_messages(source))
    translate(source, "de", Welcome='msgstr "Willkommen"')
    (source.root / "views.py").write_text("")
    assert update_catalogue(source, "de", extract_messages(source)).obsolete > 0
    assert '#~ msgstr "Willkommen"' in source.catalogues.source("de").read_text(encoding="utf-8")


# Checks.


def test_missing_translations_are_found(source: MessageSource) -> None:
    assert problems(source) == [("file", "")]
    update_catalogue(source, "de", extract_messages(source))
    assert {kind for kind, _ in problems(source)} == {"missing"}
    (source.root / "views.py").write_text(CODE + '\nnew = _("Brand new")\n')
    assert ("missing", "Brand new") in problems(source)


def test_guesses_are_found(source: MessageSource) -> None:
    update_catalogue(source, "de", extract_messages(source))
    path = translate(source, "de", Save='msgstr "Sichern"')
    path.write_text(path.read_text().replace('msgid "Save"', '#, fuzzy\nmsgid "Save"'))
    assert ("fuzzy", "Save") in problems(source)


def test_wrong_numbers_of_plural_forms_are_found(source: MessageSource) -> None:
    update_catalogue(source, "ar", extract_messages(source))
    path = source.catalogues.source("ar")
    update_catalogue(source, "de", extract_messages(source))
    path.write_bytes(source.catalogues.source("de").read_bytes().replace(b": de", b": ar"))
    assert ("plural", "") in problems(source, "ar")


def test_a_broken_file_is_a_problem(source: MessageSource) -> None:
    update_catalogue(source, "de", extract_messages(source))
    source.catalogues.source("de").write_text("nothing of the kind\n")
    assert [kind for kind, _ in problems(source)] == ["file"]


@pytest.mark.parametrize(
    ("message", "translation", "expected"),
    [
        ("Hello %(name)s", "Hallo %(name)s", ""),
        ("Hello %(name)s", "Hallo", "the placeholder %(name)s is missing"),
        ("Hello %(name)s", "Hallo %(nom)s", "the placeholder %(nom)s is not in the message"),
        ("Hello %(name)s", "Hallo %(name)d", "the placeholder %(name)d is not in the message"),
        ("Hello %(name)s", "Hallo %(name)s 5 %", "a placeholder is broken"),
        ("Hello %(name)s", "Hallo %(name)s 5 %%", ""),
        ("Hello {name}", "Hallo {nom}", "the placeholder {nom} is not in the message"),
        ("Hello {name}", "Hallo {name}", ""),
        ("100 %", "100 %", ""),
        (("%(num)s book", "%(num)s books"), "ein Buch", ""),
        (("%(num)s of %(all)s", "%(num)s of %(all)s"), "ein Buch", "%(all)s is missing"),
        (("One book", "%(num)s books"), "%(num)s Bücher", ""),
    ],
)
def test_broken_placeholders_are_found(message: Any, translation: str, expected: str) -> None:
    found = placeholder_problem(message, translation)
    assert expected in found
    assert bool(found) == bool(expected)


# Reading.


def test_a_compiled_catalogue_is_read_only_if_it_is_of_its_source(tmp_path: Path) -> None:
    path = write(tmp_path, "ar", ARABIC)
    directory = CatalogueDirectory(tmp_path / "locale", "messages")
    compiled = path.with_suffix(".mo")
    assert compile_catalogues(directory) == [(compiled, True)]
    assert compile_catalogues(directory) == [(compiled, False)]
    os.utime(path)  # a checkout may give the source a later time
    compiled.write_bytes(compiled.read_bytes().replace("أهلا".encode(), "اهلا".encode()))
    assert messages_of(path)["Welcome"] == "اهلا"
    path.write_text(ARABIC.strip().replace("أهلا", "مرحبا"), encoding="utf-8")
    assert messages_of(path)["Welcome"] == "مرحبا"
    path.unlink()
    assert messages_of(path)["Welcome"] == "اهلا"


def test_a_compiled_catalogue_holds_no_time(tmp_path: Path) -> None:
    text = b'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    made = compile_source(tmp_path / "de.po", text)
    assert b"POT-Creation-Date: 1970-01-01 00:00+0000" in made


def test_a_broken_compiled_catalogue_is_named(tmp_path: Path) -> None:
    path = tmp_path / "messages.mo"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigurationError, match=r"messages\.mo"):
        read_catalogue(tmp_path / "messages.po")


def test_fuzzy_translations_are_not_used(build: Build) -> None:
    languages = build().dependencies["languages"]
    assert "Guess" not in languages.find("de").messages


def test_arabic_has_six_forms(tmp_path: Path) -> None:
    forms = "".join(f'msgstr[{n}] "form {n}"\n' for n in range(6))
    write(tmp_path, "ar", f'{ARABIC}\nmsgid "%(num)s day"\nmsgid_plural "%(num)s days"\n{forms}')
    languages = Languages(["ar"], [CatalogueDirectory(tmp_path / "locale", "messages")])
    token = CURRENT.set(languages.find("ar"))
    try:
        shown = [ngettext("%(num)s day", "%(num)s days", n) for n in (0, 1, 2, 5, 11, 100)]
    finally:
        CURRENT.reset(token)
    assert shown == [f"form {n}" for n in range(6)]


def test_a_regional_language_falls_back_to_its_language(tmp_path: Path, project: Path) -> None:
    write(project, "de_AT", 'msgid "Welcome"\nmsgstr "Servus"\n')
    languages = Languages(["de-AT"], [CatalogueDirectory(project / "locale", "messages")])
    found = languages.find("de-AT").messages
    assert (found["Welcome"], found["Hello %(name)s"]) == ("Servus", "Hallo %(name)s")


def test_the_project_takes_precedence_over_its_apps(
    build: Build, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(project)
    app = project / "shelf19"
    write(app, "de", 'msgid "Welcome"\nmsgstr "App"\n\nmsgid "Only"\nmsgstr "Nur"\n')
    (app / "__init__.py").touch()
    found = build(INSTALLED_APPS=["shelf19"]).dependencies["languages"].find("de").messages
    assert (found["Welcome"], found["Only"]) == ("Willkommen", "Nur")


def test_changed_catalogues_are_read_again_while_debug_is_on(build: Build, project: Path) -> None:
    path = project / "locale" / "de" / "LC_MESSAGES" / "messages.po"
    debug, production = (
        build(DEBUG=debug, SECRET_KEY="k" * 50).dependencies["languages"] for debug in (True, False)
    )
    before = [one.find("de").messages["Welcome"] for one in (debug, production)]
    path.write_text(path.read_text(encoding="utf-8").replace("Willkommen", "Servus"))
    os.utime(path, ns=(1, 1))
    after = [one.find("de").messages["Welcome"] for one in (debug, production)]
    assert before == ["Willkommen"] * 2
    assert after == ["Servus", "Willkommen"]


def test_an_unknown_language_is_refused(build: Build) -> None:
    languages = build().dependencies["languages"]
    with pytest.raises(ValueError, match="'fr'"):
        languages.find("fr")
    with pytest.raises(ConfigurationError, match="'xx'"):
        Languages(["xx"])
    CURRENT.set(languages.find("de"))
    try:
        with language("ar"):
            assert gettext("Welcome") == "أهلا"
        with pytest.raises(ValueError, match="'fr'"), language("fr"):
            pass
    finally:
        CURRENT.set(None)
