"""Signals: a name on one side, the callables that want to hear it on the other."""

import inspect
import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)

Receiver: TypeAlias = Callable[..., Any]


class SignalDispatcher:
    """Calls the receivers of a signal in the order they were connected.

    Receivers are held by strong references until `disconnect`. Connecting is safe from any
    thread; a send runs on the receivers as they were when it began, and may itself send.

    Attributes:
        receivers: Signal name to its receivers; a signal without receivers is not in it, so
            that `name in dispatcher.receivers` is the cheapest question before work for a send.
    """

    def __init__(self) -> None:
        self.receivers: dict[str, tuple[Receiver, ...]] = {}
        self._observed: dict[frozenset[str], bool] = {}
        self._lock = Lock()

    def connect(self, signal_name: str, receiver: Receiver) -> None:
        """Have `receiver` called as `receiver(sender=…, **kwargs)` at each send of the signal.

        Connecting the same receiver twice changes nothing.

        Raises:
            TypeError: The name is no text, or the receiver cannot be called or is a coroutine
                function, which nobody would await.
            ValueError: The name is empty.
        """
        _check_name(signal_name)
        _check_receiver(receiver)
        with self._lock:
            present = self.receivers.get(signal_name, ())
            if receiver not in present:
                self._replace(signal_name, (*present, receiver))

    def disconnect(self, signal_name: str, receiver: Receiver) -> None:
        """Stop calling `receiver` for the signal; without effect if it was not connected."""
        with self._lock:
            present = self.receivers.get(signal_name, ())
            if receiver in present:
                # Equality, not identity: two reads of a bound method are two objects.
                self._replace(signal_name, tuple(r for r in present if r != receiver))
                return
        logger.debug("disconnect: %r has no such receiver", signal_name)

    def send(
        self, signal_name: str, sender: Any | None = None, **kwargs: Any
    ) -> list[tuple[Receiver, Any]]:
        """Call every receiver with the sender and the keyword arguments.

        Returns:
            Pairs of receiver and what it returned or, where it raised an `Exception`, that
            exception, which is logged and does not keep the others from being called.
        """
        receivers = self.receivers.get(signal_name)
        if receivers is None:
            return []
        logger.debug(
            "signal %s from %s to %d receivers", signal_name, type(sender).__name__, len(receivers)
        )
        results: list[tuple[Receiver, Any]] = []
        for receiver in receivers:
            try:
                results.append((receiver, receiver(sender=sender, **kwargs)))
            except Exception as error:  # one receiver must not silence the others
                logger.exception("a receiver of signal %s failed", signal_name)
                results.append((receiver, error))
        return results

    def has_receivers(self, signal_names: frozenset[str]) -> bool:
        """Tell whether one of the signals has a receiver; the answer is kept until that changes."""
        observed = self._observed.get(signal_names)
        if observed is None:
            with self._lock:
                observed = not signal_names.isdisjoint(self.receivers)
                self._observed[signal_names] = observed
        return observed

    def _replace(self, signal_name: str, receivers: tuple[Receiver, ...]) -> None:
        # A new mapping each time: a send that runs meanwhile keeps the one it read.
        changed = {**self.receivers, signal_name: receivers}
        if not receivers:
            del changed[signal_name]
        self.receivers = changed
        self._observed = {}


def _check_name(signal_name: str) -> None:
    if not isinstance(signal_name, str):
        raise TypeError(f"a signal name is text, not {type(signal_name).__name__}")
    if not signal_name:
        raise ValueError("a signal name is a non-empty text")


def _check_receiver(receiver: Receiver) -> None:
    if not callable(receiver):
        raise TypeError(f"a receiver must be callable, {type(receiver).__name__} is not")
    call = getattr(receiver, "__call__", None)  # noqa: B004  the method itself is inspected
    if inspect.iscoroutinefunction(receiver) or inspect.iscoroutinefunction(call):
        raise TypeError("a receiver is called, never awaited: connect a plain function")
