"""Live pages: rooms, messages that are published in them, and their readers."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.realtime.connection import Connection, Disconnected
    from lback.realtime.engines import Engine, EngineAway, History
    from lback.realtime.fragments import publish_fragment
    from lback.realtime.hub import Hub, Subscription
    from lback.realtime.messages import Message
    from lback.realtime.positions import Position
    from lback.realtime.presence import present
    from lback.realtime.publishing import publish
    from lback.realtime.rooms import RoomOptions, may_subscribe, room
    from lback.realtime.tickets import issue_ticket

__all__ = [
    "Connection",
    "Disconnected",
    "Engine",
    "EngineAway",
    "History",
    "Hub",
    "Message",
    "Position",
    "RoomOptions",
    "Subscription",
    "issue_ticket",
    "may_subscribe",
    "present",
    "publish",
    "publish_fragment",
    "room",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Connection": "lback.realtime.connection",
        "Disconnected": "lback.realtime.connection",
        "Engine": "lback.realtime.engines",
        "EngineAway": "lback.realtime.engines",
        "History": "lback.realtime.engines",
        "Hub": "lback.realtime.hub",
        "Message": "lback.realtime.messages",
        "Position": "lback.realtime.positions",
        "RoomOptions": "lback.realtime.rooms",
        "Subscription": "lback.realtime.hub",
        "issue_ticket": "lback.realtime.tickets",
        "may_subscribe": "lback.realtime.rooms",
        "present": "lback.realtime.presence",
        "publish": "lback.realtime.publishing",
        "publish_fragment": "lback.realtime.fragments",
        "room": "lback.realtime.rooms",
    },
)
