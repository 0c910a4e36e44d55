"""Password hashing, password policy and signed tokens, independent of users and requests."""

from lback.security.password_policy import (
    CommonPasswordValidator,
    PasswordPolicy,
    PasswordValidator,
    UserAttributeSimilarityValidator,
)
from lback.security.passwords import hash_password, needs_rehash, verify_password
from lback.security.policy_settings import password_policy
from lback.security.tokens import TokenSigner

__all__ = [
    "CommonPasswordValidator",
    "PasswordPolicy",
    "PasswordValidator",
    "TokenSigner",
    "UserAttributeSimilarityValidator",
    "hash_password",
    "needs_rehash",
    "password_policy",
    "verify_password",
]
