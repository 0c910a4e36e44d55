"""What an application shares under names: instances, and parts that are built when asked for."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from threading import RLock
from typing import Any


class LazyService:
    """A part that is built when its name is first looked up.

    What nobody asks for is neither imported nor built: an application without a database starts
    without the library for it.

    Args:
        build: Called once, with the `Dependencies` that the part belongs to, so that it can ask
            for the parts that it needs; returns the part. What it raises reaches the caller, each
            time.
    """

    __slots__ = ("build",)

    def __init__(self, build: "Callable[[Dependencies], Any]") -> None:
        self.build = build


class Unavailable:
    """A part that does not exist because a setting is missing.

    Args:
        setting: Name of the setting that makes it available.
    """

    __slots__ = ("setting",)

    def __init__(self, setting: str) -> None:
        self.setting = setting


class Dependencies(MutableMapping[str, Any]):
    """Name to instance; a value that is a `LazyService` is built when it is first looked up.

    Threads that ask for the same part at once get the same one. A value that is an `Unavailable`
    is not one of the items.

    Args:
        instances: Copied.

    Attributes:
        missing_settings: The setting that each part which is not available needs, by name.
    """

    def __init__(self, instances: Mapping[str, Any]) -> None:
        self.missing_settings = {
            name: value.setting
            for name, value in instances.items()
            if isinstance(value, Unavailable)
        }
        self._instances = {
            name: value for name, value in instances.items() if not isinstance(value, Unavailable)
        }
        # A part may ask for others while it is built.
        self._lock = RLock()

    def __getitem__(self, name: str) -> Any:
        found = self._instances[name]
        return self._built(name) if found.__class__ is LazyService else found

    def get(self, name: str, default: Any = None) -> Any:
        """Return the instance of a name, built if need be, or the default."""
        found = self._instances.get(name, default)
        return self._built(name) if found.__class__ is LazyService else found

    def _built(self, name: str) -> Any:
        with self._lock:
            found = self._instances[name]
            if found.__class__ is LazyService:
                found = self._instances[name] = found.build(self)
            return found

    def is_built(self, name: str) -> bool:
        """Tell whether a part is there and needs no building any more."""
        return name in self._instances and self._instances[name].__class__ is not LazyService

    def __setitem__(self, name: str, value: Any) -> None:
        self._instances[name] = value

    def __delitem__(self, name: str) -> None:
        del self._instances[name]

    def __contains__(self, name: object) -> bool:
        return name in self._instances

    def __iter__(self) -> Iterator[str]:
        return iter(self._instances)

    def __len__(self) -> int:
        return len(self._instances)


def missing_setting(dependencies: Mapping[str, Any], name: str) -> str | None:
    """Return the setting that makes a part available, or `None` if no setting does.

    Args:
        dependencies: The parts that are available, by name.
        name: Name of a part.
    """
    return getattr(dependencies, "missing_settings", {}).get(name)
