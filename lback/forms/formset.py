"""Formsets: the same form several times, as the rows of a table are entered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from lback.core.http.multidict import NoFields
from lback.forms.errors import ErrorList
from lback.forms.form import Form
from lback.forms.markup import Rendered, tag
from lback.forms.number_fields import BooleanField
from lback.forms.widgets import Values, last_of

if TYPE_CHECKING:
    from lback.core.request import Request

# The name of the box that removes a row, and what stands for the number of a row to be added.
DELETE = "DELETE"
PLACEHOLDER = "__prefix__"
_COUNT = re.compile(r"[0-9]{1,4}")


class Formset:
    """Several forms of one class.

    Args:
        form_class: The form of one row.
        data: What was sent; `None` for rows to be filled in.
        files: The uploads.
        initial: Values to begin with, one mapping a row.
        prefix: Put before the names of all rows.
        extra: Empty rows after those.
        minimum: Rows that must be filled in.
        maximum: Rows that are taken at most.
        can_delete: Whether a row has a box that removes it.
        session: For fields that ask the database.
    """

    def __init__(
        self,
        form_class: type[Form],
        data: Values | None = None,
        files: Values | None = None,
        *,
        initial: Sequence[Mapping[str, Any]] = (),
        prefix: str = "form",
        extra: int = 1,
        minimum: int = 0,
        maximum: int = 100,
        can_delete: bool = True,
        session: Any = None,
    ) -> None:
        if isinstance(data, NoFields):
            raise data.reason
        self.form_class = form_class
        self.data = data
        self.files = files
        self.is_bound = data is not None or files is not None
        self.prefix = prefix
        self.extra = extra
        self.minimum = minimum
        self.maximum = maximum
        self.can_delete = can_delete
        self.session = session
        self._problems = ErrorList()
        self._checked = False
        self.initial = list(initial)
        self.forms = [self.build_form(number) for number in range(self._count())]

    @classmethod
    def of(cls, request: "Request", form_class: type[Form], **options: Any) -> "Formset":
        """Build the rows for a request; see `Form.of`."""
        if request.method in ("POST", "PUT", "PATCH"):
            options = {"data": request.DATA, "files": request.files, **options}
        if "session" not in options and request.db_session is not None:
            options["session"] = request.db_session
        return cls(form_class, **options)

    def _count(self) -> int:
        if not self.is_bound:
            return min(
                len(self.initial) + max(self.extra, self.minimum - len(self.initial)), self.maximum
            )
        text = str(last_of(self.data or {}, f"{self.prefix}-count") or "")
        if not _COUNT.fullmatch(text):
            self._problems.append("The number of rows is missing; please send the form again.")
            return len(self.initial)
        if int(text) > self.maximum:
            self._problems.append(f"At most {self.maximum} rows are taken at once.")
        return min(int(text), self.maximum)

    # Rows.

    def build_form(self, number: int | str) -> Form:
        """Return the form of one row."""
        held = isinstance(number, int) and number < len(self.initial)
        form = self.form_class(
            self.data if isinstance(number, int) else None,
            self.files if isinstance(number, int) else None,
            prefix=f"{self.prefix}-{number}",
            session=self.session,
            **self.options_of(number),
        )
        form.use_required = held
        if self.can_delete and number != PLACEHOLDER:
            form.fields[DELETE] = BooleanField(label="Remove")
        return form

    def options_of(self, number: int | str) -> dict[str, Any]:
        """Return further arguments for the form of one row."""
        held = isinstance(number, int) and number < len(self.initial)
        return {"initial": self.initial[int(number)]} if held else {}

    @property
    def empty_form(self) -> Form:
        """A row to be added in the browser: `__prefix__` stands for its number."""
        return self.build_form(PLACEHOLDER)

    @property
    def management(self) -> Rendered:
        """The hidden number of rows; the template must show it."""
        name = f"{self.prefix}-count"
        values = {"type": "hidden", "name": name, "id": f"id_{name}", "value": len(self.forms)}
        return Rendered(tag("input", values))

    def is_deleted(self, form: Form) -> bool:
        """Tell whether somebody asked to remove a row."""
        return self.is_bound and DELETE in form.fields and bool(form.raw_of(DELETE))

    def is_unused(self, form: Form) -> bool:
        """Tell whether a row was there to be filled in, and was not."""
        number = self.forms.index(form)
        return number >= len(self.initial) and not form.has_changed()

    @property
    def filled(self) -> list[Form]:
        """The rows that were filled in and are to be kept."""
        return [f for f in self.forms if not self.is_deleted(f) and not self.is_unused(f)]

    # Validity.

    def is_valid(self) -> bool:
        """Tell whether rows were sent and none that counts breaks a rule."""
        if not self.is_bound:
            return False
        # All of them are asked, so that each shows what is wrong with it.
        valid = [form.is_valid() for form in self.filled]
        return all(valid) and not self.non_form_errors

    @property
    def non_form_errors(self) -> ErrorList:
        """What is wrong with the rows together; it may be called or not."""
        if self.is_bound and not self._checked:
            self._checked = True
            if len(self.filled) < self.minimum:
                self._problems.append(f"Please fill in at least {self.minimum} rows.")
            if all(form.is_valid() for form in self.filled):
                self._problems.extend(self.clean())
        return self._problems

    def clean(self) -> list[str]:
        """Check valid rows together, and return what is wrong with them."""
        return []

    @property
    def errors(self) -> list[dict[str, list[str]]]:
        """What is wrong with each row, by field; a row that does not count has no errors."""
        counting = self.filled if self.is_bound else []
        return [form.errors.as_dict() if form in counting else {} for form in self.forms]

    @property
    def cleaned_data(self) -> list[dict[str, Any]]:
        """The values of the rows that are to be kept."""
        rows = [dict(form.cleaned_data) for form in self.filled]
        for row in rows:
            row.pop(DELETE, None)
        return rows

    def __iter__(self) -> Iterator[Form]:
        return iter(self.forms)

    def __len__(self) -> int:
        return len(self.forms)

    @property
    def is_multipart(self) -> bool:
        """Whether the `<form>` needs `enctype="multipart/form-data"`."""
        return self.empty_form.is_multipart

    @property
    def as_div(self) -> Rendered:
        """The number of rows, what is wrong, and each row as blocks in a `<fieldset>`."""
        rows = Markup("\n").join(tag("fieldset", {}, form.as_div) for form in self.forms)
        return Rendered(self.management + escape(self.non_form_errors) + rows)

    def __html__(self) -> str:
        return self.as_div
