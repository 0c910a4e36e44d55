"""Options of a registered model, written by a project in its `admin.py`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lback.forms import ModelForm
from lback.forms.identity import label_of

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.users import AdminUser

A = TypeVar("A", bound=Callable[..., object])

_LABEL = "_lback_admin_label"
_CONFIRM = "_lback_admin_confirm"
_COLUMN = "_lback_admin_column"


class Inline:
    """Rows of a one-to-many relationship, edited on the page of their parent.

    Args:
        relationship: Name of the one-to-many relationship of the parent.
        fields: Fields of each row. None means all that are not secret.
        extra: Number of empty rows.
        maximum: Maximum number of rows shown and accepted.
        can_delete: True if rows can be removed.
        language: Column of each row with the tag of its language. The rows are then translations:
            one for each of `LANGUAGES`, shown in tabs; `extra` is not used. The database must
            admit only one row for each parent and language.

    Example:
        >>> from lback.admin import Inline
        >>> chapters = Inline("chapters", fields=["title"], extra=2)
        >>> texts = Inline("texts", language="language")
    """

    def __init__(
        self,
        relationship: str,
        *,
        fields: Sequence[str] | None = None,
        extra: int = 1,
        maximum: int = 100,
        can_delete: bool = True,
        language: str = "",
    ) -> None:
        self.relationship = relationship
        self.fields = fields
        self.extra = extra
        self.maximum = maximum
        self.can_delete = can_delete
        self.language = language


class ModelAdmin:
    """Options of a registered model. Subclass it and pass the class to `register`.

    A name in the lists below is a column, a relationship, a property of the model, a method of
    this class that takes a row, or a path such as "author.name".

    Attributes:
        slug: Name in URLs and permissions. The default is the model's name in lower case.
        label: Singular name. The default is the model's name in words.
        label_plural: Plural name.
        list_columns: Columns of the list. The default are the first six.
        list_links: Columns that link to the row. The default is the first one.
        search_columns: Columns to search: "title" for a substring match, "^title" for a prefix
            match, which can use an index, "=isbn" for an exact match.
        filters: Columns and relationships to filter by.
        ordering: Columns to sort by, such as "title", or "-published" for descending order.
        date_hierarchy: Date or datetime column to browse by year, month and day.
        page_size: Rows per page, 1 to 500.
        related: Relationships that `label_of` reads, such as "author"; they are loaded together
            with the rows of a list.
        fields: Fields of the form. None means all that are not secret.
        exclude: Fields to leave out of the form.
        fieldsets: Pairs of a title and its fields, in place of `fields`.
        read_only: Fields that are shown but cannot be changed.
        translated: Columns of JSON with a text for each language, such as `{"en": "Mug"}`; shown
            in tabs, one for each of `LANGUAGES`.
        form: `ModelForm` class to extend, for further fields and validation.
        inlines: Related rows that are edited on the same page.
        actions: Names of methods that work on selected rows; see `action`.
        export_columns: Columns of exports. The default is `list_columns`; "" disables exports.
        secret: Fields whose values are never shown in history and exports.

    Example:
        >>> from lback.admin import ModelAdmin
        >>> class BookAdmin(ModelAdmin):
        ...     list_columns = ("title", "author.name", "published")
        ...     search_columns = ("^title", "=isbn")
        ...     ordering = ("-published",)
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
    translated: ClassVar[Sequence[str]] = ()
    form: ClassVar[type[ModelForm]] = ModelForm
    inlines: ClassVar[Sequence[Inline]] = ()
    actions: ClassVar[Sequence[str]] = ()
    export_columns: ClassVar[Sequence[str] | None] = None
    secret: ClassVar[Sequence[str]] = ()

    def __init__(self, model: type[object]) -> None:
        self.model = model

    def label_of(self, row: Any) -> str:
        """Return the label of a row."""
        return label_of(row)

    def allows(self, user: "AdminUser", action: str, row: Any = None) -> bool:  # noqa: ARG002  for rules
        """Return True if a user has a permission.

        By default these are superusers and users with the permission "<slug>.<action>"; the
        permission to change rows includes viewing them. The policy of the model
        (`lback.auth.policies`) is checked in addition. An override that hides rows applies to
        every page, but is called for each row; a policy filters in the database.

        Args:
            user: The admin user.
            action: "view", "add", "change" or "delete".
            row: Row to check. None checks the model as a whole.
        """
        wanted = ("view", "change") if action == "view" else (action,)
        return any(user.has_permission(f"{self.slug}.{name}") for name in wanted)

    def allows_write(self, user: "AdminUser", action: str, row: Any) -> bool:  # noqa: ARG002  for rules
        """Return True if a user may change or delete a row that `allows` permits.

        Override it for rules that restrict writing but not viewing.

        Args:
            user: The admin user.
            action: "change" or "delete".
            row: The row.
        """
        return True

    def fields_read_only(self, user: "AdminUser", row: Any) -> Sequence[str]:  # noqa: ARG002  for rules
        """Return the fields that a user may view but not change.

        Args:
            user: The admin user.
            row: The row, or None for a new one.
        """
        return self.read_only

    def before_lock(self, request: "Request", row: Any) -> None:
        """Process a submitted form before its row is locked.

        Write here in a transaction of your own: once the row is locked, SQLite lets no other
        transaction write until the request ends.

        Args:
            request: The request with the submitted form.
            row: The row, not yet locked.
        """

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Change a form before it is rendered or validated.

        Args:
            request: The request.
            form: The form.
        """

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Process a valid form before its row is saved; `form.add_error` prevents saving.

        Args:
            request: The request.
            form: The valid form.
        """

    def after_save(self, request: "Request", form: ModelForm, *, is_new: bool) -> None:
        """Do further work after `form.instance` was saved, in the same transaction.

        Args:
            request: The request.
            form: The saved form.
            is_new: True if the row was created.
        """


