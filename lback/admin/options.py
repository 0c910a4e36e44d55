"""How the admin shows one model: what a project writes in its `admin.py`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lback.forms import ModelForm
from lback.forms.identity import label_of

if TYPE_CHECKING:
    from lback.core.request import Request

A = TypeVar("A", bound=Callable[..., Any])

_LABEL = "_lback_admin_label"
_CONFIRM = "_lback_admin_confirm"
_COLUMN = "_lback_admin_column"


class Inline:
    """Rows of another table that are edited together with a row.

    Args:
        relationship: Name of the one-to-many relationship.
        fields: What is shown of each row; `None` for all.
        extra: Empty rows to be filled in.
        maximum: Rows shown and taken at most.
        can_delete: Whether rows can be removed.
    """

    def __init__(
        self,
        relationship: str,
        *,
        fields: Sequence[str] | None = None,
        extra: int = 1,
        maximum: int = 100,
        can_delete: bool = True,
    ) -> None:
        self.relationship = relationship
        self.fields = fields
        self.extra = extra
        self.maximum = maximum
        self.can_delete = can_delete


class ModelAdmin:
    """Options of one model; a class that inherits from this one is given to `register`.

    A name in the lists below is a column, a relationship, a property of the model, a method of
    this class that takes a row, or a path such as `"author.name"`.

    Attributes:
        slug: Its name in paths and permissions; by default that of the model in lower case.
        label: What one row is called.
        label_plural: What several are called.
        list_columns: Columns of the list; by default the first six.
        list_links: Those of them that lead to the row; by default the first.
        search_columns: Where a search looks: `"title"` for text anywhere in it, `"^title"` for
            its beginning, which an index finds, `"=isbn"` for all of it.
        filters: Columns and relationships that the list can be narrowed by.
        ordering: Columns the list is sorted by, `"-published"` backwards.
        date_hierarchy: A date to go down by: year, month, day.
        page_size: Rows of a page.
        related: Relationships that what a row is called goes by, such as `"author"`: they are
            loaded together with the rows of a list.
        fields: Fields of the form; `None` for all.
        exclude: Fields that it leaves out.
        fieldsets: Pairs of a title and the fields below it; takes the place of `fields`.
        read_only: Fields that are shown and not written.
        form: A `ModelForm` to begin with, for rules and fields of its own.
        inlines: Rows of other tables that are edited together with a row.
        actions: Names of methods that do something to the chosen rows; see `action`.
        export_columns: What is exported; by default `list_columns`. Empty text for no export.
        secret: Fields whose values history and exports never show.
    """

    slug: str = ""
    label: ClassVar[str] = ""
    label_plural: ClassVar[str] = ""
    list_columns: ClassVar[Sequence[str]] = ()
    list_links: ClassVar[Sequence[str]] = ()
    search_columns: ClassVar[Sequence[str]] = ()
    filters: ClassVar[Sequence[str]] = ()
    ordering: ClassVar[Sequence[str]] = ()
    date_hierarchy: ClassVar[str] = ""
    page_size: ClassVar[int] = 50
    related: ClassVar[Sequence[str]] = ()
    fields: ClassVar[Sequence[str] | None] = None
    exclude: ClassVar[Sequence[str]] = ()
    fieldsets: ClassVar[Sequence[tuple[str, Sequence[str]]]] = ()
    read_only: ClassVar[Sequence[str]] = ()
    form: ClassVar[type[ModelForm]] = ModelForm
    inlines: ClassVar[Sequence[Inline]] = ()
    actions: ClassVar[Sequence[str]] = ()
    export_columns: ClassVar[Sequence[str] | None] = None
    secret: ClassVar[Sequence[str]] = ()

    def __init__(self, model: type[Any]) -> None:
        self.model = model

    def label_of(self, row: Any) -> str:
        """Return what a row is called."""
        return label_of(row)

    def allows(self, user: Any, action: str, row: Any = None) -> bool:  # noqa: ARG002  for rules
        """Tell whether somebody may do something: `view`, `add`, `change` or `delete`.

        By default a superuser may, and whoever has the permission `"<slug>.<action>"`. Whoever
        may change rows may see them. The policy of the model (`lback.auth.policies`) is asked
        besides, whatever this returns. A rule of this method that hides rows holds on every page,
        but it is asked row by row: a policy leaves them out in the database.
        """
        wanted = ("view", "change") if action == "view" else (action,)
        return any(user.has_permission(f"{self.slug}.{name}") for name in wanted)

    def allows_write(self, user: Any, action: str, row: Any) -> bool:  # noqa: ARG002  for rules
        """Return True if a user may `change` or `delete` a row, beside what `allows` says.

        A rule that is about writing alone stands here: it leaves what is shown as it is.
        """
        return True

    def fields_read_only(self, user: Any, row: Any) -> Sequence[str]:  # noqa: ARG002  for rules
        """Return the fields that somebody may see and not write; a row of `None` is a new one."""
        return self.read_only

    def before_lock(self, request: "Request", row: Any) -> None:
        """Look at what was sent for a row before the row is locked.

        What is written here in a transaction of its own does not wait for the one of the request,
        which on SQLite is the only one that may write as soon as the row is locked.
        """

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Change a form before it is shown or checked."""

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Look at a valid form before its row is written; `form.add_error` refuses it."""

    def after_save(self, request: "Request", form: ModelForm, *, is_new: bool) -> None:
        """Do more when `form.instance` was written, within the same transaction."""


def action(label: str, *, confirm: bool = False) -> Callable[[A], A]:
    """Make a method of a `ModelAdmin` an action: `method(self, session, rows)`.

    What it returns is told to the user. Every row is entered in the history.

    Args:
        label: What the list calls it.
        confirm: Whether the user is asked first.
    """

    def mark(method: A) -> A:
        setattr(method, _LABEL, label)
        setattr(method, _CONFIRM, confirm)
        return method

    return mark


def column(label: str, *, sort: str = "") -> Callable[[A], A]:
    """Give a method that shows something of a row a label, and a column to be sorted by."""

    def mark(method: A) -> A:
        setattr(method, _COLUMN, (label, sort))
        return method

    return mark


def label_of_action(method: Any) -> str | None:
    """Return what the list calls an action, or `None` for a method that is none."""
    label: str | None = getattr(method, _LABEL, None)
    return label


def asks_first(method: Any) -> bool:
    """Tell whether an action asks before it does something."""
    return bool(getattr(method, _CONFIRM, False))


def column_mark(method: Any) -> tuple[str, str] | None:
    """Return label and sort column of a method that shows something."""
    mark: tuple[str, str] | None = getattr(method, _COLUMN, None)
    return mark
