"""The password policy that the settings describe."""

from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import create_middleware, import_object
from lback.core.settings.validation import check
from lback.security.password_policy import PasswordPolicy, PasswordValidator

if TYPE_CHECKING:
    from lback.core.config import Config


def password_policy(config: "Config") -> PasswordPolicy:
    """Build the policy from `MIN_PASSWORD_LENGTH`, `PASSWORD_VALIDATORS` and `PASSWORD_WORDS`.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: A validator does not exist or cannot be built; names it.
    """
    try:
        check("PASSWORD_VALIDATORS", config.PASSWORD_VALIDATORS)
    except ValueError as error:
        raise ConfigurationError(f"PASSWORD_VALIDATORS {error}") from None
    words = tuple(config.PASSWORD_WORDS)
    given = {"config": config, "words": words}
    validators = tuple(_validator(item, given) for item in config.PASSWORD_VALIDATORS)
    return PasswordPolicy(config.MIN_PASSWORD_LENGTH, words, validators)


def _validator(item: object, given: dict[str, object]) -> PasswordValidator:
    try:
        target = import_object(item) if isinstance(item, str) else item
        validator: object = create_middleware(target, given) if isinstance(target, type) else target
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"PASSWORD_VALIDATORS names {item!r}: {error}") from error
    if not callable(validator):
        raise ConfigurationError(
            f"PASSWORD_VALIDATORS names {item!r}, which is not callable; write "
            "def validator(password, about) and return a message, or None"
        )
    checked: PasswordValidator = validator
    return checked
