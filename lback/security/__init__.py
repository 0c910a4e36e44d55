"""Tools that keep secrets safe and know neither users nor requests."""

from lback.security.passwords import hash_password, needs_rehash, verify_password

__all__ = ["hash_password", "needs_rehash", "verify_password"]
