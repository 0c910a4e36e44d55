"""Messages and labels of forms in the language of the reader."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from lback.forms import (
    BooleanField,
    CharField,
    ChoiceField,
    Form,
    Formset,
    IntegerField,
    Invalid,
    JSONField,
)
from lback.forms.errors import CountedMessage
from lback.forms.file_fields import readable_size
from lback.forms.labels import in_sentence, listed_labels, name_in_sentence
from lback.i18n.catalogues import (
    FRAMEWORK_CATALOGUES,
    FRAMEWORK_DOMAIN,
    CatalogueDirectory,
    Languages,
)
from lback.translation import CURRENT, gettext_lazy

Use: TypeAlias = Callable[[str], AbstractContextManager[None]]
ENGLISH = "Please write at least {limit} characters; you wrote {length}."


@pytest.fixture(scope="module")
def use() -> Use:
    """Use a language of the framework's catalogues: `with use("de"):`."""
    place = CatalogueDirectory(Path(FRAMEWORK_CATALOGUES), FRAMEWORK_DOMAIN)
    languages = Languages(["en", "de", "fr", "es", "ar", "zh"], [place])

    @contextmanager
    def block(code: str) -> Iterator[None]:
        before = CURRENT.set(languages.find(code))
        try:
            yield
        finally:
            CURRENT.reset(before)

    return block


class Size(Enum):
    EXTRA_LARGE = 1


class Order(Form):
    username = CharField(min_length=4)
    amount = IntegerField(min_value=1, label=gettext_lazy("Field"), help_text=gettext_lazy("Save"))
    size = ChoiceField(Size)
    agreed = BooleanField(required=True)


def test_a_message_is_in_the_language_of_its_validation(use: Use) -> None:
    data = {"username": "a", "amount": "0", "size": ""}
    with use("de"):
        form = Order(data)
        errors = form.errors.as_dict()
    assert errors == {
        "username": ["Bitte geben Sie mindestens 4 Zeichen ein; bisher: 1."],
        "amount": ["Bitte geben Sie 1 oder mehr ein."],
        "size": ["Bitte wählen Sie etwas aus."],
        "agreed": ["Bitte kreuzen Sie dieses Feld an, um fortzufahren."],
    }
    assert all(type(text) is str for texts in errors.values() for text in texts)
    assert Order(data).errors["size"] == ["Please choose one."]


def test_labels_are_in_the_language_of_the_page(use: Use) -> None:
    form = Order()
    with use("de"):
        page = str(form.as_div)
    assert ">Benutzername<" in page
    assert ">Feld<" in page
    assert ">Speichern</span>" in page
    assert ">Username<" in str(form.as_div)
    with use("ar"):
        assert "اسم المستخدم" in str(form.as_div)


@pytest.mark.parametrize(
    ("code", "limit", "text"),
    [
        ("en", 1, "Please write at least 1 characters; you wrote 0."),
        ("fr", 1, "Veuillez saisir au moins 1 caractère ; vous en avez saisi 0."),
        ("fr", 2, "Veuillez saisir au moins 2 caractères ; vous en avez saisi 0."),
        ("fr", 1_000_000, "Veuillez saisir au moins 1000000 caractères ; vous en avez saisi 0."),
        ("es", 1, "Escriba al menos 1 carácter; ha escrito 0."),
        ("ar", 2, "يرجى كتابة حرفين (2) على الأقل؛ كتبت 0."),
        ("ar", 5, "يرجى كتابة 5 أحرف على الأقل؛ كتبت 0."),
        ("ar", 20, "يرجى كتابة 20 حرفًا على الأقل؛ كتبت 0."),
        ("ar", 100, "يرجى كتابة 100 حرف على الأقل؛ كتبت 0."),
        ("zh", 1, "请至少输入 1 个字符；您输入了 0 个。"),  # noqa: RUF001  its punctuation is Chinese
    ],
)
def test_a_number_decides_the_form(use: Use, code: str, limit: int, text: str) -> None:
    with use(code):
        assert CountedMessage(ENGLISH, by="limit").format(limit=limit, length=0) == text


def test_a_message_of_the_project_takes_precedence(use: Use) -> None:
    field = CharField(min_length=3, error_messages={"min_length": "Longer than {limit}!"})
    with use("de"), pytest.raises(Invalid, match=r"^Longer than 3!$"):
        field.clean("a")


def test_a_lazy_message_of_a_validator_becomes_text(use: Use) -> None:
    with use("fr"):
        error = Invalid(gettext_lazy("Delete"))
    assert error.messages == ["Supprimer"]
    assert type(error.messages[0]) is str


def test_formsets(use: Use) -> None:
    with use("de"):
        formset = Formset(Order, {"rows-count": "0"}, prefix="rows", minimum=2)
        assert formset.non_form_errors == ["Bitte füllen Sie mindestens 2 Zeilen aus."]


def test_json_and_sizes(use: Use) -> None:
    with use("de"):
        with pytest.raises(Invalid) as caught:
            JSONField().clean("{")
        assert "Zeile 1" in str(caught.value)
        assert readable_size(1) == "1 Byte"
        assert readable_size(2_500_000) == "2.5 MB"
    with use("fr"):
        assert readable_size(2_500_000) == "2.5 Mo"
    assert readable_size(1) == "1 bytes"


def test_names_inside_sentences(use: Use) -> None:
    assert in_sentence("Users") == "users"
    assert listed_labels(["a", "b", "c"]) == "a and b and c"
    assert name_in_sentence("api keys") == "api keys"
    with use("de"):
        assert in_sentence(gettext_lazy("Users")) == "Benutzer"
        assert name_in_sentence("users") == "Benutzer"
        assert listed_labels(["a", "b", "c"]) == "a und b und c"
    with use("fr"):
        assert in_sentence(gettext_lazy("Users")) == "utilisateurs"
        assert name_in_sentence("api keys") == "api keys"


def test_values_of_enumerations(use: Use) -> None:
    field: Any = ChoiceField(Size)
    assert field.choices == [(Size.EXTRA_LARGE, "Extra large")]
