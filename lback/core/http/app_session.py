"""The session of a visitor: a mapping that records whether it was modified."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

# Where the CSRF middleware keeps its secret; signing in drops it.
CSRF_KEY = "_csrf"


class AppSession(MutableMapping[str, Any]):
    """The values that an application stores for a visitor between requests.

    Args:
        data: Initial values; copied.
        session_id: The id under which a session manager stores them; `None` for a new session.

    Attributes:
        modified: Whether a value was set or deleted since the session was loaded. Set it to True
            after changing a value in place, which is not noticed.

    Example:
        >>> session = AppSession({"theme": "dark"})
        >>> session["cart"] = [7]
        >>> session.get("theme"), session.modified
        ('dark', True)
    """

    __slots__ = ("_data", "modified", "session_id")

    def __init__(
        self, data: Mapping[str, object] | None = None, session_id: str | None = None
    ) -> None:
        self._data: dict[str, object] = dict(data or {})
        self.session_id = session_id
        self.modified = False

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._data[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._data[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def set(self, key: str, value: object) -> None:
        """Set a value; the same as `session[key] = value`.

        Args:
            key: Name of the value.
            value: Any value that the session store can save, usually JSON data.
        """
        self[key] = value

    def delete(self, key: str) -> None:
        """Delete a value. Does nothing if the key does not exist."""
        if key in self._data:
            del self[key]

    def __repr__(self) -> str:
        return f"<AppSession of {len(self._data)} values>"
