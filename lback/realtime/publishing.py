"""Publishing messages in rooms, at the commit of the transaction that they belong to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lback.core.dependencies import latest_services
from lback.core.exceptions import ConfigurationError
from lback.core.unit_of_work import after_commit, current
from lback.realtime.engines import Engine, engine_of
from lback.realtime.messages import RESERVED, encode_data
from lback.realtime.rooms import INTERNAL, check_name

if TYPE_CHECKING:
    from lback.database.sessions import Session


def publish(room: str, data: object, *, now: bool = False) -> None:
    """Publish a message in a room, once the current transaction has committed.

    The transaction is that of the innermost block `with db_manager.session()`, else that of the
    request or task that is running; after a rollback nothing is published. Without a transaction
    the message is published at once. Messages of a room are numbered in the order of the commits.

    Call it from plain functions: views, tasks, commands. It may wait for the database.

    Args:
        room: Name of the room, such as `ticket-42`; ASCII without spaces.
        data: Values of JSON. The text in `data["event"]`, if any, is the name of the event.
        now: Publish at once, in a transaction of its own, whatever becomes of the current one. On
            SQLite this waits for itself if the current transaction has written.

    Raises:
        TypeError: JSON cannot hold the data, or the name is not text.
        ValueError: The name of the room is not valid, that of the room or of the event is one of
            the framework, or the data is longer than `REALTIME_MESSAGE_BYTES`.
        ConfigurationError: The setting `REALTIME` is empty, or no application exists.

    Example:
        >>> from lback import Application
        >>> from lback.realtime import publish
        >>> app = Application(REALTIME="memory")
        >>> publish("ticket-42", {"event": "comment", "text": "Hello"})
        >>> app.dependencies["realtime"].position("ticket-42").offset
        1
    """
    # As receivers see it: a Struct or an enumeration may name an event as well.
    data = msgspec.to_builtins(data, str_keys=True)
    name = data.get("event") if isinstance(data, dict) else None
    if isinstance(name, str) and name in RESERVED:
        raise ValueError(
            f"the event {name!r} of the message in {room!r} is one of the framework "
            f"({', '.join(sorted(RESERVED))}); use another name"
        )
    if isinstance(room, str) and room.startswith(INTERNAL):
        raise ValueError(
            f"the room {room!r} is one of the framework, as all that begin with {INTERNAL!r}; use "
            "another name"
        )
    publish_event(room, data, now=now)


def publish_event(room: str, data: object, *, now: bool = False) -> None:
    """Publish a message of an application or of the framework itself; see `publish`.

    Args:
        room: Name of the room.
        data: Values of JSON.
        now: Publish at once.
    """
    services = services_here()
    engine = engine_of(services)
    name, json = check_name(room), encode_data(data, engine.limits.message_bytes)
    if now or current.get() is None:
        engine.append(None, {name: [json]})
        return
    session = current_session(services) if engine.in_transaction else None
    if session is None:
        after_commit(engine.append, None, {name: [json]})
        return
    # Imported here: the engine in memory needs no database.
    from lback.database.sessions import note_change

    note_change(session)
    session.before_commit(_append, (engine, name, json))


def current_session(services: Mapping[str, Any]) -> "Session | None":
    """Return the session of the current transaction, opened if necessary; None without one.

    Args:
        services: Services of the application, by name.
    """
    transaction: Any = current.get()
    if transaction is None or services.get("db_manager") is None:
        return None
    session: Session | None = getattr(transaction, "db_session", transaction)
    return session


def _append(session: "Session", items: list[tuple[Engine, str, str]]) -> None:
    batch: dict[str, list[str]] = {}
    for _, room, json in items:
        batch.setdefault(room, []).append(json)
    items[0][0].append(session, batch)


def services_here() -> Mapping[str, Any]:
    """Return the services of the application whose request, session or task is running.

    Outside of these, they are those of the application that was built last.

    Raises:
        ConfigurationError: No application exists.
    """
    transaction: Any = current.get()
    services: Mapping[str, Any] | None = getattr(transaction, "info", {}).get("lback.services")
    if services is None and hasattr(transaction, "app"):
        services = transaction.app.dependencies
    services = services or latest_services()
    if services is None:
        raise ConfigurationError(
            "nothing can be published: no application exists in this process; build it first"
        )
    return services
