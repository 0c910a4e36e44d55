"""The one dispatcher of the process, on which every part sends unless it is given another."""

from lback.core.signals import SignalDispatcher

dispatcher = SignalDispatcher()


class SignalSender:
    """Gives its subclasses `dispatcher`: the one they were built with, else that of the process.

    The one of the process is looked up at each send, so that a test may replace it.
    """

    _dispatcher: SignalDispatcher | None = None

    @property
    def dispatcher(self) -> SignalDispatcher:
        """The dispatcher that this object sends its signals on."""
        return dispatcher if self._dispatcher is None else self._dispatcher
