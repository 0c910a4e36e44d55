"""Login rate limit: too many wrong passwords lock an account or an address for a while."""

import hashlib
from ipaddress import ip_address
from math import ceil
from typing import TYPE_CHECKING

from lback.auth.attempts import Attempts, MemoryAttempts, RedisAttempts
from lback.core.exceptions import HTTPException
from lback.security import clock_tolerance as tolerance
from lback.translation import gettext_noop
from lback.users.models import USERNAME_LENGTH, username_key

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.database import DatabaseManager


class TooManyAttempts(HTTPException):
    """The login rate limit is reached: 429, with the seconds to wait in `Retry-After`.

    Args:
        seconds: How long to wait.
    """

    status_code = 429
    message = gettext_noop("Too many attempts. Please wait a while and try again.")

    def __init__(self, seconds: float) -> None:
        super().__init__(headers={"Retry-After": str(max(1, ceil(seconds)))})


class LoginThrottle:
    """Login rate limit by account, existing or not, and by client address.

    Args:
        attempts: Stores the counters.
        per_account: Wrong passwords for one name, from any address, before it is locked.
        per_address: Wrong passwords from one address, for any names, before it is locked. IPv6
            addresses are counted by their /64 network, which is what a provider gives one customer.
        seconds: Length of the window in which attempts are counted, and the longest time to wait.
        clock_tolerance: Seconds by which the clock of another machine may be ahead.
    """

    def __init__(
        self,
        attempts: Attempts,
        *,
        per_account: int = 10,
        per_address: int = 50,
        seconds: float = 600,
        clock_tolerance: float = tolerance.SECONDS,
    ) -> None:
        self._attempts = attempts
        self._per_account = per_account
        self._per_address = per_address
        self._seconds = seconds
        self._clock_tolerance = clock_tolerance

    @classmethod
    def of(cls, config: "Config", db_manager: "DatabaseManager | None" = None) -> "LoginThrottle":
        """Build the rate limit from the settings `LOGIN_ATTEMPTS_…`.

        Args:
            config: The settings.
            db_manager: The database; without one, attempts are counted in this process if the
                setting says `"database"`.

        Raises:
            ConfigurationError: The store is Redis, and it is not installed or its URL is not valid.
        """
        return cls(
            _attempts(config, db_manager),
            per_account=config.LOGIN_ATTEMPTS_PER_ACCOUNT,
            per_address=config.LOGIN_ATTEMPTS_PER_ADDRESS,
            seconds=config.LOGIN_ATTEMPTS_SECONDS,
            clock_tolerance=config.CLOCK_TOLERANCE,
        )

    def begin(self, name: str, address: str, device: str | None = None) -> None:
        """Count an attempt before the password is checked.

        It is counted first, so that many parallel attempts cannot all pass.

        Args:
            name: Identifies the account, such as `"lback_users:ada"`.
            address: Client address of the request.
            device: Key of a device that has signed in to this account before; it has its own
                counter, so that attempts from elsewhere do not lock it out. See
                `lback.auth.devices`.

        Raises:
            TooManyAttempts: The limit is reached; the password must not be checked.
        """
        if device is not None:
            self._add(device)
            return
        from_there = self._attempts.peek(address_key(address))
        # A window that ends later than possible began before a clock was set back.
        is_possible = from_there.seconds_left <= self._seconds + self._clock_tolerance
        if from_there.number >= self._per_address and is_possible:
            raise TooManyAttempts(from_there.seconds_left)
        self._add(account_key(name))

    def _add(self, key: str) -> None:
        count = self._attempts.add(key, self._seconds)
        if count.number > self._per_account:
            raise TooManyAttempts(count.seconds_left)

    def failed(self, address: str) -> None:
        """Count a wrong password against the client address."""
        self._attempts.add(address_key(address), self._seconds)

    def succeeded(self, name: str, device: str | None = None) -> None:
        """Reset the counter of an account after a successful sign-in.

        Args:
            name: As for `begin`.
            device: As for `begin`; only its own counter is reset, and attempts from elsewhere still
                count.
        """
        self._attempts.forget(account_key(name) if device is None else device)


def _attempts(config: "Config", db_manager: "DatabaseManager | None") -> Attempts:
    if config.LOGIN_ATTEMPTS_STORE == "redis":
        return RedisAttempts.from_url(config.REDIS_URL, config.REDIS_TIMEOUT)
    if config.LOGIN_ATTEMPTS_STORE == "memory" or db_manager is None:
        return MemoryAttempts()
    # Imported here because it loads SQLAlchemy.
    from lback.auth.database_attempts import DatabaseAttempts

    # In a project migrations create the tables, and would fail if one existed already.
    return DatabaseAttempts(
        db_manager,
        create_table=not config.PROJECT_ROOT,
        clock_tolerance=config.CLOCK_TOLERANCE,
    )


def account_key(name: str) -> str:
    """Return the key under which attempts on an account are counted: a hash of its name."""
    key = username_key(name[:USERNAME_LENGTH]).encode("utf-8", "surrogatepass")
    return f"account:{hashlib.sha256(key).hexdigest()}"


def address_key(address: str) -> str:
    """Return the key under which attempts from an address are counted.

    Example:
        >>> address_key("192.0.2.1")
        'address:192.0.2.1'
        >>> address_key("2001:db8::1")
        'address:2001:0db8:0000:0000'
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address:unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    network = parsed.exploded[:19] if parsed.version == 6 else str(parsed)
    return f"address:{network}"


def address_of(request: "Request") -> str:
    """Return the client address of a request, as trusted proxies report it."""
    address = getattr(request, "client_address", None)
    return str(address if address is not None else request.environ.get("REMOTE_ADDR", ""))
