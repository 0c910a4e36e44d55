"""Tools that keep secrets safe and know neither users nor requests."""

from lback.security.password_policy import PasswordPolicy
from lback.security.passwords import hash_password, needs_rehash, verify_password
from lback.security.tokens import TokenSigner

__all__ = ["PasswordPolicy", "TokenSigner", "hash_password", "needs_rehash", "verify_password"]
