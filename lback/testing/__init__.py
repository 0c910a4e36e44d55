"""Tools for testing applications: a client, recorders of signals, queries and tasks, fixtures.

The fixtures of `lback.testing.plugin` are available wherever pytest and Lback are installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lback.testing.client import Client, ClientResponse
    from lback.testing.contract import ApiContract, ContractReport
    from lback.testing.published import PublishedRecorder
    from lback.testing.queries import QueryCounter
    from lback.testing.recorded_tasks import TaskRecorder
    from lback.testing.signals import SentSignal, SignalRecorder
    from lback.testing.sockets import (
        EventClient,
        ServerEvent,
        SocketClosed,
        SocketRefused,
        TestSocket,
    )
    from lback.testing.transaction import RolledBack

_PLACES = {
    "ApiContract": "contract",
    "Client": "client",
    "ClientResponse": "client",
    "ContractReport": "contract",
    "EventClient": "sockets",
    "PublishedRecorder": "published",
    "QueryCounter": "queries",
    "RolledBack": "transaction",
    "SentSignal": "signals",
    "ServerEvent": "sockets",
    "SignalRecorder": "signals",
    "SocketClosed": "sockets",
    "SocketRefused": "sockets",
    "TaskRecorder": "recorded_tasks",
    "TestSocket": "sockets",
}

__all__ = [
    "ApiContract",
    "Client",
    "ClientResponse",
    "ContractReport",
    "EventClient",
    "PublishedRecorder",
    "QueryCounter",
    "RolledBack",
    "SentSignal",
    "ServerEvent",
    "SignalRecorder",
    "SocketClosed",
    "SocketRefused",
    "TaskRecorder",
    "TestSocket",
]


def __getattr__(name: str) -> Any:
    # Imported lazily: every run of pytest loads this package for its plugin.
    if name in _PLACES:
        return getattr(import_module(f"lback.testing.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'lback.testing' has no attribute {name!r}")
