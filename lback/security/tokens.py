"""Signed tokens with a purpose and an expiry, which need no storage."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Protocol

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

from lback.core.exceptions import ConfigurationError
from lback.security import clock_tolerance as tolerance
from lback.security.clock_tolerance import ClockTolerance

_SALT = "lback."
_FINGERPRINT_LENGTH = 32


class SigningSettings(Protocol):
    """The settings that a signer reads, each time that it is used."""

    @property
    def SECRET_KEY(self) -> str:  # noqa: N802  the name of a setting
        """The key that signs."""
        ...

    @property
    def SECRET_KEY_FALLBACKS(self) -> list[str]:  # noqa: N802  the name of a setting
        """Former keys, whose tokens are still accepted."""
        ...


class TokenSigner:
    """Signs and verifies tokens, such as those in links.

    Tokens are signed, not encrypted: their holder can read the data. A token is valid only for the
    purpose that it was signed for.

    Args:
        config: `SECRET_KEY` and `SECRET_KEY_FALLBACKS`, read when they are used.
        clock: Returns the seconds since the epoch.
        clock_tolerance: Seconds by which the clock of another machine may be ahead.

    Example:
        >>> signer = TokenSigner(Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc").config)
        >>> token = signer.sign("unsubscribe", [7, "news"])
        >>> signer.read("unsubscribe", token, max_age=3600)
        [7, 'news']
        >>> signer.read("reset", token, max_age=3600) is None
        True
    """

    def __init__(
        self,
        config: SigningSettings,
        *,
        clock: Callable[[], float] = time.time,
        clock_tolerance: float = tolerance.SECONDS,
    ) -> None:
        self._config = config
        self._clock = clock
        self._tolerance = ClockTolerance(clock_tolerance, clock=clock)

    def sign(self, purpose: str, data: object) -> str:
        """Return a URL-safe token that carries some data.

        Args:
            purpose: What the token is for, such as `"unsubscribe"`; `read` needs the same text.
            data: Data with a JSON form.

        Returns:
            A token of letters, digits, `-`, `_` and `.`.

        Raises:
            ConfigurationError: `SECRET_KEY` is empty.
        """
        return str(self._serializer(purpose).dumps(data))

    def read(self, purpose: str, token: str, max_age: float) -> Any | None:
        """Return the data of a token, or `None` if the token is not valid.

        Args:
            purpose: The purpose that the token was signed for.
            token: The token as it was received.
            max_age: Maximum age in seconds.

        Returns:
            The data; `None` for a wrong signature or purpose, and for a token that is too old or
            dated further in the future than the clock of another machine may be ahead.

        Raises:
            ConfigurationError: `SECRET_KEY` is empty.
        """
        if not token.isascii():
            return None  # a lone surrogate could not be encoded
        try:
            data, signed_at = self._serializer(purpose).loads(token, return_timestamp=True)
        except BadSignature:
            return None
        moment = int(signed_at.timestamp())
        if int(self._clock()) - moment > int(max_age):
            return None
        return None if self._tolerance.refuses(moment, "a signed token") else data

    def fingerprint(self, *parts: object) -> str:
        """Return a keyed hash of some values, which reveals nothing about them.

        A token that contains the fingerprint of a state can be refused once the state has changed.

        Args:
            *parts: The values, compared by their `str`.
        """
        key = hashlib.sha256(f"{_SALT}fingerprint.{self._keys()[-1]}".encode()).digest()
        message = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
        return hmac.new(key, message, hashlib.sha256).hexdigest()[:_FINGERPRINT_LENGTH]

    def _keys(self) -> list[str]:
        if not self._config.SECRET_KEY:
            raise ConfigurationError("tokens are signed with SECRET_KEY, which is empty: set it")
        # The last one signs, all of them are accepted.
        return [*self._config.SECRET_KEY_FALLBACKS, self._config.SECRET_KEY]

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        clock = self._clock

        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        return URLSafeTimedSerializer(
            self._keys(),
            salt=_SALT + purpose,
            signer=Signer,
            signer_kwargs={"digest_method": hashlib.sha256},
        )
