"""Password authentication with a login rate limit, in constant time for unknown names."""

from typing import TYPE_CHECKING, Any

from lback.auth.devices import device_of
from lback.auth.environ_keys import PASSWORD_CHECKED
from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.users import Account
from lback.users.models import EMAIL_LENGTH, clean_email, clean_username

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.users import AccountManager


def authenticate(
    request: "Request",
    username: str,
    password: str,
    *,
    manager: "AccountManager[Any] | None" = None,
) -> Account | None:
    """Return the active account with this name and password, or `None`.

    The check takes the same time for an unknown name as for a wrong password. Pass the account to
    `lback.auth.login` to sign it in.

    Args:
        request: The current request; attempts from its client address are counted as well.
        username: Username or email address, as entered.
        password: Password, as entered.
        manager: The manager of the accounts to look in; `None` means the users of the site.

    Returns:
        The account, or `None` if the name or the password is wrong or the account is not active.

    Signals: `user_login_failed`, with `request` and `username`.

    Raises:
        TooManyAttempts: The login rate limit for this name or address is reached (429).
        ConfigurationError: The application has no database.
    """
    manager = manager or request.get_service("user_manager")
    throttle = request.get_context("login_throttle")
    if request.db_session is None:
        raise ConfigurationError("authenticate() needs a database; set DATABASE_URL")
    address, counted = address_of(request), f"{manager.model.__tablename__}:{_counted(username)}"
    device = device_of(request, manager, username)
    if isinstance(throttle, LoginThrottle):
        throttle.begin(counted, address, device)
    account: Account | None = manager.authenticate(request.db_session, username, password)
    if isinstance(throttle, LoginThrottle):
        if account is None:
            throttle.failed(address)
        else:
            throttle.succeeded(counted, device)
    if account is not None:
        request.environ[PASSWORD_CHECKED] = account
    if account is None and request.dispatcher is not None:
        request.dispatcher.send("user_login_failed", manager, request=request, username=username)
    return account


def _counted(username: str) -> str:
    """Return the name under which attempts are counted: one for all spellings of an address."""
    name = username.strip()
    is_address = "@" in clean_username(name[: EMAIL_LENGTH + 1])
    return (clean_email(name) or "") if is_address else name
