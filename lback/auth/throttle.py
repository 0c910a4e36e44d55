"""The brake on guessing: after many wrong passwords nobody is asked for one for a while."""

import hashlib
from ipaddress import ip_address
from math import ceil
from typing import TYPE_CHECKING

from lback.auth.attempts import Attempts, MemoryAttempts, RedisAttempts
from lback.core.exceptions import HTTPException
from lback.users.models import USERNAME_LENGTH, username_key

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.database import DatabaseManager


class TooManyAttempts(HTTPException):
    """Too many wrong passwords; the answer is 429, with the time to wait in `Retry-After`."""

    status_code = 429
    message = "Too many attempts. Please wait a while and try again."

    def __init__(self, seconds: float) -> None:
        super().__init__(headers={"Retry-After": str(max(1, ceil(seconds)))})


class LoginThrottle:
    """Counts wrong passwords by account, whether there is one or not, and by address.

    Args:
        attempts: Counts.
        per_account: Wrong ones for one name, from anywhere.
        per_address: Wrong ones from one address, for any names. The addresses of IPv6 count
            together by what a provider gives one customer (/64).
        seconds: The time in which they are counted, and how long to wait at most.
    """

    def __init__(
        self,
        attempts: Attempts,
        *,
        per_account: int = 10,
        per_address: int = 50,
        seconds: float = 600,
    ) -> None:
        self._attempts = attempts
        self._per_account = per_account
        self._per_address = per_address
        self._seconds = seconds

    @classmethod
    def of(cls, config: "Config", db_manager: "DatabaseManager | None" = None) -> "LoginThrottle":
        """Build the throttle that the settings `LOGIN_ATTEMPTS_…` describe.

        Args:
            config: The settings.
            db_manager: The database; without one, this process counts where the database should.
        """
        return cls(
            _attempts(config, db_manager),
            per_account=config.LOGIN_ATTEMPTS_PER_ACCOUNT,
            per_address=config.LOGIN_ATTEMPTS_PER_ADDRESS,
            seconds=config.LOGIN_ATTEMPTS_SECONDS,
        )

    def begin(self, name: str, address: str, device: str | None = None) -> None:
        """Count an attempt before the password is looked at.

        Counted beforehand, so that many at once do not all pass.

        Args:
            name: The account, or what else is counted.
            address: Where the request came from.
            device: A device that has signed in to this account before; it has a count of its own,
                and what others did to the account does not keep it out.

        Raises:
            TooManyAttempts: There were too many; nothing is checked then.
        """
        if device is not None:
            self._add(device)
            return
        from_there = self._attempts.peek(address_key(address))
        if from_there.number >= self._per_address:
            raise TooManyAttempts(from_there.seconds_left)
        self._add(account_key(name))

    def _add(self, key: str) -> None:
        count = self._attempts.add(key, self._seconds)
        if count.number > self._per_account:
            raise TooManyAttempts(count.seconds_left)

    def failed(self, address: str) -> None:
        """Count a wrong password against the address it came from."""
        self._attempts.add(address_key(address), self._seconds)

    def succeeded(self, name: str, device: str | None = None) -> None:
        """Forget the attempts at an account, for its owner has come.

        Those of a device are forgotten by themselves: the ones from elsewhere go on to count.
        """
        self._attempts.forget(account_key(name) if device is None else device)


def _attempts(config: "Config", db_manager: "DatabaseManager | None") -> Attempts:
    if config.LOGIN_ATTEMPTS_STORE == "redis":
        return RedisAttempts.from_url(config.REDIS_URL)
    if config.LOGIN_ATTEMPTS_STORE == "memory" or db_manager is None:
        return MemoryAttempts()
    # An import here, because it brings the library of the database.
    from lback.auth.database_attempts import DatabaseAttempts

    # In a project the tables are made by migrations, which would meet one that is there.
    return DatabaseAttempts(db_manager, create_table=not config.PROJECT_ROOT)


def account_key(name: str) -> str:
    """Return what attempts at an account are counted under: nothing that a store could tell."""
    key = username_key(name[:USERNAME_LENGTH]).encode("utf-8", "surrogatepass")
    return f"account:{hashlib.sha256(key).hexdigest()}"


def address_key(address: str) -> str:
    """Return what attempts from an address are counted under."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address:unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    network = parsed.exploded[:19] if parsed.version == 6 else str(parsed)
    return f"address:{network}"


def address_of(request: "Request") -> str:
    """Return the address of the client, as trusted proxies tell it."""
    told = getattr(request, "client_address", None)
    return str(told if told is not None else request.environ.get("REMOTE_ADDR", ""))
