"""Recognises names of settings, fields and parameters whose values are secret."""

import re
from collections.abc import Sequence

# A name is secret for its last word: DB_PASSWORD is, MIN_PASSWORD_LENGTH and TOKEN_URL are not.
_SECRETS = frozenset(
    {"password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token",
     "tokens", "key", "keys", "credential", "credentials"}
)  # fmt: skip
# Also at the end of a longer word, such as csrftoken and dbpassword.
_SECRET_ENDINGS = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey",
)  # fmt: skip
# Words that may follow without changing the meaning: SECRET_KEY_FALLBACKS, password_hash.
_AFTER = frozenset(
    {"fallback", "fallbacks", "old", "new", "previous", "next", "current", "hash", "hashed",
     "digest", "value", "values", "string", "text", "pem", "base", "primary", "secondary",
     "confirm", "confirmation", "again", "repeat", "base64", "b64", "hex", "live", "test",
     "prod", "production", "staging", "dev"}
)  # fmt: skip
# Words before KEY that name a key which is not secret.
_HARMLESS_KEYS = frozenset(
    {"public", "publishable", "primary", "foreign", "unique", "cache", "sort", "order", "group",
     "partition", "row", "natural", "translation", "object", "dict", "json", "idempotency"}
)  # fmt: skip
# Words for properties of a secret that are not secret: SECRET_NAME, but not secret_answer.
_ABOUT = frozenset(
    {"name", "id", "length", "size", "url", "uri", "path", "file", "dir", "directory",
     "version", "count", "days", "hours", "minutes", "seconds", "age", "ttl", "backend",
     "store", "manager", "provider", "header", "field", "cookie", "required", "enabled", "at"}
)  # fmt: skip
# URLs that often contain credentials.
_URLS = frozenset(
    {"database", "redis", "valkey", "broker", "cache", "amqp", "rabbitmq", "mongo", "mongodb",
     "db"}
)  # fmt: skip

# Further credentials in header fields, cookies and parameters.
_CREDENTIAL_WORDS = _SECRETS - {"key", "keys"} | frozenset(
    {"auth", "authorization", "authentication", "cookie", "csrf", "xsrf", "session",
     "sessionid", "sid", "phpsessid", "jsessionid", "signature", "jwt", "bearer"}
)  # fmt: skip
_CREDENTIAL_ENDINGS = frozenset(
    {"key", "keys", "code", "otp", "pin", "sig"}
)  # fmt: skip

_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def is_secret(name: str, value: object = None) -> bool:
    """Return True if a value of this name must not be written, logged or shown.

    The last word of the name decides: PASSWORD, SECRET, TOKEN, KEY or CREDENTIALS, whichever way
    the name is spelt (`DB_PASSWORD`, `apiKey`, `X-Auth-Token`). So does the URL of a database or
    of a broker, which may hold a password.

    Args:
        name: Name of a setting, a column, a header field or a parameter.
        value: The value, if it is known. True and False are not secret, nor is a URL without
            credentials.

    Example:
        >>> is_secret("DB_PASSWORD"), is_secret("MIN_PASSWORD_LENGTH")
        (True, False)
    """
    words = _words(name)
    if not words or isinstance(value, bool):
        return False
    if words[-1] in ("url", "uri", "dsn") and not _URLS.isdisjoint(words[:-1]):
        return not isinstance(value, str) or "@" in value or "?" in value
    if words[0] == "secret" and words[-1] not in _ABOUT:
        return True
    return _is_private_pem(words) or _opens(_without_what_follows(words))


def is_credential(name: str) -> bool:
    """Return True if the value of a header field, cookie or parameter may let its owner in.

    These are the names of `is_secret`, and those of cookies, sessions, signatures and codes.
    """
    words = _words(name)
    return (
        is_secret(name)
        or not _CREDENTIAL_WORDS.isdisjoint(words)
        or any(word.endswith((*_SECRET_ENDINGS, "sessionid")) for word in words)
        or bool(words and words[-1] in _CREDENTIAL_ENDINGS)
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _is_private_pem(words: Sequence[str]) -> bool:
    return words[-1] == "pem" and "private" in words


def _without_what_follows(words: list[str]) -> list[str]:
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in _AFTER or kept[-1].isdigit()):
        kept.pop()
    last = kept[-1].rstrip("0123456789")
    return [*kept[:-1], last]


def _opens(words: Sequence[str]) -> bool:
    last = words[-1]
    if last in ("key", "keys"):
        # A single word is usually the key of a mapping or of a table and not a secret.
        return len(words) > 1 and words[-2] not in _HARMLESS_KEYS
    return last in _SECRETS or last.endswith(_SECRET_ENDINGS)
