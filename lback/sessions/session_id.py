"""Session ids, and the hashes under which stores keep sessions."""

import hashlib
import re
import secrets

ID_BYTES = 32
_IS_ID = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch  # 32 bytes in base64url


def new_session_id() -> str:
    """Return a random session id of 256 bits, in URL-safe base64."""
    return secrets.token_urlsafe(ID_BYTES)


def is_session_id(text: str) -> bool:
    """Return True if a text has the form of a session id.

    Example:
        >>> is_session_id("chosen-by-a-client")
        False
    """
    return _IS_ID(text) is not None


def hash_of(session_id: str) -> str:
    """Return the SHA-256 of a session id; stores keep it in place of the id itself."""
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(session_id.encode()).hexdigest()
