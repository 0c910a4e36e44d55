"""Translations of a row in tabs, one for each language: inline rows, or columns of JSON."""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.admin.inlines import AdminInlines
from lback.core.exceptions import ConfigurationError
from lback.forms import CharField, Form, ModelForm
from lback.forms.formset import DELETE
from lback.forms.identity import mapper_of
from lback.forms.inline_formset import KEY
from lback.forms.model_columns import is_required
from lback.forms.widgets import JSONInput, Textarea, TextInput
from lback.translation import get_language, text_direction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.forms.widgets import Values

_TAG = re.compile(r"[A-Za-z0-9]{1,8}([-_][A-Za-z0-9]{1,8})*")


class TranslationTab(NamedTuple):
    """A language of a row that is edited.

    Attributes:
        code: Tag of the language.
        name: Its name in itself, such as "Deutsch".
        direction: "ltr" or "rtl".
        form: The form of its fields.
        row: The translation; None if there is none yet.
        has_errors: True if the form was submitted with values that are not valid.
        is_open: True for the tab that is shown first.
        is_fixed: True if the user may not change any field of the translation.
    """

    code: str
    name: str
    direction: str
    form: Form
    row: object
    has_errors: bool
    is_open: bool
    is_fixed: bool


class TranslationInlines(AdminInlines):
    """Formset of the translations of a row.

    All rows are loaded for each request, and their controls are named by their languages. Rows in
    other languages than those of the application follow after these.

    Args:
        form_class: `ModelForm` class of the rows.
        data: Submitted data, or None for an unbound formset.
        files: Uploaded files, or None.
        language: Name of the column with the language.
        languages: Tags of the languages of the application, the default one first.
        **options: See `AdminInlines`.
    """

    def __init__(
        self,
        form_class: type[ModelForm],
        data: "Values | None" = None,
        files: "Values | None" = None,
        *,
        language: str,
        languages: Sequence[str],
        **options: Any,
    ) -> None:
        self._language = language
        self._languages = languages
        super().__init__(form_class, data, files, **options)

    @property
    def codes(self) -> list[str]:
        """Tags of the languages of the forms: those of existing rows, then those that are new."""
        known = [self._code_of(row) for row in self.rows]
        return [*known, *(code for code in self._languages if code not in known)]

    def _code_of(self, row: object) -> str:
        return str(getattr(row, self._language))

    def _first_rows(self, session: "Session", maximum: int) -> list[object]:
        rows = super()._first_rows(session, maximum)
        return [row for row in rows if _TAG.fullmatch(self._code_of(row))]

    def _sent_rows(
        self,
        session: "Session",
        data: "Values",  # noqa: ARG002  the names of the controls tell
        prefix: str,  # noqa: ARG002
        maximum: int,
    ) -> list[object]:
        return self._first_rows(session, maximum)

    def _count(self) -> int:
        return len(self.codes) if self.can_add else len(self.rows)

    def prefix_of(self, number: int | str) -> str:
        """Return the prefix of the control names of one language."""
        return super().prefix_of(self.codes[number] if isinstance(number, int) else number)

    def fixed_values(self, number: int | str) -> dict[str, object]:
        """Return the columns of a new row that are not entered: its parent and its language."""
        values = super().fixed_values(number)
        return {**values, self._language: self.codes[number]} if isinstance(number, int) else values

    def build_form(self, number: int | str) -> ModelForm:
        """Return the form of one language, whose texts are marked as written in it."""
        form = super().build_form(number)
        if isinstance(number, int):
            code = self.codes[number]
            marks = {"lang": code, "dir": text_direction(code)}
            for field in form.fields.values():
                widget = field.widget
                is_text = isinstance(widget, (TextInput, Textarea))
                if is_text and isinstance(field, CharField) and not isinstance(widget, JSONInput):
                    widget.attrs = {**marks, **widget.attrs}
        return form

    def label_of(self, form: "Form") -> str:
        """Return the name of a row in the history: its language."""
        return self.codes[self.forms.index(form)]

    @property
    def tabs(self) -> list[TranslationTab]:
        """The languages in the order of the settings, then those of further rows."""
        order = {code: at for at, code in enumerate(self._languages)}
        numbers = sorted(
            range(len(self.forms)), key=lambda n: (order.get(self.codes[n], len(order)), n)
        )
        faulty = {self.codes[n] for n in numbers if self.is_bound and self.errors[n]}
        rows = [*self.rows, *(None for _ in self.forms)]
        return tabs_of([(self.codes[n], self.forms[n], rows[n]) for n in numbers], faulty)


