"""Signals: receivers that are connected to a name and called when it is sent."""

import inspect
import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)

Receiver: TypeAlias = Callable[..., Any]


class SignalDispatcher:
    """Calls the receivers of a signal in the order in which they were connected.

    Receivers are kept by strong references until `disconnect`. All methods are safe to call from
    any thread. A send uses the receivers as they were when it began; a receiver may itself send.

    Attributes:
        receivers: Receivers by signal name. A signal without receivers is not a key, so that
            `name in dispatcher.receivers` is a cheap check before work that only a send needs.

    Example:
        >>> from lback.core import SignalDispatcher
        >>> dispatcher = SignalDispatcher()
        >>> def greet(sender, name, **kwargs):
        ...     return f"hello {name}"
        >>> dispatcher.connect("visitor_arrived", greet)
        >>> [result for receiver, result in dispatcher.send("visitor_arrived", name="Ada")]
        ['hello Ada']
    """

    def __init__(self) -> None:
        self.receivers: dict[str, tuple[Receiver, ...]] = {}
        self._observed: dict[frozenset[str], bool] = {}
        self._lock = Lock()

    def connect(self, signal_name: str, receiver: Receiver) -> None:
        """Connect a receiver to a signal. Connecting it twice changes nothing.

        Args:
            signal_name: Name of the signal; any non-empty text.
            receiver: Called as `receiver(sender=…, **kwargs)` at each send.

        Raises:
            TypeError: The name is not text, or the receiver is not callable or is a coroutine
                function, which would never be awaited.
            ValueError: The name is empty.
        """
        _check_name(signal_name)
        _check_receiver(receiver)
        with self._lock:
            present = self.receivers.get(signal_name, ())
            if receiver not in present:
                self._replace(signal_name, (*present, receiver))

    def disconnect(self, signal_name: str, receiver: Receiver) -> None:
        """Disconnect a receiver from a signal. Does nothing if it was not connected.

        Args:
            signal_name: Name of the signal.
            receiver: The receiver, or one that is equal to it, such as the same bound method.
        """
        with self._lock:
            present = self.receivers.get(signal_name, ())
            if receiver in present:
                # Equality, not identity: two reads of a bound method are two objects.
                self._replace(signal_name, tuple(r for r in present if r != receiver))
                return
        logger.debug("disconnect: %r has no such receiver", signal_name)

    def send(
        self, signal_name: str, sender: object | None = None, **kwargs: object
    ) -> list[tuple[Receiver, Any]]:
        """Call every receiver of a signal with the sender and the keyword arguments.

        Args:
            signal_name: Name of the signal.
            sender: The object that sends it; passed as `sender`.
            **kwargs: Passed to each receiver.

        Returns:
            Pairs of receiver and result. The result of a receiver that raised an `Exception` is
            that exception; it is logged, and the other receivers are still called.
        """
        receivers = self.receivers.get(signal_name)
        if receivers is None:
            return []
        logger.debug(
            "signal %s from %s to %d receivers", signal_name, type(sender).__name__, len(receivers)
        )
        results: list[tuple[Receiver, object]] = []
        for receiver in receivers:
            try:
                results.append((receiver, receiver(sender=sender, **kwargs)))
            except Exception as error:  # one receiver must not silence the others
                logger.exception("a receiver of signal %s failed", signal_name)
                results.append((receiver, error))
        return results

    def has_receivers(self, signal_names: frozenset[str]) -> bool:
        """Return True if one of the signals has a receiver. Cached until receivers change."""
        observed = self._observed.get(signal_names)
        if observed is None:
            with self._lock:
                observed = not signal_names.isdisjoint(self.receivers)
                self._observed[signal_names] = observed
        return observed

    def _replace(self, signal_name: str, receivers: tuple[Receiver, ...]) -> None:
        # A new mapping each time: a send in another thread keeps using the one it read.
        changed = {**self.receivers, signal_name: receivers}
        if not receivers:
            del changed[signal_name]
        self.receivers = changed
        self._observed = {}


def _check_name(signal_name: str) -> None:
    if not isinstance(signal_name, str):
        raise TypeError(f"a signal name must be text, not {type(signal_name).__name__}")
    if not signal_name:
        raise ValueError("a signal name must not be empty")


def _check_receiver(receiver: Receiver) -> None:
    if not callable(receiver):
        raise TypeError(f"a receiver must be callable, {type(receiver).__name__} is not")
    call = getattr(receiver, "__call__", None)  # noqa: B004  the method itself is inspected
    if inspect.iscoroutinefunction(receiver) or inspect.iscoroutinefunction(call):
        raise TypeError("a receiver must be a plain function: a coroutine is never awaited")
