"""Formsets: several forms of one class, such as the rows of a table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from lback.core.http.multidict import NoFields
from lback.forms.errors import CountedMessage, ErrorList
from lback.forms.form import Form
from lback.forms.markup import Rendered, tag
from lback.forms.number_fields import BooleanField
from lback.forms.widgets import Values, last_of
from lback.translation import gettext
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from lback.core.request import Request

# The name of the check box that removes a row, and the placeholder for the number of a new row.
DELETE = "DELETE"
PLACEHOLDER = "__prefix__"
AT_MOST = CountedMessage("Please send at most {limit} rows at once.", by="limit")
AT_LEAST = CountedMessage("Please fill in at least {limit} rows.", by="limit")
_COUNT = re.compile(r"[0-9]{1,4}")


class Formset:
    """Several forms of one class.

    Args:
        form_class: The form of one row.
        data: The submitted values; `None` for rows that are not submitted yet.
        files: The uploads.
        initial: Initial values, one mapping for each row.
        prefix: Prefix of all control names.
        extra: Number of empty rows after the initial ones.
        minimum: Minimum number of rows that are filled in.
        maximum: Maximum number of rows.
        can_delete: Whether each row has a check box that removes it.
        session: The database session, for fields that query it.

    Example:
        >>> from lback.forms import CharField
        >>> class Item(Form):
        ...     name = CharField()
        >>> items = Formset(Item, {"form-count": "2", "form-0-name": "pen", "form-1-name": ""})
        >>> items.is_valid()
        True
        >>> items.cleaned_data
        [{'name': 'pen'}]
    """

    def __init__(
        self,
        form_class: type[Form],
        data: Values | None = None,
        files: Values | None = None,
        *,
        initial: Sequence[Mapping[str, object]] = (),
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
        """Build the formset for a request: with its data for POST, PUT and PATCH, otherwise empty.

        Args:
            request: The current request; method, body, uploads and database session are read.
            form_class: The form of one row.
            **options: Arguments of the constructor, which take precedence.
        """
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
            self._problems.append(
                gettext("The number of rows is missing. Please send the form again.")
            )
            return len(self.initial)
        if int(text) > self.maximum:
            self._problems.append(AT_MOST.format(limit=self.maximum))
        return min(int(text), self.maximum)

    # Rows.

    def build_form(self, number: int | str) -> Form:
        """Return the form of one row.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.
        """
        is_initial = isinstance(number, int) and number < len(self.initial)
        form = self.form_class(
            self.data if isinstance(number, int) else None,
            self.files if isinstance(number, int) else None,
            prefix=self.prefix_of(number),
            session=self.session,
            **self.options_of(number),
        )
        form.use_required = is_initial
        if self.can_delete and number != PLACEHOLDER:
            form.fields[DELETE] = BooleanField(label=_("Remove"))
        return form

    def prefix_of(self, number: int | str) -> str:
        """Return the prefix of the control names of one row; a hook for subclasses.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.
        """
        return f"{self.prefix}-{number}"

    def options_of(self, number: int | str) -> dict[str, Any]:
        """Return further constructor arguments for the form of one row; a hook for subclasses.

        Args:
            number: Number of the row, from 0, or `__prefix__` for the empty form.
        """
        is_initial = isinstance(number, int) and number < len(self.initial)
        return {"initial": self.initial[int(number)]} if is_initial else {}

    @property
    def empty_form(self) -> Form:
        """A form to be added by a script: `__prefix__` stands for the number of the row."""
        return self.build_form(PLACEHOLDER)

    @property
    def management(self) -> Rendered:
        """The hidden control with the number of rows; the template must render it."""
        name = f"{self.prefix}-count"
        values = {"type": "hidden", "name": name, "id": f"id_{name}", "value": len(self.forms)}
        return Rendered(tag("input", values))

    def is_deleted(self, form: Form) -> bool:
        """Return True if the check box that removes a row is on.

        Args:
            form: One of the forms of the formset.
        """
        return self.is_bound and DELETE in form.fields and bool(form.raw_of(DELETE))

    def is_unused(self, form: Form) -> bool:
        """Return True if a row was added empty and was left empty.

        Args:
            form: One of the forms of the formset.
        """
        number = self.forms.index(form)
        return number >= len(self.initial) and not form.has_changed()

    @property
    def filled(self) -> list[Form]:
        """The forms of the rows that were filled in and are to be kept."""
        return [f for f in self.forms if not self.is_deleted(f) and not self.is_unused(f)]

    # Validity.

    def is_valid(self) -> bool:
        """Return True if the formset was submitted and its filled rows have no errors.

        Rows that are removed or were left empty are not validated.
        """
        if not self.is_bound:
            return False
        # All of them are validated, so that each shows its errors.
        valid = [form.is_valid() for form in self.filled]
        return all(valid) and not self.non_form_errors

    @property
    def non_form_errors(self) -> ErrorList:
        """Error messages of the rows together; usable as attribute and as method."""
        if self.is_bound and not self._checked:
            self._checked = True
            if len(self.filled) < self.minimum:
                self._problems.append(AT_LEAST.format(limit=self.minimum))
            if all(form.is_valid() for form in self.filled):
                self._problems.extend(self.clean())
        return self._problems

    def clean(self) -> list[str]:
        """Validate the rows together, and return messages; a hook for subclasses."""
        return []

    @property
    def errors(self) -> list[dict[str, list[str]]]:
        """Error messages by field for each row; empty for rows that are removed or unused."""
        counting = self.filled if self.is_bound else []
        return [form.errors.as_dict() if form in counting else {} for form in self.forms]

    @property
    def cleaned_data(self) -> list[dict[str, Any]]:
        """The cleaned values of the rows that are to be kept."""
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
        """True if the `<form>` needs `enctype="multipart/form-data"`."""
        return self.empty_form.is_multipart

    @property
    def as_div(self) -> Rendered:
        """The management control, the errors, and each row in a `<fieldset>`."""
        rows = Markup("\n").join(tag("fieldset", {}, form.as_div) for form in self.forms)
        return Rendered(self.management + escape(self.non_form_errors) + rows)

    def __html__(self) -> str:
        return self.as_div
