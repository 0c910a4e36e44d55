"""The session on a request: plain data that remembers whether it was changed."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

# Where the CSRF middleware keeps its secret; signing in drops it.
CSRF_KEY = "_csrf"


class AppSession(MutableMapping[str, Any]):
    """What an application keeps about a visitor between requests.

    Args:
        data: The values to begin with; copied.
        session_id: The id under which a session manager keeps them; `None` for a new session.

    Attributes:
        modified: Whether a value was set or deleted since it was built. A value that is changed
            in place goes unnoticed: set `modified` then.
    """

    __slots__ = ("_data", "modified", "session_id")

    def __init__(
        self, data: Mapping[str, Any] | None = None, session_id: str | None = None
    ) -> None:
        self._data: dict[str, Any] = dict(data or {})
        self.session_id = session_id
        self.modified = False

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: Any) -> None:
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

    def set(self, key: str, value: Any) -> None:
        """Keep a value under a key."""
        self[key] = value

    def delete(self, key: str) -> None:
        """Forget a key; without effect if it is not there."""
        if key in self._data:
            del self[key]

    def __repr__(self) -> str:
        return f"<AppSession of {len(self._data)} values>"
