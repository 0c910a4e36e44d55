"""The class of the site's users: `lback.users.User`, or the project's own."""

from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import import_class
from lback.users.models import Account, AdminUser

if TYPE_CHECKING:
    from lback.core.config import Config


def user_model(config: "Config") -> type[Account]:
    """Return the class that the setting `USER_MODEL` names.

    It is a subclass of `lback.users.User`, or a class with the bases `lback.users.Account` and
    `lback.database.Base`.

    Args:
        config: The settings.

    Raises:
        ConfigurationError: The class does not exist, or it is not a mapped account model.
    """
    name = config.USER_MODEL
    try:
        model = import_class(name)
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"USER_MODEL = {name!r}: {error}") from error
    if not issubclass(model, Account) or not hasattr(model, "__tablename__"):
        raise ConfigurationError(
            f"USER_MODEL = {name!r} is not an account model; "
            "write class Customer(Account, Base) with a __tablename__, or class Customer(User)"
        )
    if issubclass(model, AdminUser):
        raise ConfigurationError(
            f"USER_MODEL = {name!r} is the model of the admin's users: "
            "visitors who sign up would become users of the admin; use a subclass of Account"
        )
    return model
