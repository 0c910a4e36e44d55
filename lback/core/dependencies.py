"""The services of an application by name; lazy ones are built when first looked up."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from threading import RLock
from typing import Any
from weakref import ref


class LazyService:
    """A service that is built when its name is first looked up.

    A service that is never used is neither imported nor built: an application without a database
    does not import SQLAlchemy.

    Args:
        build: Called once with the `Dependencies` that it belongs to, from which it takes the
            services that it needs; returns the service. If it raises, the exception reaches the
            caller, and the next lookup calls it again.
    """

    __slots__ = ("build",)

    def __init__(self, build: "Callable[[Dependencies], object]") -> None:
        self.build = build


class Unavailable:
    """A service that does not exist because a setting is missing.

    Args:
        setting: Name of the setting that makes it available.
    """

    __slots__ = ("setting",)

    def __init__(self, setting: str) -> None:
        self.setting = setting


class Dependencies(MutableMapping[str, Any]):
    """A mapping of services by name that builds a `LazyService` when it is first looked up.

    Threads that look up the same service at the same time get the same instance. An `Unavailable`
    is not one of the items.

    Args:
        instances: Services by name; copied.

    Attributes:
        missing_settings: By the name of each unavailable service, the setting that it needs.

    Example:
        >>> services = Dependencies({"clock": LazyService(lambda services: "a clock")})
        >>> services.is_built("clock"), services["clock"], services.is_built("clock")
        (False, 'a clock', True)
    """

    def __init__(self, instances: Mapping[str, object]) -> None:
        self.missing_settings = {
            name: value.setting
            for name, value in instances.items()
            if isinstance(value, Unavailable)
        }
        self._instances = {
            name: value for name, value in instances.items() if not isinstance(value, Unavailable)
        }
        # Reentrant: a service may look up others while it is built.
        self._lock = RLock()

    def __getitem__(self, name: str) -> Any:
        found = self._instances[name]
        return self._built(name) if found.__class__ is LazyService else found

    def get(self, name: str, default: object = None) -> Any:
        """Return a service, built if necessary, or the default.

        Args:
            name: Name of the service.
            default: Returned if the service does not exist.
        """
        found = self._instances.get(name, default)
        return self._built(name) if found.__class__ is LazyService else found

    def _built(self, name: str) -> object:
        with self._lock:
            found = self._instances[name]
            if found.__class__ is LazyService:
                found = self._instances[name] = found.build(self)
            return found

    def is_built(self, name: str) -> bool:
        """Return True if a service exists and has been built."""
        return name in self._instances and self._instances[name].__class__ is not LazyService

    def __setitem__(self, name: str, value: object) -> None:
        self._instances[name] = value

    def __delitem__(self, name: str) -> None:
        del self._instances[name]

    def __contains__(self, name: object) -> bool:
        return name in self._instances

    def __iter__(self) -> Iterator[str]:
        return iter(self._instances)

    def __len__(self) -> int:
        return len(self._instances)


# Weak references to the services of applications, the last one built at the end.
_built: "deque[ref[Dependencies]]" = deque(maxlen=1)


def set_latest(services: Dependencies) -> None:
    """Note the services of the application that was built last; called by its constructor.

    Args:
        services: The services, of which a weak reference is kept.
    """
    _built.append(ref(services))


def latest_services() -> Dependencies | None:
    """Return the services of the application that was built last, if it still exists."""
    return _built[-1]() if _built else None


def missing_setting(dependencies: Mapping[str, object], name: str) -> str | None:
    """Return the setting that an unavailable service needs, or `None`.

    Args:
        dependencies: Services by name, usually a `Dependencies`.
        name: Name of the service.
    """
    return getattr(dependencies, "missing_settings", {}).get(name)
