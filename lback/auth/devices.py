"""Known devices: a signed cookie gives each device of an account its own counter of attempts.

Wrong passwords from elsewhere lock an account for a while, but not for devices that its owner has
signed in from before.
"""

import secrets
from typing import TYPE_CHECKING, Any

from lback.auth.environ_keys import DEVICE_COOKIES
from lback.security.tokens import TokenSigner

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users import Account, AccountManager

COOKIE = "lback_device_"
SECONDS = 365 * 24 * 3600
_PURPOSE = "device"


def device_of(request: "Request", manager: "AccountManager[Any]", username: str) -> str | None:
    """Return the key under which attempts of a known device are counted, or `None`.

    Args:
        request: The current request; its cookies are read.
        manager: The manager of the accounts.
        username: Username or email address, as entered.

    Returns:
        The key; `None` if the device has not signed in to this account before, or not since the
        account was recovered: who knew the old password must not keep counters of their own.
    """
    signer, device = _signer(request), _device(request, COOKIE + manager.model.signs_in_as)
    if signer is None or device is None:
        return None
    account = manager.find(request.db_session, username)
    known = account is not None and device[1:] == [_state(signer, account)]
    return f"device:{device[0]}" if known else None


def remember_device(request: "Request", account: "Account") -> None:
    """Prepare a cookie that makes the device of a request known for an account.

    Called after a sign-in with a password; `set_cookies` sends the cookie. Without a secret key
    nothing happens.

    Args:
        request: The current request.
        account: The account that has just signed in.
    """
    signer = _signer(request)
    if signer is None:
        return
    cookie, state = COOKIE + account.signs_in_as, _state(signer, account)
    device = _device(request, cookie)
    if device is not None and device[1:] == [state]:
        return
    token = signer.sign(_PURPOSE, [secrets.token_urlsafe(12), state])
    request.environ.setdefault(DEVICE_COOKIES, {})[cookie] = token


def _state(signer: TokenSigner, account: "Account") -> str:
    """Return what a known device is bound to: the account, until its password is reset."""
    table: Any = type(account)
    parts = (table.__tablename__, account.id, account.created_at, account.keys_valid_from)
    return signer.fingerprint("device", *parts)


def set_cookies(request: "Request", response: "Response") -> None:
    """Send the cookies that `remember_device` has prepared for a request.

    Args:
        request: The request that the account signed in with.
        response: Gets the cookies, which last a year.
    """
    waiting = request.environ.get(DEVICE_COOKIES)
    if waiting is not None:
        for name, token in waiting.items():
            response.set_cookie(name, token, max_age=SECONDS, secure=request.is_secure)


def _device(request: "Request", cookie: str) -> list[str] | None:
    """Return the nonce of a device and the state of its account, from its cookie."""
    token, signer = request.cookies.get(cookie), _signer(request)
    data = None if not token or signer is None else signer.read(_PURPOSE, token, SECONDS)
    return data if isinstance(data, list) and len(data) > 1 else None


def _signer(request: "Request") -> TokenSigner | None:
    config = request.config
    signer = (
        None if config is None or not config.SECRET_KEY else request.get_context("token_signer")
    )
    return signer if isinstance(signer, TokenSigner) else None
