"""The session store that the settings choose."""

from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import create_middleware, import_class
from lback.core.settings.validation import check
from lback.sessions.database import DatabaseSessionStore
from lback.sessions.redis import RedisSessionStore
from lback.sessions.store import MemorySessionStore, SessionStore

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.database import DatabaseManager


def session_store(config: "Config", db_manager: "DatabaseManager") -> SessionStore:
    """Build the store that the setting `SESSION_STORE` names.

    The setting is `"database"`, `"memory"`, `"redis"` (at `REDIS_URL`), or the dotted name of a
    class that follows the protocol `SessionStore`. Its constructor gets `config` and `db_manager`
    if it has parameters with these names.

    Args:
        config: The settings.
        db_manager: The database for the store `"database"`.

    Raises:
        ConfigurationError: The store does not exist, or it cannot be built.
    """
    name = config.SESSION_STORE
    if name == "database":
        # In a project migrations create the tables, and would fail if one existed already.
        return DatabaseSessionStore(db_manager, create_table=not config.PROJECT_ROOT)
    if name == "memory":
        return MemorySessionStore()
    if name == "redis":
        return RedisSessionStore.from_url(config.REDIS_URL, config.REDIS_TIMEOUT)
    try:
        check("SESSION_STORE", name)  # one-file applications build it before settings are checked
        dependencies = {"config": config, "db_manager": db_manager}
        store: SessionStore = create_middleware(import_class(name), dependencies)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigurationError(f"SESSION_STORE = {name!r}: {error}") from error
    return store
