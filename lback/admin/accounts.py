"""Users and roles in the admin: who may do what is looked after there as well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import select

from lback.admin.access import registry_of, user_of
from lback.admin.options import ModelAdmin
from lback.auth import TooManyAttempts, authenticate, keep_signed_in
from lback.core.exceptions import ValidationError
from lback.forms import CharField, CheckboxMultiple, ModelForm, MultipleChoiceField, PasswordInput
from lback.security.passwords import hash_password
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

PASSWORD = "new_password"  # noqa: S105  the name of a field
CURRENT = "current_password"
# Where it is kept for a request that the current password was right, or why it was not.
CHECKED = "admin_current_password_problem"
MORE_RIGHTS = "You may only give what you may do yourself."
ACTIONS = ("view", "add", "change", "delete")


class AccountForm(ModelForm):
    """An account, with a new password that is never shown again."""

    new_password = CharField(
        widget=PasswordInput({"autocomplete": "new-password"}),
        required=False,
        strip=False,
        max_length=1000,
        help_text="Leave it empty to keep the one that is there. A new one ends all sessions.",
    )


class UserAdmin(ModelAdmin):
    """The users of the site."""

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

    def label_of(self, row: Any) -> str:
        """Return the username."""
        return str(row.username)

    def manager(self, request: "Request") -> "AccountManager[Any]":
        """Return who keeps the rules of these accounts."""
        manager: AccountManager[Any] = request.get_service("user_manager")
        return manager

    def fields_read_only(self, user: Any, row: Any) -> Sequence[str]:
        """Return the usual ones; roles are given by superusers alone."""
        fixed = super().fields_read_only(user, row)
        return fixed if user.is_superuser else (*fixed, "roles")

    def allows_write(self, user: Any, action: str, row: Any) -> bool:
        """Return False for an account that may do more than the user."""
        return not may_more(row, user) and super().allows_write(user, action, row)

    def before_lock(self, request: "Request", row: Any) -> None:
        """Check the current password of a user who changes their own account."""
        current = request.POST.get(CURRENT)
        if row is not user_of(request) or not isinstance(current, str) or not current:
            return
        try:
            manager = self.manager(request)
            found = authenticate(request, row.username, current, manager=manager)
            problem = "" if found is row else WRONG_PASSWORD
        except TooManyAttempts as error:
            problem = error.message
        request.set_context(**{CHECKED: problem})

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Ask for a password where there is none yet, and for the current one of one's own."""
        if form.instance is user_of(request) and form.fields:
            form.fields[CURRENT] = CharField(
                widget=PasswordInput({"autocomplete": "current-password"}),
                required=False,
                strip=False,
                max_length=1000,
                help_text="Needed for another password or address of your own account.",
            )
        if form.instance is None and PASSWORD in form.fields:
            form.fields[PASSWORD].required = True
            form.fields[PASSWORD].help_text = ""

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Keep the rules of accounts, and put a new password in place."""
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
        """Keep those signed in who changed their own password."""
        if form.instance is user_of(request) and form.cleaned_data.get(PASSWORD):
            keep_signed_in(request, form.instance)


def may_more(account: Any, user: Any) -> bool:
    """Return True if an account may do something that a user of the admin may not."""
    if user.is_superuser:
        return False
    return getattr(account, "is_superuser", False) or not account.permissions <= user.permissions


def _check_rights(form: ModelForm, user: Any) -> None:
    """Refuse to give an account more than the user may do, however the form came by the field."""
    data = form.cleaned_data
    if user.is_superuser:
        return
    held = {*getattr(form.instance, "roles", ())}
    given = {p.name for role in data.get("roles") or () if role not in held
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
    """The users of the admin. Only a superuser makes others, or changes one."""

    list_columns = ("username", "email", "is_active", "is_superuser", "created_at")
    filters = ("is_active", "is_superuser", "roles")
    fields = (
        "username", "email", "is_active", "is_superuser", "roles", PASSWORD, "created_at",
    )  # fmt: skip
    read_only = ("created_at",)

    def manager(self, request: "Request") -> "AccountManager[Any]":
        """Return who keeps the rules of these accounts."""
        manager: AccountManager[Any] = request.get_service("admin_user_manager")
        return manager

    def fields_read_only(self, user: Any, row: Any) -> Sequence[str]:
        """Return the usual ones; nobody makes themselves a superuser, or stops being one."""
        fixed = super().fields_read_only(user, row)
        own = row is not None and row.id == user.id
        return fixed if user.is_superuser and not own else (*fixed, "is_superuser", "is_active")

    def allows_write(self, user: Any, action: str, row: Any) -> bool:
        """Return False for an account that may do more than the user, and to delete one's own."""
        own = row.id == user.id and action == "delete"
        return not own and super().allows_write(user, action, row)


class RoleForm(ModelForm):
    """A role, with the names of what it permits."""

    allowed = MultipleChoiceField(
        required=False, widget=CheckboxMultiple, label="May", help_text="What this role permits."
    )


class RoleAdmin(ModelAdmin):
    """The roles. Whoever may write them may do everything: superusers alone."""

    list_columns = ("name",)
    search_columns = ("name",)
    ordering = ("name",)
    form = RoleForm
    fields = ("name", "allowed")

    def allows(self, user: Any, action: str, row: Any = None) -> bool:  # noqa: ARG002  a hook
        """Let superusers in."""
        return bool(user.is_superuser)

    def prepare_form(self, request: "Request", form: ModelForm) -> None:
        """Offer the permissions of all sections, and those that were defined elsewhere."""
        sections = registry_of(request).sections.values()
        offered = [f"{one.slug}.{action}" for one in sections for action in ACTIONS]
        defined = form.session.scalars(select(Permission.name).order_by(Permission.name))
        offered += [name for name in defined if name not in offered]
        field = form.fields.get("allowed")
        if field is None:
            return  # the user may see the role and not write it
        assert isinstance(field, MultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(name, name) for name in offered]
        field.bind(form.session)
        if form.instance is not None:
            form.initial["allowed"] = sorted(p.name for p in form.instance.permissions)

    def before_save(self, request: "Request", form: ModelForm) -> None:
        """Refuse a role that permits more than the user may do, where others may write roles."""
        user, chosen = user_of(request), form.cleaned_data.get("allowed", ())
        if not user.is_superuser and not user.permissions.issuperset(chosen):
            form.add_error("allowed", MORE_RIGHTS)

    def after_save(self, request: "Request", form: ModelForm, *, is_new: bool) -> None:  # noqa: ARG002  a hook
        """Give the role what was chosen."""
        if "allowed" not in form.cleaned_data:
            return
        form.instance.permissions = [
            define_permission(form.session, name) for name in form.cleaned_data["allowed"]
        ]


ACCOUNTS = ((AdminUser, AdminUserAdmin), (Role, RoleAdmin))


def register_accounts(registry: "AdminRegistry", user_model: type[Any]) -> None:
    """Show users and roles, each unless a project has registered it with options of its own."""
    for model, options in ((user_model, UserAdmin), *ACCOUNTS):
        if not registry.is_registered(model):
            registry.register(model, options)
