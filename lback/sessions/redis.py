"""Session store in Redis or Valkey, which deletes expired sessions by itself."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lback.sessions.redis_client import SECONDS_TO_WAIT, Calls, connect
from lback.sessions.session_id import hash_of
from lback.sessions.store import SessionRecord

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "lback:session:"

# In one step, so that a session that is deleted meanwhile is not partly written again.
SAVE = """
if redis.call('HEXISTS', KEYS[1], 'data') == 0 then return 0 end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'data', ARGV[3]) end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

REPLACE = """
if redis.call('HEXISTS', KEYS[1], 'data') == 0 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'replaced_by', KEYS[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('HSET', KEYS[2], 'data', ARGV[1], 'created_at', ARGV[2], 'expires_at', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"""

DELETE = """
local key = KEYS[1]
while key do
    local next = redis.call('HGET', key, 'replaced_by')
    redis.call('DEL', key)
    key = next
end
"""


class RedisSessionStore:
    """Stores each session as a Redis hash, keyed by a hash of its id.

    Args:
        client: A client of the package `redis`.
        clock: Returns the seconds since the epoch; the remaining time of a session is computed from
            it, so that the clock of the server does not matter.
    """

    def __init__(self, client: "Redis", *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock
        self._call = Calls(client)
        self._save = client.register_script(SAVE)
        self._replace = client.register_script(REPLACE)
        self._delete = client.register_script(DELETE)

    @classmethod
    def from_url(cls, url: str, timeout: float = SECONDS_TO_WAIT) -> "RedisSessionStore":
        """Return a store for a URL such as `"redis://127.0.0.1:6379/0"`; it connects when used.

        Args:
            url: A URL with the scheme `redis`, `rediss` or `unix`.
            timeout: Seconds to wait for a connection and for each reply.

        Raises:
            ConfigurationError: The package redis is not installed, or the URL is not valid.
        """
        return cls(connect(url, timeout))

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not; `None` if there is none."""
        data, created, expires = self._call(
            lambda: self._client.hmget(_key(session_id), ["data", "created_at", "expires_at"])
        )
        if data is None or created is None or expires is None:
            return None
        text = data if isinstance(data, str) else data.decode()
        return SessionRecord(text, float(created), float(expires))

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Store a new session.

        Args:
            session_id: Id of the session; only its hash is stored.
            record: The session.
        """
        key = _key(session_id)
        fields: dict[Any, Any] = {
            "data": record.data,
            "created_at": repr(record.created_at),
            "expires_at": repr(record.expires_at),
        }
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hset(key, mapping=fields)
        pipeline.pexpire(key, self._milliseconds_to(record.expires_at))
        self._call(pipeline.execute)

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data and the expiry of a session.

        Args:
            session_id: Id of the session.
            data: The new data as JSON.
            expires_at: The new expiry, in seconds since the epoch.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        return self._run_save(session_id, expires_at, data)

    def touch(self, session_id: str, expires_at: float) -> None:
        """Change the expiry of a session and leave its data; without effect if it does not exist.

        Args:
            session_id: Id of the session.
            expires_at: The new expiry, in seconds since the epoch.
        """
        self._run_save(session_id, expires_at, "")

    def _run_save(self, session_id: str, expires_at: float, data: str) -> bool:
        arguments: list[str | bytes | int] = [
            repr(expires_at),
            self._milliseconds_to(expires_at),
            data,
        ]
        return bool(self._call(lambda: self._save(keys=[_key(session_id)], args=arguments)))

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Replace a session by a record under a new id, in one step.

        Args:
            session_id: Id of the session that ends.
            new_id: Id of the session that replaces it.
            record: The new session.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        keys = [_key(session_id), _key(new_id)]
        arguments: list[str | bytes | int] = [
            record.data,
            repr(record.created_at),
            repr(record.expires_at),
            self._milliseconds_to(record.expires_at),
        ]
        return bool(self._call(lambda: self._replace(keys=keys, args=arguments)))

    def delete(self, session_id: str) -> None:
        """Delete a session and all that replaced it; without effect if it does not exist."""
        self._call(lambda: self._delete(keys=[_key(session_id)]))

    def delete_expired(self, now: float) -> int:  # noqa: ARG002  the protocol has it
        """Do nothing and return 0: the server deletes expired sessions by itself.

        Args:
            now: Not used; required by the protocol.
        """
        return 0

    def _milliseconds_to(self, moment: float) -> int:
        return max(0, int((moment - self._clock()) * 1000))


def _key(session_id: str) -> str:
    return PREFIX + hash_of(session_id)
