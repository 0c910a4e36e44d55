"""Forms: several fields, validated together and rendered with their errors."""

import copy
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from markupsafe import Markup

from lback.core.exceptions import ValidationError
from lback.core.http.multidict import NoFields
from lback.forms.bound_field import BoundField, Layout, as_block, as_paragraph, as_row
from lback.forms.errors import NON_FIELD, ErrorDict, ErrorList, Invalid, errors_by_field
from lback.forms.field import Field
from lback.forms.markup import Rendered, tag
from lback.forms.widgets import Values

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request

F = TypeVar("F", bound="Form")


class FormOptions(TypedDict, total=False):
    """Options that every form takes besides the submitted data; see `Form`."""

    initial: Mapping[str, object] | None
    prefix: str
    session: "Session | None"


class Form:
    """A form; subclasses declare fields as class attributes.

    A method `clean_<field>` takes the value of its field from `cleaned_data` and returns it;
    `clean` validates the fields together. Both raise `Invalid`, or a `ValidationError` with
    messages by field.

    Args:
        data: The submitted values; `None` for a form that is not submitted yet.
        files: The uploads.
        initial: Initial values, by field.
        prefix: Prefix of all control names, for pages with several forms.
        session: The database session, for fields that query it.

    Attributes:
        fields: Fields by name; copies for this form, which it may change.
        cleaned_data: Values of the valid fields, available after `is_valid()`.

    Raises:
        TypeError: A field has the name of an attribute of forms; raised when the class is made.

    Example:
        >>> from lback.forms import CharField, IntegerField
        >>> class Contact(Form):
        ...     name = CharField(max_length=80)
        ...     age = IntegerField(required=False, min_value=0)
        >>> form = Contact({"name": " Ada ", "age": "36"})
        >>> form.is_valid()
        True
        >>> form.cleaned_data
        {'name': 'Ada', 'age': 36}
        >>> Contact({"name": ""}).errors.as_dict()
        {'name': ['Please fill this in.']}
    """

    declared_fields: ClassVar[dict[str, Field]] = {}
    # False for an empty row of a formset: browsers must not insist on its required fields.
    use_required = True

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        inherited: dict[str, Field] = {}
        for kind in reversed(cls.__mro__[1:]):
            inherited.update(vars(kind).get("declared_fields", {}))
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        # A name that is set to something else removes the field of a base class.
        kept = {name: field for name, field in inherited.items() if name not in vars(cls)}
        _refuse_taken_names(cls, own)
        cls.declared_fields = {**kept, **own}

    def __init__(
        self,
        data: Values | None = None,
        files: Values | None = None,
        *,
        initial: Mapping[str, object] | None = None,
        prefix: str = "",
        session: "Session | None" = None,
    ) -> None:
        if isinstance(data, NoFields):
            raise data.reason
        self.data: Values = {} if data is None else data
        self.files: Values = {} if files is None else files
        self.is_bound = data is not None or files is not None
        self.initial = dict(initial or {})
        self.prefix = prefix
        self.session: Any = session
        self.fields = {name: _own(field) for name, field in self.base_fields().items()}
        for field in self.fields.values():
            field.bind(session)
        self.cleaned_data: dict[str, Any] = {}
        self._errors: ErrorDict | None = None
        self._changed: list[str] | None = None

    @classmethod
    def base_fields(cls) -> Mapping[str, Field]:
        """Return the fields that a form of this class starts with, by name."""
        return cls.declared_fields

    @classmethod
    def of(cls: type[F], request: "Request", **options: Any) -> F:
        """Build the form for a request: with its data for POST, PUT and PATCH, otherwise empty.

        Args:
            request: The current request; method, body, uploads and database session are read.
            **options: Arguments of the constructor, which take precedence.

        Example:
            >>> from lback.forms import CharField
            >>> class Contact(Form):
            ...     name = CharField()
            >>> Contact.of(request).is_bound
            False
        """
        if request.method in ("POST", "PUT", "PATCH"):
            options = {"data": request.DATA, "files": request.files, **options}
        if "session" not in options and request.db_session is not None:
            options["session"] = request.db_session
        return cls(**options)

    # Values.

    def add_prefix(self, name: str) -> str:
        """Return the control name of a field: its name, after the prefix of the form and a hyphen.

        Args:
            name: Name of the field.
        """
        return f"{self.prefix}-{name}" if self.prefix else name

    def initial_of(self, name: str) -> Any:
        """Return the initial value of a field: that of the form, or else that of the field.

        Args:
            name: Name of the field.
        """
        value = self.initial.get(name, self.fields[name].initial)
        return value() if callable(value) else value

    def raw_of(self, name: str) -> Any:
        """Return the submitted value of a field, as its widget reads it.

        Args:
            name: Name of the field.
        """
        widget = self.fields[name].widget
        return widget.value_from(self.data, self.files, self.add_prefix(name))

    @property
    def changed_data(self) -> list[str]:
        """The names of the fields for which another value was submitted than they showed."""
        # Fixed by the validation, so that it stays true after a row has got the values.
        return self._find_changed() if self._changed is None else self._changed

    def _find_changed(self) -> list[str]:
        return [
            name
            for name, field in self.fields.items()
            if not field.disabled and field.has_changed(self.initial_of(name), self.raw_of(name))
        ]

    def has_changed(self) -> bool:
        """Return True if any field has changed."""
        return bool(self.changed_data)

    # Validity.

    def is_valid(self) -> bool:
        """Return True if the form was submitted and has no errors.

        The fields are validated the first time; `cleaned_data` and `errors` have the results.
        """
        return self.is_bound and not self.errors

    @property
    def errors(self) -> ErrorDict:
        """Error messages by field, with `__all__` for the form; empty if it was not submitted."""
        if self._errors is None:
            self._errors = ErrorDict()
            if self.is_bound:
                self.full_clean()
        return self._errors

    @property
    def non_field_errors(self) -> ErrorList:
        """Error messages of the form as a whole; usable as attribute and as method."""
        return self.errors.messages_of(NON_FIELD)

    def add_error(self, field: str | None, error: str | Invalid | ValidationError) -> None:
        """Add an error to a field or to the form.

        Args:
            field: Name of a field; `None` for the form as a whole.
            error: A message, or an error with messages.

        Raises:
            ValueError: The field does not exist.
        """
        if isinstance(error, str):
            error = Invalid(error)
        for name, messages in errors_by_field(error, field or NON_FIELD).items():
            if name != NON_FIELD and name not in self.fields:
                near = get_close_matches(name, self.fields, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.fields)}"
                raise ValueError(f"{type(self).__name__} has no field {name!r}; {hint}")
            self.errors.add(name, messages)
            self.cleaned_data.pop(name, None)

    def full_clean(self) -> None:
        """Validate all fields; called once by `errors` and `is_valid`.

        Each field is converted and validated, then passed to `clean_<field>`; `clean` comes last.
        """
        self._errors, self.cleaned_data = ErrorDict(), {}
        self._changed = self._find_changed()
        for name, field in self.fields.items():
            try:
                self._clean_field(name, field)
            except (Invalid, ValidationError) as error:
                self.add_error(name, error)
        try:
            cleaned = self.clean()
        except (Invalid, ValidationError) as error:
            self.add_error(None, error)
        else:
            if cleaned is not None:
                self.cleaned_data = dict(cleaned)

    def _clean_field(self, name: str, field: Field) -> None:
        initial = self.initial_of(name)
        if field.disabled:
            self.cleaned_data[name] = initial
        else:
            self.cleaned_data[name] = field.clean(self.raw_of(name), initial)
        method = getattr(self, f"clean_{name}", None)
        if method is not None:
            self.cleaned_data[name] = method()

    def clean(self) -> Mapping[str, object] | None:
        """Validate the fields together; a hook for subclasses.

        Returns:
            A mapping to replace `cleaned_data`, or `None` to leave it as it is.

        Raises:
            Invalid, ValidationError: A rule is broken.
        """
        return None

    # Rendering.

    def __getitem__(self, name: str) -> BoundField:
        if name not in self.fields:
            near = get_close_matches(name, self.fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"{type(self).__name__} has no field {name!r}{hint}")
        return BoundField(self, name, self.fields[name])

    def __iter__(self) -> Iterator[BoundField]:
        return (self[name] for name in self.fields)

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    @property
    def hidden_fields(self) -> list[BoundField]:
        """The fields that are not visible."""
        return [field for field in self if field.is_hidden]

    @property
    def visible_fields(self) -> list[BoundField]:
        """The fields that are visible."""
        return [field for field in self if not field.is_hidden]

    @property
    def is_multipart(self) -> bool:
        """True if the `<form>` needs `enctype="multipart/form-data"`: it has file fields."""
        return any(field.widget.needs_multipart for field in self.fields.values())

    @property
    def error_summary(self) -> Rendered:
        """The errors of the form as a whole and of its hidden fields, as HTML."""
        messages = [*self.non_field_errors]
        for field in self.hidden_fields:
            messages += [f"{field.label}: {message}" for message in field.errors]
        if not messages:
            return Rendered("")
        return Rendered(tag("div", {"class": "errors", "role": "alert"}, ErrorList(messages)))

    @property
    def as_p(self) -> Rendered:
        """The fields as paragraphs; usable as attribute and as method, like its siblings."""
        return self._laid_out(as_paragraph)

    @property
    def as_div(self) -> Rendered:
        """The fields as `<div>` elements."""
        return self._laid_out(as_block)

    @property
    def as_table(self) -> Rendered:
        """The fields as table rows; the template writes the `<table>` around them."""
        rows = self._rows(as_row)
        hidden = Markup("").join(map(_control, self.hidden_fields))
        if self.error_summary or hidden:
            row = tag("tr", {}, tag("td", {"colspan": 2}, self.error_summary + hidden))
            rows = row + Markup("\n") + rows
        return Rendered(rows)

    def _laid_out(self, layout: Layout) -> Rendered:
        hidden = Markup("").join(map(_control, self.hidden_fields))
        return Rendered(self.error_summary + hidden + self._rows(layout))

    def _rows(self, layout: Layout) -> Markup:
        return Markup("\n").join(layout(field) for field in self.visible_fields)

    def __html__(self) -> str:
        return self.as_div

    def __repr__(self) -> str:
        state = "not sent" if not self.is_bound else "valid" if self.is_valid() else "invalid"
        return f"<{type(self).__name__} {state}: {', '.join(self.fields)}>"


def _control(field: BoundField) -> Markup:
    return Markup("{}").format(field)


def _own(field: Field) -> Field:
    """Return a copy of a field that one form may change without affecting others."""
    own = copy.copy(field)
    own.widget = copy.copy(field.widget)
    return own


def _refuse_taken_names(form: type[Form], fields: Mapping[str, Field]) -> None:
    taken = [name for name in fields if hasattr(Form, name)]
    if taken:
        raise TypeError(
            f"{form.__qualname__} cannot have a field called {', '.join(map(repr, taken))}: "
            "forms have an attribute with that name; rename the field"
        )
