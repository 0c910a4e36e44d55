"""Tokens that carry their own proof: signed, made for one purpose, and worthless after a time."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Protocol

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

from lback.core.exceptions import ConfigurationError

_SALT = "lback."
_FINGERPRINT_LENGTH = 32


class SigningSettings(Protocol):
    """What a signer reads of a `lback.core.config.Config`, each time anew."""

    @property
    def SECRET_KEY(self) -> str:  # noqa: N802  the name of a setting
        """Signs."""
        ...

    @property
    def SECRET_KEY_FALLBACKS(self) -> list[str]:  # noqa: N802  the name of a setting
        """Keys of before, whose tokens are still good."""
        ...


class TokenSigner:
    """Makes and reads tokens that may be sent to somebody, such as in a link.

    What they carry can be read by whoever holds them. One made for a purpose is none for another.

    Args:
        config: `SECRET_KEY` and `SECRET_KEY_FALLBACKS`, read when they are used.
        clock: Gives the seconds since the epoch.
    """

    def __init__(self, config: SigningSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock

    def sign(self, purpose: str, data: Any) -> str:
        """Return a token of letters, digits, `-`, `_` and `.` that carries the data.

        Raises:
            ConfigurationError: There is no secret key.
        """
        return str(self._serializer(purpose).dumps(data))

    def read(self, purpose: str, token: str, max_age: float) -> Any | None:
        """Return what a token carries, or `None` if it is not ours, or older than so many seconds.

        One that was made in the future, before a clock was set back, is not ours either.
        """
        if not token.isascii():
            return None  # half a surrogate pair has no bytes to be looked into
        try:
            return self._serializer(purpose).loads(token, max_age=int(max_age))
        except BadSignature:
            return None

    def fingerprint(self, *parts: object) -> str:
        """Return a text that changes with the parts and tells nothing about them.

        A token that carries the fingerprint of a state is worthless once that state has changed.
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
