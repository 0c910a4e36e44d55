"""Signals that were sent during a test, and what is to be said about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lback.core.exceptions import did_you_mean
from lback.core.signals import SignalDispatcher


@dataclass(frozen=True, slots=True)
class SentSignal:
    """One signal as it was sent.

    Attributes:
        name: Its name.
        sender: Who sent it.
        arguments: What it carried, by name.
    """

    name: str
    sender: Any
    arguments: dict[str, Any]

    def carries(self, arguments: dict[str, Any]) -> bool:
        """Tell whether it carried all of these, as they are compared with `==`."""
        return all(
            name in self.arguments and self.arguments[name] == value
            for name, value in arguments.items()
        )


class SignalRecorder:
    """Keeps every signal of a dispatcher, of Lback and of one's own, in order.

    Attributes:
        sent: The signals.
    """

    def __init__(self) -> None:
        self.sent: list[SentSignal] = []

    @contextmanager
    def listening(self, dispatcher: SignalDispatcher) -> Iterator["SignalRecorder"]:
        """Record all that is sent in the block; receivers hear it as usual."""
        send = dispatcher.send

        def record(signal_name: str, sender: Any | None = None, **arguments: Any) -> Any:
            self.sent.append(SentSignal(signal_name, sender, arguments))
            return send(signal_name, sender, **arguments)

        # Parts of Lback ask first whether anybody listens: somebody does, to all of them.
        dispatcher.connect(__name__, self.named)
        vars(dispatcher).update(send=record, has_receivers=lambda _: True)
        try:
            yield self
        finally:
            del dispatcher.send, dispatcher.has_receivers
            dispatcher.disconnect(__name__, self.named)

    @property
    def names(self) -> list[str]:
        """The names of all that was sent, in order."""
        return [signal.name for signal in self.sent]

    def named(self, name: str, /, **arguments: Any) -> list[SentSignal]:
        """Return the signals of a name that carried these arguments."""
        return [s for s in self.sent if s.name == name and s.carries(arguments)]

    def clear(self) -> None:
        """Forget what was sent."""
        self.sent.clear()

    def assert_sent(
        self, name: str, /, *, times: int | None = None, **arguments: Any
    ) -> SentSignal:
        """Check that a signal was sent, and return the last one.

        Args:
            name: Its name.
            times: How often; `None` means at least once.
            **arguments: What it carried; it may have carried more.

        Raises:
            AssertionError: It was not; tells what was sent instead.
        """
        found = self.named(name, **arguments)
        if found and times in (None, len(found)):
            return found[-1]
        count = f"was sent {len(found)} times, not {times}" if found else "was not sent"
        raise AssertionError(f"the signal {_shown(name, arguments)} {count}; {self._instead(name)}")

    def assert_not_sent(self, name: str, /, **arguments: Any) -> None:
        """Check that no signal of a name was sent with these arguments.

        Raises:
            AssertionError: One was; shows it.
        """
        found = self.named(name, **arguments)
        if found:
            carried = _shown(name, found[0].arguments)
            raise AssertionError(f"the signal {carried} was sent {len(found)} times")

    def assert_order(self, *names: str) -> None:
        """Check that signals were sent one after the other, with or without others in between.

        Raises:
            AssertionError: They were not; tells which one is missing behind which.
        """
        left = iter(self.names)
        for index, name in enumerate(names):
            if name not in left:
                behind = f" behind {names[index - 1]!r}" if index else ""
                raise AssertionError(f"{name!r} was not sent{behind}; {self._instead(name)}")

    def _instead(self, name: str) -> str:
        same = [signal for signal in self.sent if signal.name == name]
        if same:
            return f"sent was {', '.join(_shown(s.name, s.arguments) for s in same)}"
        near = did_you_mean(name, self.names)
        return f"sent were {', '.join(dict.fromkeys(self.names)) or 'none'}{near}"


def _shown(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
