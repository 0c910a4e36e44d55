"""Pickers: choosing a row of another table out of many, by search where there is a script."""

from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from sqlalchemy import Select, false, or_

from lback.admin.access import address, registry_of, user_of
from lback.admin.registered_model import RegisteredModel
from lback.admin.search import condition
from lback.auth import policies
from lback.forms import ForeignKeyField, ManyToManyField, ModelForm
from lback.forms.choice_widgets import Select as SelectWidget
from lback.forms.identity import compared, identity_text, python_type_of
from lback.forms.markup import Attributes, tag
from lback.forms.model_fields import Labels

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request

# More than this are searched for instead of being listed.
MAX_LISTED = 100
MAX_FOUND = 20


class RowPicker(SelectWidget):
    """A list of rows; where there are many, a field for the key that a script makes a search.

    Args:
        find: Address that answers searches.
        browse: Address of the list, where keys are found without a script.
        attrs: See `Widget`.
    """

    labels_of: Labels | None = None

    def __init__(self, find: str, browse: str, attrs: Attributes | None = None) -> None:
        super().__init__(attrs)
        self.find = find
        self.browse = browse

    def render(self, name: str, value: Any, attrs: Attributes) -> Markup:
        """Return the list, or the field with what is chosen beside it."""
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
        link = tag("a", {"href": self.browse, "target": "_blank"}, "Look up the key")
        return tag("span", {"class": "picker"}, control + Markup(" ") + chosen + " " + link)


def add_autocomplete(request: "Request", form: ModelForm) -> None:
    """Give each field that chooses a row of a section a picker."""
    registry, user = registry_of(request), user_of(request)
    narrow_rows(form, user)
    for field in form.fields.values():
        if not isinstance(field, (ForeignKeyField, ManyToManyField)):
            continue
        section = registry.get_registered_model(field.model)
        if section is not None:
            field.label_of_row = section.options.label_of
        if isinstance(field, ManyToManyField):
            continue
        field.max_options = MAX_LISTED
        if section is not None and section.has_permission(user, "view"):
            field.widget = RowPicker(
                address(request, "admin-find", section=section.slug),
                address(request, "admin-list", section=section.slug),
                field.widget.attrs,
            )
        field.bind(form.session)


def narrow_rows(form: ModelForm, user: Any) -> None:
    """Offer a user only the rows that they may read.

    A field whose row is hidden from them is left out, and what is hidden in a list is kept: else
    saving the form would take away a reference that the user does not even see.
    """
    for name, field in list(form.fields.items()):
        if not isinstance(field, (ForeignKeyField, ManyToManyField)):
            continue
        field.narrow(lambda query: policies.scoped(user, query))
        held = None if form.instance is None else form.initial_of(name)
        if held is None or policies.policy_of(field.model) is None:
            continue
        if isinstance(field, ManyToManyField):
            known = policies.readable(form.session, user, held)
            field.keep([row for row in held if row not in known])
            continue
        row = held if isinstance(held, field.model) else form.session.get(field.model, held)
        if row is not None and not policies.readable(form.session, user, [row]):
            del form.fields[name]


def found_rows(
    session: "Session", section: RegisteredModel, user: Any, text: str
) -> list[dict[str, str]]:
    """Return the keys and labels of the first rows that a search finds and a user may see."""
    query = _searched(session, section, user, text)
    rows = section.visible(user, session.scalars(query.limit(MAX_FOUND)).unique().all())
    label_of = section.options.label_of
    return [{"key": identity_text(row), "label": label_of(row)} for row in rows]


def _searched(session: "Session", section: RegisteredModel, user: Any, text: str) -> Select[Any]:
    query = section.rows(user).order_by(*section.key).options(*section.loads)
    plain = [term for term in section.search if not term.path]
    dialect = session.get_bind().dialect
    found = condition(plain, text, dialect)
    if not text.strip():
        return query
    # Without a column to search there is the key.
    by_key = [
        column == compared(column, int(text)) for column in section.key if _is_integer(column, text)
    ]
    return query.where(or_(false(), *by_key, *([] if found is None else [found])))


def _is_integer(column: Any, text: str) -> bool:
    digits = text.strip()
    return (
        issubclass(python_type_of(column.type), int)
        and digits.isascii()
        and (digits.isdigit() and len(digits) < 19)
    )
