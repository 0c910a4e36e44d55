"""Lost rights: published when they happen, so that connections are checked again at once."""

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lback.realtime.engines import engine_of
from lback.realtime.rooms import INTERNAL

if TYPE_CHECKING:
    from lback.core.routing.websocket_route import Entry

logger = logging.getLogger("lback.realtime")

ROOM = f"{INTERNAL}access"


class AccessChange(msgspec.Struct):
    """What a process that keeps connections is told.

    Attributes:
        accounts: Keys of accounts; see `account_key`.
        session: Key of a session that has ended; empty if none has.
        everyone: Whether any account may have lost rights.
    """

    accounts: list[str] = []
    session: str = ""
    everyone: bool = False


def account_key(account: Any) -> str:
    """Return the text that stands for an account; empty for None.

    Args:
        account: The account of a connection, or None.
    """
    number = getattr(account, "id", None)
    return "" if number is None else f"{getattr(account, 'signs_in_as', 'user')}:{number}"


def session_key(session_id: str | None) -> str:
    """Return the text that stands for a session, from which its id cannot be learned.

    Args:
        session_id: Its id; None gives an empty text.
    """
    return hashlib.sha256(session_id.encode()).hexdigest() if session_id else ""


def access_keys(entry: "Entry") -> frozenset[str]:
    """Return the keys of the accounts and of the session of a connection.

    Args:
        entry: Who has passed the handshake.
    """
    accounts = {account_key(entry.user), account_key(entry.admin_user)}
    keys = {*accounts, session_key(entry.session_id)}
    return frozenset(keys - {""})


def session_ended(services: Mapping[str, Any], session_id: str) -> None:
    """Publish that a session has ended.

    Args:
        services: Services of the application, by name.
        session_id: Id of the session, which is not stored any more.
    """
    publish_change(services, AccessChange(session=session_key(session_id)))


def publish_change(services: Mapping[str, Any], change: AccessChange) -> None:
    """Publish that rights were lost, or log that the engine does not answer.

    Args:
        services: Services of the application, by name.
        change: Whose rights.
    """
    engine = engine_of(services)
    try:
        engine.append(None, {ROOM: [msgspec.json.encode(change).decode()]})
    except engine.errors as error:
        # Connections are checked every few seconds anyway.
        logger.warning("a lost right could not be published: %s", error)