class TranslatedColumns:
    """The texts of columns of JSON that hold one for each language, such as `{"en": "Mug"}`.

    Args:
        model: The mapped class.
        names: Names of the columns.
        data: Submitted data, or None.
        row: The row, or None for a new one.
        languages: Tags of the languages of the application, the default one first.

    Attributes:
        forms: A form for each language, by its tag.
    """

    def __init__(
        self,
        model: type[object],
        names: Sequence[str],
        data: "Values | None",
        *,
        row: object,
        languages: Sequence[str],
    ) -> None:
        self._columns = {name: mapper_of(model).columns[name] for name in names}
        self._stored = {name: _texts_of(row, name) for name in names}
        further = {code for texts in self._stored.values() for code in texts}
        known = [code for code in sorted(further) if _TAG.fullmatch(code)]
        self._default = languages[0]
        codes = dict.fromkeys([*languages, *known] if names else [])
        self.forms = {code: self._build_form(code, data) for code in codes}

    def _build_form(self, code: str, data: "Values | None") -> Form:
        form = Form(data, prefix=f"translated-{code}")
        marks = {"lang": code, "dir": text_direction(code), "rows": 2}
        for name, column in self._columns.items():
            form.fields[name] = CharField(
                widget=Textarea(marks),
                required=code == self._default and is_required(column),
                initial=self._stored[name].get(code, ""),
            )
        return form

    def is_valid(self) -> bool:
        """Return True if all texts are valid. All are validated, to show all errors."""
        return not [code for code, form in self.forms.items() if not form.is_valid()]

    def values(self) -> dict[str, dict[str, str]]:
        """Return the columns that change, with the texts of each language that has one."""
        found = {}
        for name, stored in self._stored.items():
            texts = {code: text for code, text in stored.items() if code not in self.forms}
            for code, form in self.forms.items():
                if form.cleaned_data[name]:
                    texts[code] = form.cleaned_data[name]
            if texts != stored:
                found[name] = texts
        return found

    @property
    def tabs(self) -> list[TranslationTab]:
        """The languages in the order of the settings, then those of further texts."""
        faulty = {code for code, form in self.forms.items() if form.is_bound and form.errors}
        rows = {code for texts in self._stored.values() for code in texts}
        parts = [(code, form, code if code in rows else None) for code, form in self.forms.items()]
        return tabs_of(parts, faulty)


def _texts_of(row: object, name: str) -> dict[str, str]:
    value = None if row is None else getattr(row, name)
    return dict(value) if isinstance(value, dict) else {}


def tabs_of(
    parts: Sequence[tuple[str, Form, object]], faulty: Collection[str]
) -> list[TranslationTab]:
    """Return the tabs of languages; the first one with errors, or the current one, is open.

    Args:
        parts: Tag, form and translation of each language, in order.
        faulty: Tags of the languages with errors.
    """
    codes = [code for code, _, _ in parts]
    current = [code for code in codes if code == get_language()]
    first = next(iter([*(code for code in codes if code in faulty), *current, *codes]), None)
    return [
        TranslationTab(
            code,
            _name_of(code),
            text_direction(code),
            form,
            row,
            has_errors=code in faulty,
            is_open=code == first,
            is_fixed=all(name in (KEY, DELETE) for name in form.fields),
        )
        for code, form, row in parts
    ]


def _name_of(code: str) -> str:
    """Return the name of a language in itself; its tag if it is unknown or Babel is missing."""
    try:
        from lback.i18n.formatting import language_name  # it needs an optional extra

        return language_name(code)
    except (ConfigurationError, ImportError, ValueError):
        return code
