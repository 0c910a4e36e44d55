"""Passwords: hashed with Argon2id, and checked in the same time whoever asks."""

import logging
import secrets
import unicodedata
from base64 import b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

logger = logging.getLogger(__name__)

# 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet asks for at least. The
# 64 MiB of RFC 9106 §4 would take 2.5 GiB for forty sign-ins at once, which small servers do not
# have. A hash names its own parameters: raising these makes old ones renew at the next sign-in.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Nobody types more; it bounds the work of normalising, which grows faster than the text.
MAX_PASSWORD_LENGTH = 1024


def hash_password(password: str) -> str:
    """Return a hash to be stored, with its salt and parameters in it.

    Raises:
        ValueError: The password is empty or longer than `MAX_PASSWORD_LENGTH` characters.
    """
    if not password:
        raise ValueError("a password must not be empty")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise ValueError(f"a password has at most {MAX_PASSWORD_LENGTH} characters")
    return _hasher.hash(_encoded(password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is the one that was hashed.

    Args:
        password: What somebody typed.
        password_hash: What is stored; `None` where there is no such user, which costs the same
            as a wrong password, so that the time of an answer does not tell who has an account.
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
    """Tell whether a hash was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, _encoded(password))
    except VerifyMismatchError:
        return False


def _encoded(password: str) -> bytes:
    # RFC 8265 §4.2.2: keyboards write the same letter in different code points. JSON can carry
    # half a surrogate pair, which has no UTF-8; it is a wrong password, not an error.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _dummy_hash() -> str:
    # Put together, not computed: the first to ask for an unknown name must not wait for two.
    salt, digest = secrets.token_bytes(_hasher.salt_len), secrets.token_bytes(_hasher.hash_len)
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${_base64(salt)}${_base64(digest)}"


def _base64(octets: bytes) -> str:
    return b64encode(octets).rstrip(b"=").decode()
