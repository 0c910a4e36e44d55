"""Tools for testing applications: a client, recorders of signals, queries and tasks, fixtures.

The fixtures of `lback.testing.plugin` are available wherever pytest and Lback are installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lback.testing.client import Client, ClientResponse
    from lback.testing.contract import ApiContract, ContractReport
    from lback.testing.queries import QueryCounter
    from lback.testing.recorded_tasks import TaskRecorder
    from lback.testing.signals import SentSignal, SignalRecorder
    from lback.testing.transaction import RolledBack

_PLACES = {
    "ApiContract": "contract",
    "Client": "client",
    "ClientResponse": "client",
    "ContractReport": "contract",
    "QueryCounter": "queries",
    "RolledBack": "transaction",
    "SentSignal": "signals",
    "SignalRecorder": "signals",
    "TaskRecorder": "recorded_tasks",
}

__all__ = [
    "ApiContract",
    "Client",
    "ClientResponse",
    "ContractReport",
    "QueryCounter",
    "RolledBack",
    "SentSignal",
    "SignalRecorder",
    "TaskRecorder",
]


def __getattr__(name: str) -> Any:
    # Imported lazily: every run of pytest loads this package for its plugin.
    if name in _PLACES:
        return getattr(import_module(f"lback.testing.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'lback.testing' has no attribute {name!r}")
