"""The name of the distribution on package indexes; the importable package is `lback`."""

NAME = "lback-web"

# Until the first release anyone could register the name at a package index, so new projects
# carry the wheel file instead of the name. Set to True with the release.
PUBLISHED = False


def requirement(*extras: str, version: str | None = None) -> str:
    """Return a requirement specifier for pip (PEP 508).

    Args:
        *extras: Names of extras.
        version: Exact version; None allows every version.

    Example:
        >>> requirement("jwt", version="0.1.0")
        'lback-web[jwt]==0.1.0'
    """
    chosen = f"[{','.join(extras)}]" if extras else ""
    pin = f"=={version}" if version else ""
    return f"{NAME}{chosen}{pin}"


def install_hint(*extras: str) -> str:
    """Return the command that installs extras, for error messages.

    It is safe before the first release: pip keeps the installed Lback and adds the extras.

    Args:
        *extras: Names of the missing extras.

    Example:
        >>> install_hint("jwt")
        'pip install "lback-web[jwt]"'
    """
    return f'pip install "{requirement(*extras)}"'
