"""Access tokens: short-lived signed JWTs that identify an account (RFC 7519, RFC 9068)."""

import hashlib
import secrets
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import ConfigurationError
from lback.distribution import install_hint
from lback.security.clock_tolerance import ClockTolerance

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jwt import JWTClaimsRegistry, Token

    from lback.core.config import Config

# The algorithms that the configuration may choose; "none" is not among them.
SYMMETRIC = ("HS256", "HS384", "HS512")
ALGORITHMS = (*SYMMETRIC, "RS256", "PS256", "ES256", "Ed25519")
_TYPE = "at+jwt"  # RFC 9068 §2.1, so that no other JWT of the same key is taken for one
_LONGEST = 4096
# Seconds after its expiry for which a token is accepted. CLOCK_TOLERANCE does not extend it.
_LEEWAY = 5
# Times that the clock of another machine, which issued the token, may set in the future.
_ISSUED = ("iat", "nbf")


class AccessTokens:
    """Makes and validates access tokens (RFC 7519, RFC 9068).

    The algorithm is always the configured one, whatever the header of a token says. The claims
    `exp`, `iat`, `nbf`, `iss`, `aud` and `sub` are required and validated.

    Args:
        config: Reads `JWT_AUDIENCE`, `JWT_ISSUER` (empty: the audience), `JWT_ALGORITHM`,
            `JWT_ACCESS_SECONDS`, `CLOCK_TOLERANCE` and `JWT_KEY`. The key is a private key as PEM
            for asymmetric algorithms; empty for HMAC, where keys are derived from `SECRET_KEY` and
            its fallbacks.
        clock: Returns the seconds since the epoch.

    Raises:
        ConfigurationError: The package joserfc is not installed, or the settings do not fit each
            other.
    """

    def __init__(self, config: "Config", *, clock: Callable[[], float] = time.time) -> None:
        try:
            # Imported here because it is an optional extra that loads a large cryptography package.
            from joserfc import jwk, jwt
            from joserfc.errors import JoseError
        except ImportError:
            raise ConfigurationError(
                f"JWT_AUDIENCE is set, but joserfc is not installed; run: {install_hint('jwt')}"
            ) from None
        self._jwk, self._jwt, self._error = jwk, jwt, JoseError
        self._config = config
        self._clock = clock
        self._tolerance = ClockTolerance(config.CLOCK_TOLERANCE, clock=clock)
        self._algorithm = config.JWT_ALGORITHM
        self._issuer = config.JWT_ISSUER or config.JWT_AUDIENCE
        self.seconds = config.JWT_ACCESS_SECONDS
        self._known: dict[str, Key] = {}
        if config.JWT_KEY or self._algorithm not in SYMMETRIC:
            self._check_key()

    def _check_key(self) -> None:
        try:
            self._keys()
            self.issue("", 0)
        except (ValueError, TypeError, self._error) as error:
            # Only the class of the error: its text may quote the key.
            raise ConfigurationError(
                f"JWT_KEY is not a valid key for JWT_ALGORITHM = {self._algorithm!r} "
                f"({type(error).__name__}): set the private key as PEM, "
                "or for HMAC a text of at least 32 characters"
            ) from None

    def issue(self, subject: str, version: int) -> str:
        """Return a new access token for an account.

        Args:
            subject: The id of the account, as text; the claim `sub`.
            version: The `session_version` of the account; ending its sessions ends its tokens as
                well.

        Returns:
            The encoded token, valid for `JWT_ACCESS_SECONDS` seconds.
        """
        now = int(self._clock())
        claims = {
            "iss": self._issuer,
            "aud": self._config.JWT_AUDIENCE,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + self.seconds,
            "jti": secrets.token_urlsafe(12),
            "ver": version,
        }
        header = {"alg": self._algorithm, "typ": _TYPE}
        return self._jwt.encode(header, claims, self._keys()[0], algorithms=[self._algorithm])

    def read(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token, or `None` if it is not valid.

        Args:
            token: Text that a client sent.

        Returns:
            The claims, or `None` if the token is malformed, expired, signed with another key or
            algorithm, meant for another issuer or audience, or issued further in the future than
            `CLOCK_TOLERANCE` allows.
        """
        if len(token) > _LONGEST or not token.isascii():
            return None
        decoded = next(filter(None, (self._verified(token, key) for key in self._keys())), None)
        if decoded is None or decoded.header.get("typ") != _TYPE:
            return None
        claims = dict(decoded.claims)
        return claims if self._is_valid(claims) else None

    def _is_valid(self, claims: dict[str, Any]) -> bool:
        issued: dict[str, Any] = {name: claims.get(name) for name in _ISSUED}
        try:
            self._registry().validate({k: v for k, v in claims.items() if k not in _ISSUED})
            self._registry_of_issued().validate(issued)
        except self._error:
            return False
        return not any(self._tolerance.refuses(issued[k], "an access token") for k in _ISSUED)

    def _verified(self, token: str, key: "Key") -> "Token | None":
        try:
            return self._jwt.decode(token, key, algorithms=[self._algorithm])
        except (self._error, ValueError):
            return None

    def _registry(self) -> "JWTClaimsRegistry":
        return self._jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._config.JWT_AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
        )

    def _registry_of_issued(self) -> Any:
        # Validates the types alone.
        return self._jwt.JWTClaimsRegistry(
            now=0, leeway=sys.maxsize, iat={"essential": True}, nbf={"essential": True}
        )

    def _keys(self) -> "list[Key]":
        """Return the accepted keys; the first one signs."""
        config = self._config
        if config.JWT_KEY:
            return [self._key(config.JWT_KEY)]
        if not config.SECRET_KEY:
            raise ConfigurationError("tokens are signed with SECRET_KEY, which is empty: set it")
        secret_keys = [config.SECRET_KEY, *config.SECRET_KEY_FALLBACKS]
        return [self._key(_derived(text)) for text in secret_keys]

    def _key(self, text: str) -> "Key":
        key = self._known.get(text)
        if key is None:
            key = self._known[text] = self._import(text)
        return key

    def _import(self, text: str) -> "Key":
        if self._algorithm in SYMMETRIC:
            if len(text) < 32:
                raise ValueError("a shorter key can be guessed")
            return self._jwk.OctKey.import_key(text)
        jwk = self._jwk
        family: Any = {"R": jwk.RSAKey, "P": jwk.RSAKey, "ES": jwk.ECKey}
        kind = family.get(self._algorithm[0]) or family.get(self._algorithm[:2], jwk.OKPKey)
        key: Key = kind.import_key(text.replace("\\n", "\n"))
        return key


def _derived(secret_key: str) -> str:
    # A key of its own, so that nothing else signed with SECRET_KEY is a valid token.
    return hashlib.sha512(f"lback.jwt.{secret_key}".encode()).hexdigest()
