"""From a name and a password to an account: counted, and in the same time whoever asks."""

from typing import TYPE_CHECKING, Any

from lback.auth.devices import device_of
from lback.auth.sign_in import PASSWORD_CHECKED
from lback.auth.throttle import LoginThrottle, address_of
from lback.core.exceptions import ConfigurationError
from lback.users import Account

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
    """Return the account whose password this is, if it is active.

    It takes the same time for a name that nobody has. Call `lback.auth.login` with what comes
    back.

    Args:
        request: Who asks; its address is counted, too.
        username: The username or the email address.
        password: What somebody typed.
        manager: Whose accounts; `None` means the users of the site.

    Signals: `user_login_failed`, with `request` and `username`.

    Raises:
        TooManyAttempts: There were too many wrong passwords for this name or from this address.
    """
    manager = manager or request.get_service("user_manager")
    throttle = request.get_context("login_throttle")
    if request.db_session is None:
        raise ConfigurationError("an account can only be checked in a database; set DATABASE_URL")
    address, counted = address_of(request), f"{manager.model.__tablename__}:{username.strip()}"
    device = device_of(request, manager.model.signs_in_as, counted)
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
