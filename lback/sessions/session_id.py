"""Session ids: what a client holds, and the hash of it that a store holds."""

import hashlib
import re
import secrets

ID_BYTES = 32
_IS_ID = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch  # 32 bytes in base64url


def new_session_id() -> str:
    """Return an id of 256 random bits."""
    return secrets.token_urlsafe(ID_BYTES)


def is_session_id(text: str) -> bool:
    """Tell whether a text from a client could be an id."""
    return _IS_ID(text) is not None


def hash_of(session_id: str) -> str:
    """Return what a store keeps in place of an id, so that nobody signs in with a copy of it."""
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(session_id.encode()).hexdigest()
