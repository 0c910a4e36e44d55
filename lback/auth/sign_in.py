"""Signing in and out: who a session belongs to, and when it stops to."""

import logging
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import ConfigurationError
from lback.core.http.app_session import CSRF_KEY
from lback.sessions.messages import session_of

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.types import AppSession
    from lback.sessions import SessionManager
    from lback.users import Account, AccountManager

logger = logging.getLogger(__name__)

USER, ADMIN_USER = "user", "admin_user"
_KEYS = {USER: "_user", ADMIN_USER: "_admin_user"}
# Where cookies for devices wait, in the environ of a request; see `lback.auth.devices`.
DEVICE_COOKIES = "lback.device_cookies"
# Whose password was right in this request, as `lback.auth.authenticate` left it in the environ.
PASSWORD_CHECKED = "lback.password_checked"  # noqa: S105  the name of a place


def login(request: "Request", account: "Account") -> None:
    """Sign an account in for this session: from now on it is `request.user`.

    The session gets a new id, so that one that was known before is worth nothing, and begins
    its life anew. What an earlier user of the session left in it is forgotten; what a visitor
    left who was not signed in, such as a cart, stays. A user of the admin is no user of the
    site: it becomes `request.get_context("admin_user")`.

    Signals: `user_logged_in`, with `request` and `user`.

    Raises:
        ConfigurationError: No middleware brings a session.
        ValueError: The account was not stored yet, or is not active.
    """
    if account.id is None or not account.is_active:
        state = "is not stored: flush it first" if account.id is None else "is not active"
        raise ValueError(f"{account!r} cannot sign in: it {state}")
    session, manager = session_of(request), _session_manager(request)
    name = name_of(account)
    key = _KEYS[name]
    held = session.get(key)
    if held is not None and held[0] != account.id:
        manager.end(session)
    else:
        manager.rotate(session, restart=True)
    # A visitor who knew the session before must not know the CSRF secret of this one.
    session.delete(CSRF_KEY)
    begin(session, account)
    request.set_context(**{name: account})
    if request.environ.get(PASSWORD_CHECKED) is account:
        # An import here, because most requests are no sign-in.
        from lback.auth.devices import remember_device

        remember_device(request, account)
    logger.info("%r signed in", account)
    _tell(request, "user_logged_in", account)


def begin(session: "AppSession", account: "Account") -> None:
    """Write into a session whose it is."""
    session[_KEYS[name_of(account)]] = [account.id, account.session_version]


def logout(request: "Request") -> None:
    """Sign out whoever is signed in: the session ends with all that is in it.

    Signals: `user_logged_out`, with `request` and `user`, if somebody was signed in.

    Raises:
        ConfigurationError: No middleware brings a session.
    """
    session = session_of(request)
    account = request.user or request.get_context(ADMIN_USER)
    _session_manager(request).end(session)
    request.set_context(user=None, admin_user=None)
    if account is not None:
        logger.info("%r signed out", account)
        _tell(request, "user_logged_out", account)


def logout_everywhere(request: "Request", account: "Account") -> None:
    """End all sessions of an account, wherever they are; this one too if it is its own.

    Nothing else than the account is written: a session knows the number it was begun under.

    Signals: as `logout`, for this session.
    """
    # An import here, because most requests need no library of the database for their session.
    from lback.users.account_lock import end_sessions

    end_sessions(database_session(request), account)
    if request.session is not None and _is_signed_in(request, account):
        logout(request)


def keep_signed_in(request: "Request", account: "Account") -> None:
    """Go on in this session after all sessions of the account have ended, as by a new password.

    The session gets a new id, as after every change of what it may do.
    """
    session, name = session_of(request), name_of(account)
    _session_manager(request).rotate(session)
    begin(session, account)
    request.set_context(**{name: account})


def signed_in_account(
    request: "Request", name: str, manager: "AccountManager[Any] | None"
) -> "Account | None":
    """Return the account that the session of a request belongs to.

    Where it was deactivated, or all its sessions were ended, this one is ended as well.

    Raises:
        ConfigurationError: There is no manager, or no database.
    """
    session = request.session
    held = None if session is None else session.get(_KEYS[name])
    if session is None or held is None:
        return None
    if manager is None:
        raise ConfigurationError("no user manager was given to look the account up with")
    account_id, version = held
    account: Account | None = manager.get(database_session(request), account_id)
    if account is None or not account.is_active or account.session_version != version:
        _session_manager(request).end(session)
        return None
    return account


def name_of(account: "Account") -> str:
    """Return under which name a request knows an account: `"user"` or `"admin_user"`."""
    return account.signs_in_as


def _is_signed_in(request: "Request", account: "Account") -> bool:
    signed_in = request.get_context(name_of(account))
    return signed_in is not None and bool(signed_in.id == account.id)


def _session_manager(request: "Request") -> "SessionManager":
    manager: SessionManager = request.get_service("session_manager")
    return manager


def database_session(request: "Request") -> Any:
    """Return the database session of a request.

    Raises:
        ConfigurationError: There is none.
    """
    db_session = request.db_session
    if db_session is None:
        raise ConfigurationError("this request has no database: users are kept in one")
    return db_session


def _tell(request: "Request", signal: str, account: "Account") -> None:
    if request.dispatcher is not None:
        request.dispatcher.send(signal, request.session, request=request, user=account)
