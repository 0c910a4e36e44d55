"""Password hashing with Argon2id (RFC 9106), verified in constant time for unknown users."""

import logging
import secrets
import unicodedata
from base64 import b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

logger = logging.getLogger(__name__)

# 19 MiB, two passes, one lane: the minimum of OWASP's Password Storage Cheat Sheet. The 64 MiB of
# RFC 9106 §4 would take 2.5 GiB for forty concurrent sign-ins, which small servers do not have.
# A hash contains its parameters: after these are raised, old hashes are renewed at a sign-in.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# It bounds the work of normalizing, which grows faster than the text.
MAX_PASSWORD_LENGTH = 1024


def hash_password(password: str) -> str:
    """Return an Argon2id hash of a password, which includes its salt and parameters.

    The password is normalized (NFC) first, as RFC 8265 section 4.2.2 recommends.

    Args:
        password: The password, as entered.

    Raises:
        ValueError: The password is empty or longer than 1024 characters.

    Example:
        >>> stored = hash_password("correct horse battery")
        >>> verify_password("correct horse battery", stored)
        True
        >>> verify_password("wrong", stored)
        False
    """
    if not password:
        raise ValueError("the password is empty; it must have at least one character")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise ValueError(f"a password may have at most {MAX_PASSWORD_LENGTH} characters")
    return _hasher.hash(_encoded(password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return True if a password matches a stored hash.

    Args:
        password: The password, as entered.
        password_hash: The stored hash; `None` for an unknown user, which takes as long as a wrong
            password, so that the response time does not tell who has an account.
    """
    if password_hash is None or len(password) > MAX_PASSWORD_LENGTH:
        _matches("", _dummy_hash())
        return False
    try:
        return _matches(password, password_hash)
    except (InvalidHashError, VerificationError) as error:
        logger.error("a stored password hash cannot be checked: %s", error)
        return verify_password(password, None)


def needs_rehash(password_hash: str) -> bool:
    """Return True if a hash was made with other parameters than the current ones."""
    return _hasher.check_needs_rehash(password_hash)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, _encoded(password))
    except VerifyMismatchError:
        return False


def _encoded(password: str) -> bytes:
    # RFC 8265 §4.2.2: keyboards write the same letter in different code points. JSON can contain
    # a lone surrogate, which has no UTF-8 form; it is a wrong password, not an error.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _dummy_hash() -> str:
    # Assembled, not computed: the first check of an unknown name must not take twice as long.
    salt, digest = secrets.token_bytes(_hasher.salt_len), secrets.token_bytes(_hasher.hash_len)
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${_base64(salt)}${_base64(digest)}"


def _base64(octets: bytes) -> str:
    return b64encode(octets).rstrip(b"=").decode()
