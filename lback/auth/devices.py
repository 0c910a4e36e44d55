"""Devices that an account has signed in from: a signed cookie gives each a count of its own.

Wrong passwords from elsewhere close an account for a while, but not for the devices of its owner.
"""

import secrets
from typing import TYPE_CHECKING, Any

from lback.auth.sign_in import DEVICE_COOKIES
from lback.auth.throttle import account_key
from lback.security.tokens import TokenSigner

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.users import Account

COOKIE = "lback_device_"
SECONDS = 365 * 24 * 3600
_PURPOSE = "device"


def device_of(request: "Request", signs_in_as: str, counted: str) -> str | None:
    """Return what the attempts of a device are counted under, if it is one of the account.

    Args:
        request: Who asks.
        signs_in_as: `"user"` or `"admin_user"`.
        counted: The name that the attempts at the account are counted under.
    """
    held = _held(request, COOKIE + signs_in_as)
    return None if held is None or account_key(counted) not in held[1:] else f"device:{held[0]}"


def remember_device(request: "Request", account: "Account") -> None:
    """Give the device of a request a cookie, for it has just signed in; see `set_cookies`."""
    signer = _signer(request)
    if signer is None:
        return
    table: Any = type(account)
    names = (account.username, account.email)
    keys = [account_key(f"{table.__tablename__}:{name}") for name in names if name]
    cookie = COOKIE + account.signs_in_as
    held = _held(request, cookie)
    if held is not None and held[1:] == keys:
        return
    token = signer.sign(_PURPOSE, [secrets.token_urlsafe(12), *keys])
    request.environ.setdefault(DEVICE_COOKIES, {})[cookie] = token


def set_cookies(request: "Request", response: "Response") -> None:
    """Send the cookies that `remember_device` has made for a request."""
    waiting = request.environ.get(DEVICE_COOKIES)
    if waiting is not None:
        for name, token in waiting.items():
            response.set_cookie(name, token, max_age=SECONDS, secure=request.is_secure)


def _held(request: "Request", cookie: str) -> list[str] | None:
    """Return the nonce of a device and the keys of its account, from its cookie."""
    token, signer = request.cookies.get(cookie), _signer(request)
    data = None if not token or signer is None else signer.read(_PURPOSE, token, SECONDS)
    return data if isinstance(data, list) and data else None


def _signer(request: "Request") -> TokenSigner | None:
    config = request.config
    signer = (
        None if config is None or not config.SECRET_KEY else request.get_context("token_signer")
    )
    return signer if isinstance(signer, TokenSigner) else None
