"""Sign-in and sign-out: which account a session belongs to."""

import logging
from typing import TYPE_CHECKING, Any

from lback.auth.environ_keys import PASSWORD_CHECKED
from lback.core.exceptions import ConfigurationError
from lback.core.http.app_session import CSRF_KEY
from lback.core.routing.websocket_route import TICKET
from lback.sessions.messages import session_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.core.types import AppSession
    from lback.sessions import SessionManager
    from lback.users import Account, AccountManager

logger = logging.getLogger(__name__)

USER, ADMIN_USER = "user", "admin_user"
_KEYS = {USER: "_user", ADMIN_USER: "_admin_user"}


def login(request: "Request", account: "Account") -> None:
    """Sign an account in for the session of a request: it becomes `request.user`.

    The session gets a new id and its lifetime starts again, so that an id that was known before is
    worth nothing (session fixation). If another account was signed in, its data is removed; data of
    an anonymous visitor, such as a cart, stays. An account of the admin becomes
    `request.get_context("admin_user")` instead of `request.user`.

    Args:
        request: The current request.
        account: A stored, active account.

    Signals: `user_logged_in`, with `request` and `user`.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.
        ValueError: The account is not stored yet, or is not active.
    """
    if account.id is None or not account.is_active:
        state = "is not stored: flush it first" if account.id is None else "is not active"
        raise ValueError(f"{account!r} cannot sign in: it {state}")
    session, manager = session_of(request), _session_manager(request)
    name = name_of(account)
    key = _KEYS[name]
    present = session.get(key)
    if present is not None and present[0] != account.id:
        manager.end(session)
    else:
        manager.rotate(session, restart=True)
    # A visitor who knew the session before must not know the CSRF secret of this one.
    session.delete(CSRF_KEY)
    begin(session, account)
    request.set_context(**{name: account})
    if request.environ.get(PASSWORD_CHECKED) is account:
        # Imported here because few requests sign an account in.
        from lback.auth.devices import remember_device

        remember_device(request, account)
    logger.info("signed in: %r", account)
    _send(request, "user_logged_in", account)


def begin(session: "AppSession", account: "Account") -> None:
    """Write into a session which account it belongs to.

    Args:
        session: The session to be changed.
        account: A stored account.
    """
    session[_KEYS[name_of(account)]] = [account.id, account.session_version]


def logout(request: "Request") -> None:
    """Sign out the current user: the session ends, and its data is deleted.

    Args:
        request: The current request.

    Signals: `user_logged_out`, with `request` and `user`, if an account was signed in.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.
    """
    session = session_of(request)
    account = request.user or request.get_context(ADMIN_USER)
    _session_manager(request).end(session)
    request.set_context(user=None, admin_user=None)
    if account is not None:
        logger.info("signed out: %r", account)
        _send(request, "user_logged_out", account)


def logout_everywhere(request: "Request", account: "Account") -> None:
    """End all sessions of an account on all devices, including the current one if it is its own.

    Only the `session_version` of the account is written: sessions that began under another number
    have ended.

    Args:
        request: The current request.
        account: A stored account.

    Signals: `user_logged_out`, if the session of the request ends.

    Raises:
        ConfigurationError: The request has no database session.
    """
    # Imported here because it loads SQLAlchemy, which most requests do not need.
    from lback.users.account_lock import end_sessions

    end_sessions(database_session(request), account)
    if request.session is not None and _is_signed_in(request, account):
        logout(request)


def keep_signed_in(request: "Request", account: "Account") -> None:
    """Keep the current session after all sessions of the account have ended, as by a new password.

    The session gets a new id, as after every change of privileges.

    Args:
        request: The current request.
        account: The account that the session belongs to.

    Raises:
        ConfigurationError: The request has no session: `SessionMiddleware` is missing.
    """
    session, name = session_of(request), name_of(account)
    _session_manager(request).rotate(session)
    begin(session, account)
    request.set_context(**{name: account})


def signed_in_account(
    request: "Request", name: str, manager: "AccountManager[Any] | None"
) -> "Account | None":
    """Return the account that the session of a request belongs to, or `None`.

    The session ends if the account was deactivated or deleted, or all its sessions were ended.

    Args:
        request: The current request.
        name: Kind of account: `"user"` or `"admin_user"`.
        manager: Looks up the account.

    Raises:
        ConfigurationError: There is no manager, or the request has no database session.
    """
    session = request.session
    signed_in = None if session is None else session.get(_KEYS[name])
    if session is None or signed_in is None:
        return None
    if manager is None:
        raise ConfigurationError("there is no user manager to look up the account of the session")
    account_id, version = signed_in
    account: Account | None = manager.get(database_session(request), account_id)
    if account is None or not account.is_active or account.session_version != version:
        _session_manager(request).end(session)
        return None
    return account


def ticket_values(account: "Account") -> list[object]:
    """Return what a ticket stores of an account.

    Args:
        account: A stored account.
    """
    return [account.id, account.session_version]


def account_of_ticket(
    request: "Request", manager: "AccountManager[Any] | None"
) -> "Account | None":
    """Return the account of the ticket of a WebSocket, or None if it may no longer sign in.

    Args:
        request: The handshake.
        manager: Looks up the account.
    """
    if manager is None:
        return None
    account_id, version = request.environ[TICKET]
    account: Account | None = manager.get(database_session(request), account_id)
    if account is None or not account.is_active or account.session_version != version:
        return None
    return account


def name_of(account: "Account") -> str:
    """Return the name under which a request knows an account: `"user"` or `"admin_user"`."""
    return account.signs_in_as


def _is_signed_in(request: "Request", account: "Account") -> bool:
    signed_in = request.get_context(name_of(account))
    return signed_in is not None and bool(signed_in.id == account.id)


def _session_manager(request: "Request") -> "SessionManager":
    manager: SessionManager = request.get_service("session_manager")
    return manager


def database_session(request: "Request") -> "Session":
    """Return the database session of a request.

    Raises:
        ConfigurationError: The request has none: `DATABASE_URL` is not set.
    """
    db_session = request.db_session
    if db_session is None:
        raise ConfigurationError("accounts need a database; set DATABASE_URL")
    return db_session


def _send(request: "Request", signal: str, account: "Account") -> None:
    if request.dispatcher is not None:
        request.dispatcher.send(signal, request.session, request=request, user=account)
