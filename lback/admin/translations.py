"""Inline rows with the translations of their parent: one for each language, shown in tabs."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.admin.inlines import AdminInlines
from lback.core.exceptions import ConfigurationError
from lback.forms import CharField, ModelForm
from lback.forms.formset import DELETE
from lback.forms.inline_formset import KEY
from lback.forms.widgets import JSONInput, Textarea, TextInput
from lback.translation import get_language, text_direction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.forms.form import Form
    from lback.forms.widgets import Values

_TAG = re.compile(r"[A-Za-z0-9]{1,8}([-_][A-Za-z0-9]{1,8})*")


class TranslationTab(NamedTuple):
    """A language of a row that is edited.

    Attributes:
        code: Tag of the language.
        name: Its name in itself, such as "Deutsch".
        direction: "ltr" or "rtl".
        form: The form of its fields.
        row: The translation, or None if there is none yet.
        has_errors: True if the form was submitted with values that are not valid.
        is_open: True for the tab that is shown first.
        is_fixed: True if the user may not change any field of the translation.
    """

    code: str
    name: str
    direction: str
    form: ModelForm
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
        faulty = [n for n in numbers if self.is_bound and self.errors[n]]
        current = [n for n in numbers if self.codes[n] == get_language()]
        shown_first = next(iter([*faulty, *current, *numbers]), None)
        return [self._tab(number, number in faulty, number == shown_first) for number in numbers]

    def _tab(self, number: int, has_errors: bool, is_open: bool) -> TranslationTab:
        code, form = self.codes[number], self.forms[number]
        assert isinstance(form, ModelForm)  # noqa: S101  for the type checker
        row = self.rows[number] if number < len(self.rows) else None
        name, direction = _name_of(code), text_direction(code)
        is_fixed = not any(name not in (KEY, DELETE) for name in form.fields)
        return TranslationTab(code, name, direction, form, row, has_errors, is_open, is_fixed)


def _name_of(code: str) -> str:
    """Return the name of a language in itself; its tag if it is unknown or Babel is missing."""
    try:
        from lback.i18n.formatting import language_name  # it needs an optional extra

        return language_name(code)
    except (ConfigurationError, ImportError, ValueError):
        return code
