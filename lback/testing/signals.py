"""Records signals that are sent during a test, and makes assertions about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lback.core.exceptions import did_you_mean
from lback.core.signals import SignalDispatcher


@dataclass(frozen=True, slots=True)
class SentSignal:
    """A signal that was sent.

    Attributes:
        name: Name of the signal.
        sender: The object that sent it, or None.
        arguments: Its arguments by name.
    """

    name: str
    sender: Any
    arguments: dict[str, Any]

    def carries(self, arguments: dict[str, Any]) -> bool:
        """Return True if the signal had all of these arguments, compared with `==`.

        Example:
            >>> SentSignal("order_paid", None, {"number": 7, "sum": 20}).carries({"number": 7})
            True
        """
        return all(
            name in self.arguments and self.arguments[name] == value
            for name, value in arguments.items()
        )


class SignalRecorder:
    """Records the signals of a dispatcher, those of Lback and those of the project.

    Attributes:
        sent: The signals in order.

    Example:
        >>> from lback.core.signals import SignalDispatcher
        >>> dispatcher = SignalDispatcher()
        >>> with SignalRecorder().listening(dispatcher) as recorder:
        ...     _ = dispatcher.send("order_paid", number=7)
        >>> recorder.assert_sent("order_paid", number=7).arguments
        {'number': 7}
    """

    def __init__(self) -> None:
        self.sent: list[SentSignal] = []

    @contextmanager
    def listening(self, dispatcher: SignalDispatcher) -> Iterator["SignalRecorder"]:
        """Record signals that are sent in the `with` block; receivers are called as usual.

        Args:
            dispatcher: The dispatcher, such as `app.dispatcher`.
        """
        send = dispatcher.send

        def record(signal_name: str, sender: object | None = None, **arguments: object) -> object:
            self.sent.append(SentSignal(signal_name, sender, arguments))
            return send(signal_name, sender, **arguments)

        # Lback sends some signals only if they have receivers, so all of them must seem to.
        dispatcher.connect(__name__, self.named)
        vars(dispatcher).update(send=record, has_receivers=lambda _: True)
        try:
            yield self
        finally:
            del dispatcher.send, dispatcher.has_receivers
            dispatcher.disconnect(__name__, self.named)

    @property
    def names(self) -> list[str]:
        """The names of the signals in order."""
        return [signal.name for signal in self.sent]

    def named(self, name: str, /, **arguments: object) -> list[SentSignal]:
        """Return the signals with a name and these arguments.

        Args:
            name: Name of the signal.
            **arguments: Arguments that the signal must have; it may have others.
        """
        return [s for s in self.sent if s.name == name and s.carries(arguments)]

    def clear(self) -> None:
        """Remove all recorded signals."""
        self.sent.clear()

    def assert_sent(
        self, name: str, /, *, times: int | None = None, **arguments: object
    ) -> SentSignal:
        """Assert that a signal was sent, and return the last match.

        Args:
            name: Name of the signal.
            times: Exact number of matching signals; None for at least one.
            **arguments: Arguments that the signal must have; it may have others.

        Raises:
            AssertionError: It was not sent; the message shows what was sent instead.
        """
        found = self.named(name, **arguments)
        if found and times in (None, len(found)):
            return found[-1]
        count = f"was sent {len(found)} times, not {times}" if found else "was not sent"
        raise AssertionError(f"the signal {_shown(name, arguments)} {count}; {self._instead(name)}")

    def assert_not_sent(self, name: str, /, **arguments: object) -> None:
        """Assert that no signal was sent with a name and these arguments.

        Args:
            name: Name of the signal.
            **arguments: Arguments of the signal; without any, no signal of the name may be sent.

        Raises:
            AssertionError: A signal was sent; the message shows it.
        """
        found = self.named(name, **arguments)
        if found:
            carried = _shown(name, found[0].arguments)
            raise AssertionError(f"the signal {carried} was sent {len(found)} times")

    def assert_order(self, *names: str) -> None:
        """Assert that signals were sent in this order, with or without others in between.

        Args:
            *names: Names of the signals.

        Raises:
            AssertionError: They were not; the message names the missing signal.
        """
        left = iter(self.names)
        for index, name in enumerate(names):
            if name not in left:
                after = f" after {names[index - 1]!r}" if index else ""
                raise AssertionError(f"{name!r} was not sent{after}; {self._instead(name)}")

    def _instead(self, name: str) -> str:
        same = [signal for signal in self.sent if signal.name == name]
        if same:
            return f"sent instead: {', '.join(_shown(s.name, s.arguments) for s in same)}"
        near = did_you_mean(name, self.names)
        return f"sent instead: {', '.join(dict.fromkeys(self.names)) or 'none'}{near}"


def _shown(name: str, arguments: dict[str, object]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
