"""Autocomplete: choose a related row by search, or by its key without JavaScript."""

from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from sqlalchemy import ColumnElement, Select, false, or_

from lback.admin.access import address, registry_of, user_of
from lback.admin.registered_model import RegisteredModel
from lback.admin.search import condition
from lback.auth import policies
from lback.database.column_values import compared, python_type_of
from lback.forms import ForeignKeyField, ManyToManyField, ModelForm
from lback.forms.choice_widgets import Select as SelectWidget
from lback.forms.identity import identity_text
from lback.forms.markup import Attributes, tag
from lback.forms.model_fields import Labels
from lback.translation import gettext

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.users import AdminUser

# With more rows, the select list is replaced by a search.
MAX_LISTED = 100
MAX_FOUND = 20


class RowPicker(SelectWidget):
    """Select list of rows; with many rows, a text field for the key with autocomplete.

    Args:
        find: URL that answers searches with JSON.
        browse: URL of the list page, to look up keys without JavaScript.
        attrs: HTML attributes; see `Widget`.
    """

    labels_of: Labels | None = None

    def __init__(self, find: str, browse: str, attrs: Attributes | None = None) -> None:
        super().__init__(attrs)
        self.find = find
        self.browse = browse

    def render(self, name: str, value: object, attrs: Attributes) -> Markup:
        """Return the HTML of the select list, or of the text field and the chosen row.

        Args:
            name: Name of the form field.
            value: Primary key of the chosen row, or None.
            attrs: Further HTML attributes.
        """
        if len(self.choices) <= MAX_LISTED + 1:
            return super().render(name, value, attrs)
        text = self.format(value)
        labels = self.labels_of([text]) if text and self.labels_of is not None else []
        control = tag(
            "input",
            {
                "type": "text",
                **self._attributes(name, attrs),
                "value": text or None,
                "autocomplete": "off",
                "data-find": self.find,
            },
        )
        chosen = tag("span", {"class": "picked"}, labels[0][1] if labels else "")
        link = tag("a", {"href": self.browse, "target": "_blank"}, gettext("Look up the key"))
        return tag("span", {"class": "picker"}, control + Markup(" ") + chosen + " " + link)


def add_autocomplete(request: "Request", form: ModelForm) -> None:
    """Replace the widget of each foreign key to a registered model by a `RowPicker`.

    Args:
        request: The request; its admin user decides which rows are offered.
        form: The form to change.
    """
    registry, user = registry_of(request), user_of(request)
    narrow_rows(form, user)
    for field in form.fields.values():
        if not isinstance(field, (ForeignKeyField, ManyToManyField)):
            continue
        registered = registry.get_registered_model(field.model)
        if registered is not None:
            field.label_of_row = registered.options.label_of
        if isinstance(field, ManyToManyField):
            continue
        field.max_options = MAX_LISTED
        if registered is not None and registered.has_permission(user, "view"):
            field.widget = RowPicker(
                address(request, "admin-find", section=registered.slug),
                address(request, "admin-list", section=registered.slug),
                field.widget.attrs,
            )
        field.bind(form.session)


def narrow_rows(form: ModelForm, user: "AdminUser") -> None:
    """Restrict the choices of relation fields to the rows that a user may read.

    A field whose current row the user may not read is removed, and hidden rows of a many-to-many
    field are kept, so that saving does not drop references that the user does not see.

    Args:
        form: The form to change.
        user: The admin user.
    """
    for name, field in list(form.fields.items()):
        if not isinstance(field, (ForeignKeyField, ManyToManyField)):
            continue
        field.narrow(lambda query: policies.scoped(user, query))
        current = None if form.instance is None else form.initial_of(name)
        if current is None or policies.policy_of(field.model) is None:
            continue
        if isinstance(field, ManyToManyField):
            known = policies.readable(form.session, user, current)
            field.keep([row for row in current if row not in known])
            continue
        row = (
            current if isinstance(current, field.model) else form.session.get(field.model, current)
        )
        if row is not None and not policies.readable(form.session, user, [row]):
            del form.fields[name]


def search_rows(
    session: "Session", registered: RegisteredModel, user: "AdminUser", text: str
) -> list[dict[str, str]]:
    """Return the first rows that match a search and that a user may view.

    Args:
        session: Database session.
        registered: Registered model to search.
        user: The admin user.
        text: Search text. Empty returns the first rows.

    Returns:
        Up to `MAX_FOUND` dicts with "key" and "label".
    """
    query = _searched(session, registered, user, text)
    rows = registered.visible(user, session.scalars(query.limit(MAX_FOUND)).unique().all())
    label_of = registered.options.label_of
    return [{"key": identity_text(row), "label": label_of(row)} for row in rows]


def _searched(
    session: "Session", registered: RegisteredModel, user: "AdminUser", text: str
) -> Select[Any]:
    query = registered.rows(user).order_by(*registered.key).options(*registered.loads)
    plain = [term for term in registered.search if not term.path]
    dialect = session.get_bind().dialect
    found = condition(plain, text, dialect)
    if not text.strip():
        return query
    # The key can be searched even if no search columns are configured.
    by_key = [
        column == compared(column, int(text))
        for column in registered.key
        if _is_integer(column, text)
    ]
    return query.where(or_(false(), *by_key, *([] if found is None else [found])))


def _is_integer(column: ColumnElement[object], text: str) -> bool:
    digits = text.strip()
    return (
        issubclass(python_type_of(column.type), int)
        and digits.isascii()
        and (digits.isdigit() and len(digits) < 19)
    )
