"""What an application shares under names: instances, and parts that are built when asked for."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from threading import RLock
from typing import Any


class LazyService:
    """A part that is built when its name is first looked up.

    What nobody asks for is neither imported nor built: an application without a database starts
    without the library for it.

    Args:
        build: Returns the part; called once. What it raises reaches whoever asks, each time.
    """

    __slots__ = ("build",)

    def __init__(self, build: Callable[[], Any]) -> None:
        self.build = build


class Dependencies(MutableMapping[str, Any]):
    """Name to instance; a value that is a `LazyService` is built when it is first looked up.

    Threads that ask for the same part at once get the same one.

    Args:
        instances: Copied.
    """

    def __init__(self, instances: Mapping[str, Any]) -> None:
        self._instances = dict(instances)
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
                found = self._instances[name] = found.build()
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
