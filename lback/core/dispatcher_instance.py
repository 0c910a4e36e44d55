"""The signal dispatcher of the process, used by every service that is not given another."""

from lback.core.signals import SignalDispatcher

dispatcher = SignalDispatcher()


class SignalSender:
    """Base class of objects that send signals.

    `dispatcher` is the one that the object was built with, else that of the process, which is
    looked up at each send so that tests can replace it.
    """

    _dispatcher: SignalDispatcher | None = None

    @property
    def dispatcher(self) -> SignalDispatcher:
        """The dispatcher that this object sends its signals on."""
        return dispatcher if self._dispatcher is None else self._dispatcher
