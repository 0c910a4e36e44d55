"""The name under which Lback is installed; the package that is imported is `lback`."""

NAME = "lback-web"

# Until the first release anyone could register the name at a package index, so new projects
# carry the wheel file instead of the name. Set to True with the release.
PUBLISHED = False


def requirement(*extras: str, version: str | None = None) -> str:
    """Return a requirement as pip reads it, such as `lback-web[jwt]==0.1.0`.

    Args:
        *extras: Extras that it takes.
        version: The only version that it admits; None admits all.
    """
    chosen = f"[{','.join(extras)}]" if extras else ""
    pin = f"=={version}" if version else ""
    return f"{NAME}{chosen}{pin}"


def install_hint(*extras: str) -> str:
    """Return the command that installs extras, for error messages.

    It is safe before the first release: pip keeps the installed Lback and adds the extras.

    Args:
        *extras: What is missing.
    """
    return f'pip install "{requirement(*extras)}"'
