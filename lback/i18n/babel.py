"""Babel, imported on first use, with the locale of the current language."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import ConfigurationError
from lback.distribution import install_hint
from lback.translation import get_language

if TYPE_CHECKING:
    from babel import Locale


def require_babel(purpose: str) -> Any:
    """Return the module `babel`.

    Args:
        purpose: What needs it, for the message, such as "format_date".

    Raises:
        ConfigurationError: The extra `i18n` is not installed.
    """
    try:
        import babel  # an optional extra
    except ImportError as error:
        raise ConfigurationError(f"{purpose} needs Babel; run: {install_hint('i18n')}") from error
    return babel


@lru_cache(64)
def locale_of(code: str) -> "Locale":
    """Return Babel's locale for the tag of a language.

    Args:
        code: Tag such as "de", "pt-BR" or "zh-Hans".

    Raises:
        ConfigurationError: The extra `i18n` is not installed.
        ValueError: Babel has no data for the language.
    """
    babel = require_babel(f"the language {code!r}")
    try:
        locale: Locale = babel.Locale.parse(code.replace("-", "_"))
    except (babel.UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError(f"{code!r} is not a language that Babel knows: {error}") from error
    return locale


def current_locale() -> "Locale":
    """Return Babel's locale for the current language."""
    return locale_of(get_language())
