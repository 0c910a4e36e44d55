"""Translation of messages: functions, plural forms, contexts and lazy text."""

import copy
import pickle
from typing import Any

import pytest
from jinja2 import Environment

from lback.core.templates.messages import add_translation
from lback.i18n import (
    LazyText,
    get_language,
    gettext,
    gettext_lazy,
    language,
    ngettext,
    ngettext_lazy,
    npgettext,
    pgettext,
    pgettext_lazy,
    text_direction,
)
from lback.translation import CURRENT, Translations

GERMAN = Translations(
    "de",
    {
        "Save": "Speichern",
        "Hello %(name)s": "Hallo %(name)s",
        "month\x04May": "Mai",
        "Hello <b>%(name)s</b>": "Hallo <b>%(name)s</b>",
        "100%%": "100 %%",
    },
    {
        "%(num)s book": (lambda n: int(n != 1), ("%(num)s Buch", "%(num)s Bücher")),
        "shop\x04%(num)s book": (lambda n: int(n != 1), ("%(num)s Band", "%(num)s Bände")),
        "%(num)s <b>book</b>": (lambda n: int(n != 1), ("%(num)s <b>Buch</b>", "%(num)s B")),
    },
)


@pytest.fixture
def german() -> Any:
    token = CURRENT.set(GERMAN)
    try:
        yield
    finally:
        CURRENT.reset(token)


def rendered(source: str, **values: Any) -> Any:
    environment = Environment(autoescape=True)
    add_translation(environment)
    return environment.from_string(source).render(**values)


def test_without_a_language_messages_are_themselves() -> None:
    assert gettext("Save") == "Save"
    assert gettext("100%") == "100%"
    assert gettext("Hello %(name)s", name="Ada") == "Hello Ada"
    assert ngettext("%(num)s book", "%(num)s books", 1) == "1 book"
    assert ngettext("%(num)s book", "%(num)s books", 0) == "0 books"
    assert pgettext("month", "May") == "May"
    assert npgettext("shop", "%(num)s book", "%(num)s books", 2) == "2 books"
    assert get_language() == "en"


@pytest.mark.usefixtures("german")
def test_messages_of_the_current_language() -> None:
    assert gettext("Save") == "Speichern"
    assert gettext("Unknown") == "Unknown"
    assert gettext("Hello %(name)s", name="Ada") == "Hallo Ada"
    assert ngettext("%(num)s book", "%(num)s books", 1) == "1 Buch"
    assert ngettext("%(num)s book", "%(num)s books", 5, num="fünf") == "fünf Bücher"
    assert pgettext("month", "May") == "Mai"
    assert pgettext("verb", "May") == "May"
    assert npgettext("shop", "%(num)s book", "%(num)s books", 2) == "2 Bände"
    assert get_language() == "de"


def test_a_missing_value_of_a_placeholder_is_an_error() -> None:
    with pytest.raises(KeyError, match="name"):
        gettext("Hello %(name)s", other=1)


def test_language_is_set_and_restored(german: None) -> None:
    with language("en") as code:
        assert (code, get_language(), gettext("Save")) == ("en", "en", "Save")
    assert gettext("Save") == "Speichern"


def test_lazy_text_is_translated_when_it_is_shown() -> None:
    label = gettext_lazy("Save")
    greeting = gettext_lazy("Hello %(name)s", name="Ada")
    books = ngettext_lazy("%(num)s book", "%(num)s books", 2)
    may = pgettext_lazy("month", "May")
    assert (str(label), str(greeting), str(books), str(may)) == (
        "Save", "Hello Ada", "2 books", "May",
    )  # fmt: skip
    CURRENT.set(GERMAN)
    try:
        assert (str(label), str(greeting), str(books), str(may)) == (
            "Speichern", "Hallo Ada", "2 Bücher", "Mai",
        )  # fmt: skip
        assert f"{label}!" == label + "!" == "%s!" % label == "Speichern!"  # noqa: UP031
        assert "!" + label == "!Speichern"
        assert (label.upper(), len(label), label[0], list(label)[-1]) == ("SPEICHERN", 9, "S", "n")
        assert "{} {}".format(label, 1) == "Speichern 1"  # noqa: UP032
    finally:
        CURRENT.set(None)


def test_lazy_text_compares_and_hashes_as_its_message(german: None) -> None:
    label = gettext_lazy("Save")
    assert label == "Save"
    assert {label: 1}["Save"] == 1
    assert isinstance(label, LazyText)


def test_lazy_text_survives_copies_and_pickles(german: None) -> None:
    label = gettext_lazy("Save")
    assert str(copy.deepcopy(label)) == str(pickle.loads(pickle.dumps(label))) == "Speichern"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ar", "rtl"), ("he-IL", "rtl"), ("de", "ltr"), ("az-Arab", "rtl"), ("ks-Deva", "ltr")],
)
def test_text_direction(code: str, expected: str) -> None:
    assert text_direction(code) == expected


@pytest.mark.usefixtures("german")
def test_messages_in_templates_are_translated_and_escaped() -> None:
    assert rendered("{{ _('Save') }}") == "Speichern"
    assert rendered("{{ _('Hello %(name)s', name=name) }}", name="<b>") == "Hallo &lt;b&gt;"
    source = "{% trans name=name %}Hello <b>{{ name }}</b>{% endtrans %}"
    assert rendered(source, name="<i>") == "Hallo <b>&lt;i&gt;</b>"
    assert rendered("{% trans 'month' %}May{% endtrans %}") == "Mai"
    assert rendered("{% trans %}100%{% endtrans %}") == "100 %"
    source = "{% trans num=n %}{{ num }} <b>book</b>{% pluralize %}{{ num }} books{% endtrans %}"
    assert rendered(source, n=1) == "1 <b>Buch</b>"
    assert rendered("{{ get_language() }} {{ text_direction() }}") == "de ltr"


def test_markup_in_a_message_of_a_function_is_escaped() -> None:
    assert rendered("{{ _(name) }}", name="<script>") == "&lt;script&gt;"


def test_a_placeholder_of_the_tag_may_be_a_message_itself(german: None) -> None:
    source = "{% trans what=_('Save') %}Now: {{ what }}{% endtrans %}"
    assert rendered(source) == "Now: Speichern"
