"""The class of the users: that of the framework, or a project's own."""

from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import import_class
from lback.users.models import Account, AdminUser

if TYPE_CHECKING:
    from lback.core.config import Config


def user_model(config: "Config") -> type[Account]:
    """Return the class that `USER_MODEL` names.

    It is a subclass of `lback.users.User`, or a class of its own made of `lback.users.Account`
    and `lback.database.Base`.

    Raises:
        ConfigurationError: There is no such class, or it has no table of accounts.
    """
    name = config.USER_MODEL
    try:
        model = import_class(name)
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"USER_MODEL = {name!r}: {error}") from error
    if not issubclass(model, Account) or not hasattr(model, "__tablename__"):
        raise ConfigurationError(
            f"USER_MODEL = {name!r} is no model of users; "
            "write class Customer(Account, Base) with a __tablename__, or class Customer(User)"
        )
    if issubclass(model, AdminUser):
        raise ConfigurationError(
            f"USER_MODEL = {name!r} is a model of the admin's users: "
            "whoever registered on the site would be one of them"
        )
    return model
