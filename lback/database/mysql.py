"""Options in MySQL and MariaDB URLs: TLS in the spellings of providers, and those of PyMySQL."""

import ssl
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from sqlalchemy.engine import URL

from lback.core.exceptions import ConfigurationError

# Spellings of MySQL clients, PostgreSQL URLs, and Java and JavaScript drivers.
_MODE = frozenset({"ssl-mode", "ssl_mode", "sslmode", "sslMode", "tls"})
_SWITCH = frozenset({"ssl", "useSSL", "requireSSL"})
_FILES = {
    "ssl-ca": "ca", "ssl_ca": "ca", "sslca": "ca", "sslrootcert": "ca",
    "ssl-cert": "cert", "ssl_cert": "cert", "sslcert": "cert",
    "ssl-key": "key", "ssl_key": "key", "sslkey": "key",
}  # fmt: skip
_MODES = {
    "disabled": "disabled", "disable": "disabled", "false": "disabled", "0": "disabled",
    "preferred": "preferred", "prefer": "preferred", "allow": "preferred",
    "required": "required", "require": "required", "true": "required", "1": "required",
    "verify_ca": "verify_ca",
    "verify_identity": "verify_identity", "verify_full": "verify_identity",
}  # fmt: skip
_NUMBERS = frozenset(
    {"connect_timeout", "read_timeout", "write_timeout", "max_allowed_packet", "client_flag"}
)
# Text options of PyMySQL, or of SQLAlchemy for it.
_TEXTS = frozenset(
    {"charset", "collation", "sql_mode", "init_command", "unix_socket", "bind_address",
     "program_name", "local_infile", "use_unicode", "read_default_file", "read_default_group",
     "server_public_key"}
)  # fmt: skip


def driver_options(url: URL) -> tuple[URL, dict[str, Any]]:
    """Split a URL into one for the driver and connect arguments for TLS.

    Args:
        url: URL of a MySQL or MariaDB database.

    Returns:
        The URL without options for TLS, and connect arguments of PyMySQL.

    Raises:
        ConfigurationError: An option is unknown or its value is invalid.

    Example:
        >>> from sqlalchemy import make_url
        >>> url, arguments = driver_options(make_url("mysql+pymysql://host/shop?ssl-mode=DISABLED"))
        >>> str(url), arguments
        ('mysql+pymysql://host/shop', {'ssl_disabled': True})
    """
    tls: dict[str, str] = {}
    for name in url.query:
        _read(name, _single(url, name), tls)
    tls_options = [name for name in url.query if name in _MODE | _SWITCH or name in _FILES]
    return url.difference_update_query(tls_options), _tls_arguments(tls)


def _single(url: URL, name: str) -> str:
    value = url.query[name]
    if not isinstance(value, str):
        raise ConfigurationError(f"the option {name!r} of the database URL is given twice")
    return value


def _read(name: str, value: str, tls: dict[str, str]) -> None:
    if name in _MODE or name in _SWITCH:
        mode = _MODES.get(value.lower().replace("-", "_"))
        if mode is None:
            raise ConfigurationError(
                f"the option {name!r} of the database URL cannot be {value[:40]!r}; use one of "
                "DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY"
            )
        tls["mode"] = mode
    elif name in _FILES:
        tls[_FILES[name]] = value
    elif name in _NUMBERS:
        if not (value.isascii() and value.isdigit()):
            raise ConfigurationError(
                f"the option {name!r} of the database URL must be a whole number"
            )
    elif name not in _TEXTS:
        raise ConfigurationError(f"unknown option {name!r} in the database URL; {_hint(name)}")


def _hint(name: str) -> str:
    near = get_close_matches(name, _known(), n=1)
    return f"did you mean {near[0]!r}?" if near else "remove it"


def _known() -> Iterator[str]:
    yield from ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key")
    yield from sorted(_NUMBERS | _TEXTS)


def _tls_arguments(tls: dict[str, str]) -> dict[str, object]:
    # A given certificate authority implies verification.
    mode = tls.get("mode", "verify_ca" if "ca" in tls else "required" if tls else "preferred")
    if mode == "disabled":
        return {"ssl_disabled": True}
    if mode == "preferred":
        return {}
    try:
        context = ssl.create_default_context(cafile=tls.get("ca"))
        if "cert" in tls:
            context.load_cert_chain(tls["cert"], tls.get("key"))
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(repr(tls[kind]) for kind in ("ca", "cert", "key") if kind in tls)
        raise ConfigurationError(
            f"the certificates of the database URL ({files}) cannot be read: {error}"
        ) from error
    context.check_hostname = mode == "verify_identity"
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}
