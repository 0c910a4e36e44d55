"""Tells listeners which accounts may have lost a right, such as that to stay connected."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, object_session

from lback.users.models import Account
from lback.users.roles import Role

# Called within the transaction, with its session and the account; None stands for all accounts.
Listener = Callable[[Session, "Account | None"], object]

listeners: list[Listener] = []

_OF_ACCOUNTS = ("is_active", "is_superuser", "password_hash", "roles", "session_version")


def note_access_change(session: Session, account: "Account | None") -> None:
    """Call the listeners for an account whose rights were changed by a statement.

    Changes of objects are noted when they are flushed.

    Args:
        session: The session of the transaction.
        account: The account; None if it may be any.
    """
    for listener in listeners:
        listener(session, account)


def _note(changed: object, account: "Account | None") -> None:
    session = object_session(changed)
    if session is not None:
        note_access_change(session, account)


def _account_updated(_: Any, __: Any, account: Account) -> None:
    if listeners and _has_changed(account, _OF_ACCOUNTS):
        _note(account, account)


def _account_deleted(_: Any, __: Any, account: Account) -> None:
    _note(account, account)


def _role_updated(_: Any, __: Any, role: Role) -> None:
    if listeners and _has_changed(role, ("permissions",)):
        _note(role, None)


def _role_deleted(_: Any, __: Any, role: Role) -> None:
    _note(role, None)


def _has_changed(row: object, names: tuple[str, ...]) -> bool:
    attributes = inspect(row).attrs
    return any(name in attributes and attributes[name].history.has_changes() for name in names)


event.listen(Account, "after_update", _account_updated, propagate=True)
event.listen(Account, "after_delete", _account_deleted, propagate=True)
event.listen(Role, "after_update", _role_updated, propagate=True)
event.listen(Role, "after_delete", _role_deleted, propagate=True)
