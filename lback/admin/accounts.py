"""Admin options for users, admin users and roles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import select

from lback.admin.access import registry_of, user_of
from lback.admin.options import ModelAdmin
from lback.auth import TooManyAttempts, authenticate, keep_signed_in
from lback.core.exceptions import ValidationError
from lback.forms import CharField, CheckboxMultiple, ModelForm, MultipleChoiceField, PasswordInput
from lback.security.passwords import hash_password
from lback.translation import gettext
from lback.translation import gettext_lazy as _
from lback.users import AdminUser, Permission, Role
from lback.users.account_lock import end_api_keys, end_sessions
from lback.users.account_rules import email_problem, username_problem
from lback.users.manager import TAKEN, WRONG_PASSWORD
from lback.users.models import clean_email
from lback.users.roles import define_permission

if TYPE_CHECKING:
    from lback.admin.registry import AdminRegistry
    from lback.core.request import Request
    from lback.users import AccountManager
    from lback.users.models import Account

PASSWORD = "new_password"  # noqa: S105  the name of a field
CURRENT = "current_password"
# Key in the request context: the error message for the current password, "" if it is correct.
CHECKED = "admin_current_password_problem"
MORE_RIGHTS = _("You can only grant permissions that you have yourself.")
ACTIONS = ("view", "add", "change", "delete")


class AccountForm(ModelForm):
    """Form of an account, with a write-only field for a new password."""

    new_password = CharField(
        widget=PasswordInput({"autocomplete": "new-password"}),
        required=False,
        strip=False,
        max_length=1000,
        help_text=_("Leave empty to keep the current password. A new one ends all sessions."),
    )


class UserAdmin(ModelAdmin):
    """Options of the users of the site."""

    list_columns: ClassVar[Sequence[str]] = ("username", "email", "is_active", "created_at")
    search_columns: ClassVar[Sequence[str]] = ("^username", "^email")
    filters: ClassVar[Sequence[str]] = ("is_active", "roles")
    ordering: ClassVar[Sequence[str]] = ("-created_at",)
    form: ClassVar[type[ModelForm]] = AccountForm
    fields: ClassVar[Sequence[str] | None] = (
        "username", "email", "is_active", "roles", PASSWORD, "email_verified_at",
        "created_at",
    )  # fmt: skip
    read_only: ClassVar[Sequence[str]] = ("email_verified_at", "created_at")

    def label_of(self, row: "Account") -> str:
        """Return the username."""
        return str(row.username)

    def manager(self, request: "Request") -> "AccountManager[Any]":
        """Return the manager of these accounts."""
        manager: AccountManager[Any] = request.get_service("user_manager")
        return manager

    def fields_read_only(self, user: "AdminUser", row: object) -> Sequence[str]:
        """Return the read-only fields, with `roles` unless the user is a superuser.

        Args:
            user: The admin user.
            row: The account, or None for a new one.
        """
        fixed = super().fields_read_only(user, row)
        return fixed if user.is_superuser else (*fixed, "roles")

    def allows_write(self, user: "AdminUser", action: str, row: AdminUser) -> bool:
        """Return False for an account with more permissions than the user.

        Args:
            user: The admin user.
            action: "change" or "delete".
            row: The account.
        """
        return not may_more(row, user) and super().allows_write(user, action, row)

    def before_lock(self, request: "Request", row: object) -> None:
        """Check the current password if users change their own account.

        Args:
            request: The submitted form.
            row: The account.
        """
        current = request.POST.get(CURRENT)
        if row is not user_of(request) or not isinstance(current, str) or not current:
            return
        try:
            manager = self.manager(request)
            found = authenticate(request, row.username, current, manager=manager)
            problem = "" if found is row else str(WRONG_PASSWORD)
        except TooManyAttempts as error:
            problem = gettext(error.message)
        request.set_context(**{CHECKED: problem})

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Require a password for a new account, and the current one for the user's own account.

        Args:
            request: The request.
            form: The form of the account.
        """
        if form.instance is user_of(request) and form.fields:
            form.fields[CURRENT] = CharField(
                widget=PasswordInput({"autocomplete": "current-password"}),
                required=False,
                strip=False,
                max_length=1000,
                help_text=_(
                    "Required to change the password or email address of your own account."
                ),
            )
        if form.instance is None and PASSWORD in form.fields:
            form.fields[PASSWORD].required = True
            form.fields[PASSWORD].help_text = ""

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Check the rules of accounts, and set a new password.

        Args:
            request: The request.
            form: The valid form; problems are added as errors.
        """
        data, row, manager = form.cleaned_data, form.instance, self.manager(request)
        username = data.get("username", getattr(row, "username", ""))
        email = clean_email(data.get("email", getattr(row, "email", None)))
        problems = {
            "username": username_problem(username, email) or self._taken(form, username, manager),
            "email": email_problem(email) or self._taken_email(form, email, manager),
        }
        for name, problem in problems.items():
            if problem is not None:
                form.add_error(name, problem)
        if "email" in data:
            data["email"] = email
        self._check_password(form, manager, username, email)
        _check_rights(form, user_of(request))
        if row is user_of(request) and (data.get(PASSWORD) or "email" in form.changed_data):
            problem = request.get_context(CHECKED, WRONG_PASSWORD)
            if problem:
                form.add_error(CURRENT, problem)
        if form.is_valid():
            _apply(form, data.get(PASSWORD))

    def _taken(self, form: ModelForm, username: str, manager: "AccountManager[Any]") -> str | None:
        other = manager.get_by_username(form.session, username)
        return TAKEN["username"] if other is not None and other is not form.instance else None

    def _taken_email(
        self, form: ModelForm, email: str | None, manager: "AccountManager[Any]"
    ) -> str | None:
        other = None if email is None else manager.get_by_email(form.session, email)
        return TAKEN["email"] if other is not None and other is not form.instance else None

    def _check_password(
        self, form: ModelForm, manager: "AccountManager[Any]", *about: str | None
    ) -> None:
        password = form.cleaned_data.get(PASSWORD)
        if not password:
            return
        try:
            manager.check_password(password, *about)
        except ValidationError as error:
            for messages in error.errors.values():
                for message in messages:
                    form.add_error(PASSWORD, message)

    def after_save(self, request: "Request", form: ModelForm, *, is_new: bool) -> None:  # noqa: ARG002  a hook
        """Keep users signed in who changed their own password.

        Args:
            request: The request.
            form: The saved form.
            is_new: True if the account was created.
        """
        if form.instance is user_of(request) and form.cleaned_data.get(PASSWORD):
            keep_signed_in(request, form.instance)


def may_more(account: "Account", user: "AdminUser") -> bool:
    """Return True if an account has a permission that an admin user lacks.

    Args:
        account: A user or an admin user.
        user: The admin user who edits.
    """
    if user.is_superuser:
        return False
    return getattr(account, "is_superuser", False) or not account.permissions <= user.permissions


def _check_rights(form: ModelForm, user: "AdminUser") -> None:
    """Add an error if the form grants permissions that the user lacks."""
    data = form.cleaned_data
    if user.is_superuser:
        return
    current_roles = {*getattr(form.instance, "roles", ())}
    given = {p.name for role in data.get("roles") or () if role not in current_roles
             for p in role.permissions}  # fmt: skip
    if not given <= user.permissions:
        form.add_error("roles", MORE_RIGHTS)
    if data.get("is_superuser"):
        form.add_error("is_superuser", MORE_RIGHTS)


def _apply(form: ModelForm, password: str | None) -> None:
    row = form.instance
    if row is None:
        form.fixed["password_hash"] = hash_password(password or "")
        return
    if password:
        row.password_hash = hash_password(password)
        end_api_keys(row)
    if password or (row.is_active and not form.cleaned_data.get("is_active", True)):
        end_sessions(form.session, row)
    if "email" in form.changed_data:
        row.email_verified_at = None


class AdminUserAdmin(UserAdmin):
    """Options of the admin users. Only superusers can grant or remove superuser rights."""

    list_columns = ("username", "email", "is_active", "is_superuser", "created_at")
    filters = ("is_active", "is_superuser", "roles")
    fields = (
        "username", "email", "is_active", "is_superuser", "roles", PASSWORD, "created_at",
    )  # fmt: skip
    read_only = ("created_at",)

    def manager(self, request: "Request") -> "AccountManager[Any]":
        """Return the manager of these accounts."""
        manager: AccountManager[Any] = request.get_service("admin_user_manager")
        return manager

    def fields_read_only(self, user: "AdminUser", row: Any) -> Sequence[str]:
        """Return the read-only fields; users cannot change their own superuser or active flag.

        Args:
            user: The admin user.
            row: The account, or None for a new one.
        """
        fixed = super().fields_read_only(user, row)
        own = row is not None and row.id == user.id
        return fixed if user.is_superuser and not own else (*fixed, "is_superuser", "is_active")

    def allows_write(self, user: "AdminUser", action: str, row: AdminUser) -> bool:
        """Return False for an account with more permissions, and for deleting the own account.

        Args:
            user: The admin user.
            action: "change" or "delete".
            row: The account.
        """
        own = row.id == user.id and action == "delete"
        return not own and super().allows_write(user, action, row)


class RoleForm(ModelForm):
    """Form of a role, with the names of its permissions."""

    allowed = MultipleChoiceField(
        required=False,
        widget=CheckboxMultiple,
        label=_("Permissions"),
        help_text=_("What users with this role can do."),
    )


class RoleAdmin(ModelAdmin):
    """Options of the roles; only superusers may view and edit them."""

    list_columns = ("name",)
    search_columns = ("name",)
    ordering = ("name",)
    form = RoleForm
    fields = ("name", "allowed")

    def allows(self, user: "AdminUser", action: str, row: object = None) -> bool:  # noqa: ARG002  a hook
        """Return True for superusers.

        Args:
            user: The admin user.
            action: "view", "add", "change" or "delete".
            row: The role, or None.
        """
        return bool(user.is_superuser)

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Offer the permissions of all registered models and those defined in the database.

        Args:
            request: The request.
            form: The form of the role.
        """
        registered_models = registry_of(request).registered_models.values()
        offered = [
            f"{registered.slug}.{action}" for registered in registered_models for action in ACTIONS
        ]
        defined = form.session.scalars(select(Permission.name).order_by(Permission.name))
        offered += [name for name in defined if name not in offered]
        field = form.fields.get("allowed")
        if field is None:
            return  # the user may view but not change the role
        assert isinstance(field, MultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(name, name) for name in offered]
        field.bind(form.session)
        if form.instance is not None:
            form.initial["allowed"] = sorted(p.name for p in form.instance.permissions)

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Refuse permissions that the user lacks, if a subclass lets others edit roles.

        Args:
            request: The request.
            form: The valid form; a problem is added as an error.
        """
        user, chosen = user_of(request), form.cleaned_data.get("allowed", ())
        if not user.is_superuser and not user.permissions.issuperset(chosen):
            form.add_error("allowed", MORE_RIGHTS)

    def after_save(self, request: "Request", form: ModelForm, *, is_new: bool) -> None:  # noqa: ARG002  a hook
        """Store the chosen permissions.

        Args:
            request: The request.
            form: The saved form.
            is_new: True if the role was created.
        """
        if "allowed" not in form.cleaned_data:
            return
        form.instance.permissions = [
            define_permission(form.session, name) for name in form.cleaned_data["allowed"]
        ]


ACCOUNTS = ((AdminUser, AdminUserAdmin), (Role, RoleAdmin))


def register_accounts(registry: "AdminRegistry", user_model: type[object]) -> None:
    """Register users, admin users and roles, unless the project has registered them itself.

    Args:
        registry: Registry to add to.
        user_model: User model of the site.
    """
    for model, options in ((user_model, UserAdmin), *ACCOUNTS):
        if not registry.is_registered(model):
            registry.register(model, options)