def action(label: str, *, confirm: bool = False) -> Callable[[A], A]:
    """Turn a method `method(self, session, rows)` of a `ModelAdmin` into an action.

    If the method returns text, it is shown to the user. Each row gets an entry in the history.

    Args:
        label: Label in the list.
        confirm: True to ask for confirmation first.

    Example:
        >>> from lback.admin import ModelAdmin, action
        >>> class BookAdmin(ModelAdmin):
        ...     actions = ("publish",)
        ...
        ...     @action("Publish", confirm=True)
        ...     def publish(self, session, rows):
        ...         for book in rows:
        ...             book.is_public = True
        ...         return f"{len(rows)} books published."
    """

    def mark(method: A) -> A:
        setattr(method, _LABEL, label)
        setattr(method, _CONFIRM, confirm)
        return method

    return mark


def column(label: str, *, sort: str = "") -> Callable[[A], A]:
    """Set the label and the sort column of a `ModelAdmin` method used as a list column.

    Args:
        label: Heading of the column.
        sort: Name of the column to sort by. Empty means the column cannot be sorted.

    Example:
        >>> from lback.admin import ModelAdmin, column
        >>> class BookAdmin(ModelAdmin):
        ...     list_columns = ("title", "age")
        ...
        ...     @column("Age in years", sort="published")
        ...     def age(self, row):
        ...         return 2026 - row.published.year
    """

    def mark(method: A) -> A:
        setattr(method, _COLUMN, (label, sort))
        return method

    return mark


def label_of_action(method: object) -> str | None:
    """Return the label of an action, or None if the method is not an action."""
    label: str | None = getattr(method, _LABEL, None)
    return label


def needs_confirmation(method: object) -> bool:
    """Return True if an action asks for confirmation."""
    return bool(getattr(method, _CONFIRM, False))


def column_mark(method: object) -> tuple[str, str] | None:
    """Return label and sort column of a method decorated with `column`, or None."""
    mark: tuple[str, str] | None = getattr(method, _COLUMN, None)
    return mark
