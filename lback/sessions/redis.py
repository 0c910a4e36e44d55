"""Sessions in Redis or Valkey, which ends them by itself."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lback.sessions.redis_client import Calls, connect
from lback.sessions.session_id import hash_of
from lback.sessions.store import SessionRecord

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "lback:session:"

# In one step, so that a session that is deleted meanwhile does not come back as half a one.
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
    """Keeps each session as a hash of Redis, below the hash of its id.

    Args:
        client: A client of the library `redis`.
        clock: Gives the seconds since the epoch; what is left of a session is counted from it,
            so that the clock of the server does not matter.
    """

    def __init__(self, client: "Redis", *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock
        self._call = Calls()
        self._save = client.register_script(SAVE)
        self._replace = client.register_script(REPLACE)
        self._delete = client.register_script(DELETE)

    @classmethod
    def from_url(cls, url: str) -> "RedisSessionStore":
        """Build a store for a URL such as `"redis://127.0.0.1:6379/0"`; connects when used.

        Raises:
            ConfigurationError: The library is not installed, or it is no such URL.
        """
        return cls(connect(url))

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not."""
        data, created, expires = self._call(
            lambda: self._client.hmget(_key(session_id), ["data", "created_at", "expires_at"])
        )
        if data is None or created is None or expires is None:
            return None
        text = data if isinstance(data, str) else data.decode()
        return SessionRecord(text, float(created), float(expires))

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Keep a new session."""
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
        """Replace the data of a session; false, and without effect, where it is gone."""
        return self._run_save(session_id, expires_at, data)

    def touch(self, session_id: str, expires_at: float) -> None:
        """Move the end of a session and leave its data; without effect where it is gone."""
        self._run_save(session_id, expires_at, "")

    def _run_save(self, session_id: str, expires_at: float, data: str) -> bool:
        arguments: list[Any] = [repr(expires_at), self._milliseconds_to(expires_at), data]
        return bool(self._call(lambda: self._save(keys=[_key(session_id)], args=arguments)))

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Put a record under a new id in the place of a session; false where that is gone."""
        keys = [_key(session_id), _key(new_id)]
        arguments: list[Any] = [
            record.data,
            repr(record.created_at),
            repr(record.expires_at),
            self._milliseconds_to(record.expires_at),
        ]
        return bool(self._call(lambda: self._replace(keys=keys, args=arguments)))

    def delete(self, session_id: str) -> None:
        """Forget a session and all that replaced it; without effect if it is gone."""
        self._call(lambda: self._delete(keys=[_key(session_id)]))

    def delete_expired(self, now: float) -> int:  # noqa: ARG002  the protocol's
        """Do nothing: the server forgets by itself what has expired."""
        return 0

    def _milliseconds_to(self, moment: float) -> int:
        return max(0, int((moment - self._clock()) * 1000))


def _key(session_id: str) -> str:
    return PREFIX + hash_of(session_id)
